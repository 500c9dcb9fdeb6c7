package store

import (
	"strconv"
	"sync"
	"testing"

	"claviger/internal/access"
)

// asks asks a question in a transaction of its own.
func asks(t *testing.T, s *Store, text string) {
	t.Helper()
	var n int
	err := s.View(t.Context(), func(r access.ReadTx) error { return r.(*tx).one([]any{&n}, text) })
	if err != nil {
		t.Error(err)
	}
}

// TestStatementsAreLearnt: what is asked for a second time is kept ready, what is asked
// for once is not.
func TestStatementsAreLearnt(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	const text = `SELECT COUNT(*) FROM users`
	asks(t, s, text)
	if s.read.ready()[text] != nil {
		t.Error("what was asked for once is kept ready")
	}
	asks(t, s, text)
	kept := s.read.ready()[text]
	if kept == nil {
		t.Fatal("what was asked for twice is not kept ready")
	}
	asks(t, s, text)
	if s.read.ready()[text] != kept {
		t.Error("what was ready was prepared once more")
	}
	const wrong = `SELECT nothing FROM nowhere`
	for range 3 {
		if err := s.View(t.Context(), func(r access.ReadTx) error { return r.(*tx).do(wrong) }); err == nil {
			t.Error("a statement that is wrong has no error")
		}
	}
	if s.read.ready()[wrong] != nil {
		t.Error("a statement that is wrong is kept ready")
	}
}

// TestStatementsThatChange: the connection that writes learns, too, and what it learnt
// sees what was changed since.
func TestStatementsThatChange(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	const text = `INSERT INTO nonces (nonce, used_at) VALUES ($1, $2)`
	for i := range 5 {
		err := s.Update(t.Context(), func(w access.Tx) error { return w.(*tx).do(text, strconv.Itoa(i), i) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if s.write.ready()[text] == nil {
		t.Error("a change that was made five times is not kept ready")
	}
	var n int
	for range 3 {
		err := s.Update(t.Context(), func(w access.Tx) error {
			if err := w.(*tx).do(`DELETE FROM nonces WHERE used_at = $1`, n); err != nil {
				return err
			}
			return w.(*tx).one([]any{&n}, `SELECT COUNT(*) FROM nonces`)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n != 2 { // 0, then 4, then 3 are gone
		t.Errorf("%d rows are left, want 2", n)
	}
}

// TestStatementsAreBounded: a caller who filters in ever new ways fills no memory, and
// many who ask at once do not wait for each other.
func TestStatementsAreBounded(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	var askers sync.WaitGroup
	for asker := range 8 {
		askers.Go(func() {
			for i := range 2 * mostStatements {
				asks(t, s, `SELECT `+strconv.Itoa(i%(mostStatements+asker)))
			}
		})
	}
	askers.Wait()
	if n := len(s.read.ready()); n > mostStatements {
		t.Errorf("%d statements are kept, want %d at most", n, mostStatements)
	}
	const text = `SELECT COUNT(*) FROM sessions`
	asks(t, s, text)
	asks(t, s, text)
}

// TestListsOfManyLengths: an IN list finds each of its texts, however many there are, and
// lists of many lengths share few statements.
func TestListsOfManyLengths(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	texts := map[string]bool{}
	var all []string
	for i := range 70 {
		all = append(all, strconv.Itoa(i))
		w := &conditions{}
		text := `SELECT COUNT(*) FROM nonces n WHERE n.nonce IN ` + w.places(all)
		texts[text] = true
		var n int
		err := s.Update(t.Context(), func(u access.Tx) error {
			if err := u.(*tx).do(`INSERT INTO nonces (nonce, used_at) VALUES ($1, 0)`, all[i]); err != nil {
				return err
			}
			return u.(*tx).one([]any{&n}, text, w.args...)
		})
		if err != nil || n != len(all) {
			t.Fatalf("of %d texts %d were found: %v", len(all), n, err)
		}
	}
	if len(texts) != 8 {
		t.Errorf("lists of up to 70 texts have %d statements, want 8", len(texts))
	}
}
