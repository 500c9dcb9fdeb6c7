package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"claviger/internal/access"
)

// testEndings: all that ends for good is written down in its own transaction, once,
// and numbered; what did not happen is not.
func testEndings(t *testing.T, s *suite) {
	s.world()
	s.equal("none", get(s, access.ReadTx.LastEnding), int64(0))
	s.update(func(tx access.Tx) error {
		return errors.Join(
			tx.InsertCredential(token("tok_1")), tx.InsertCredential(token("tok_2")),
			expect("revoke", true)(tx.RevokeCredential("tok_1", after(20), "Ada", "leaked")),
			expect("revoke again", false)(tx.RevokeCredential("tok_1", after(21), "Ada", "leaked")),
			expect("shorten", true)(tx.EndCredential("tok_2", after(22))),
			expect("lengthen", false)(tx.EndCredential("tok_2", after(23))),
			expect("disable", true)(tx.DisableUser("usr_2", after(24))),
			expect("disable again", false)(tx.DisableUser("usr_2", after(25))),
			expect("remove", true)(tx.DeleteMembership("org_1", "usr_1", after(26))),
		)
	})
	err := s.store.Update(t.Context(), func(tx access.Tx) error {
		return errors.Join(expect("revoke", true)(tx.RevokeCredential("tok_2", after(27), "", "")), errStop)
	})
	if !errors.Is(err, errStop) {
		t.Errorf("rolled back: %v", err)
	}
	want := []access.Ending{
		{N: 1, At: after(20), Kind: access.EndedCredential, ID: "tok_1"},
		{N: 2, At: after(22), Kind: access.ShortenedCredential, ID: "tok_2"},
		{N: 3, At: after(24), Kind: access.EndedUser, ID: "usr_2"},
		{N: 4, At: after(26), Kind: access.EndedMembership, ID: "org_1/usr_1"},
	}
	list := func(n int64, limit int) []access.Ending {
		t.Helper()
		return get(s, func(tx access.ReadTx) ([]access.Ending, error) { return tx.EndingsAfter(n, limit) })
	}
	s.equal("all", list(0, 10), want)
	s.equal("some", list(1, 2), want[1:3])
	s.update(func(tx access.Tx) error {
		return errors.Join(tx.SkipEndings(3, after(30)), tx.SkipEndings(9, after(31)))
	})
	s.equal("skipped to", list(4, 10), []access.Ending{{N: 10, At: after(31), Kind: access.EndedNothing}})
	s.update(func(tx access.Tx) error {
		_, err := tx.Sweep(after(0).AddDate(1, 0, 0), 100)
		return err
	})
	s.equal("the last one outlives the sweep", list(0, 10), []access.Ending{{N: 10, At: after(31), Kind: access.EndedNothing}})
}

var errStop = errors.New("stop")

// testCheckpoints: events that were moved out leave a checkpoint.
func testCheckpoints(t *testing.T, s *suite) {
	s.update(func(tx access.Tx) error {
		var errs []error
		for range 5 {
			errs = append(errs, appendEvent(tx, access.Event{Act: access.ActSignIn}))
		}
		return errors.Join(errs...)
	})
	after3 := func() []int64 {
		t.Helper()
		var seqs []int64
		for _, e := range get(s, func(tx access.ReadTx) ([]access.Event, error) { return tx.EventsAfter(2, 2) }) {
			seqs = append(seqs, e.Seq)
		}
		return seqs
	}
	if got := after3(); !slices.Equal(got, []int64{3, 4}) {
		t.Errorf("events after 2: %v", got)
	}
	missing(s, "no checkpoint", access.ReadTx.Checkpoint)
	c := access.Checkpoint{Head: access.EventHead{Seq: 3, Hash: []byte{1, 2}, At: after(3)}, Count: 3, PrunedAt: after(9), Signature: "a.b"}
	s.update(func(tx access.Tx) error {
		n, err := tx.DeleteEvents(3)
		if n != 3 {
			t.Errorf("%d events deleted", n)
		}
		return errors.Join(err, tx.InsertCheckpoint(access.Checkpoint{Head: access.EventHead{Seq: 1, Hash: []byte{1}}, PrunedAt: after(1), Signature: "x"}), tx.InsertCheckpoint(c))
	})
	s.equal("the latest", get(s, access.ReadTx.Checkpoint), c)
	c.Signature = "c.d"
	s.update(func(tx access.Tx) error { return tx.SignCheckpoint(3, c.Signature) })
	s.equal("signed anew", get(s, access.ReadTx.Checkpoint), c)
	if got := after3(); !slices.Equal(got, []int64{4, 5}) {
		t.Errorf("events after 2, when they are gone: %v", got)
	}
	odd := func(encoding string) int64 {
		return get(s, func(tx access.ReadTx) (int64, error) { return tx.OddEvent(encoding) })
	}
	s.equal("all of one encoding", odd(access.EventEncoding), int64(0))
	s.equal("the first of another", odd("other"), int64(4))
}

// testAllAccessTokens: what a restore ends that knows of no endings.
func testAllAccessTokens(t *testing.T, s *suite) {
	s.world()
	s.update(func(tx access.Tx) error {
		over, gone := accessToken("act_2", 2), accessToken("act_3", 3)
		over.ExpiresAt, gone.RevokedAt = after(5), after(4)
		return errors.Join(tx.InsertAccessToken(accessToken("act_1", 1)), tx.InsertAccessToken(over), tx.InsertAccessToken(gone))
	})
	for _, want := range []int{1, 0} {
		s.update(func(tx access.Tx) error {
			n, err := tx.RevokeAllAccessTokens(after(10), "ann", "restored")
			s.equal("ended", n, want)
			return err
		})
	}
	for id, want := range map[string]time.Time{"act_1": after(10), "act_2": {}, "act_3": after(4)} {
		a := get(s, func(tx access.ReadTx) (access.AccessToken, error) { return tx.AccessToken(id) })
		s.equal(id, a.RevokedAt, want)
	}
}

// testUnconfirmed: what a restore marks, and what takes the mark off.
func testUnconfirmed(t *testing.T, s *suite) {
	s.world()
	ended := token("tok_3")
	ended.ExpiresAt = after(5)
	s.update(func(tx access.Tx) error {
		return errors.Join(tx.InsertCredential(token("tok_1")), tx.InsertCredential(token("tok_2")), tx.InsertCredential(ended))
	})
	marked := func(now time.Time) []string {
		t.Helper()
		var ids []string
		for _, c := range get(s, func(tx access.ReadTx) ([]access.Credential, error) { return tx.UnconfirmedCredentials(now) }) {
			s.equal("since", c.UnconfirmedAt, after(10))
			ids = append(ids, c.ID)
		}
		return ids
	}
	s.equal("none", marked(after(9)), []string(nil))
	s.update(func(tx access.Tx) error {
		_, err := tx.MarkUnconfirmed(after(10))
		return err
	})
	if got := marked(after(11)); !slices.Contains(got, "tok_1") || !slices.Contains(got, "tok_2") || slices.Contains(got, "tok_3") {
		t.Errorf("marked: %v", got)
	}
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("confirm", true)(tx.ConfirmCredential("tok_1")), expect("confirm again", false)(tx.ConfirmCredential("tok_1")),
			expect("revoke", true)(tx.RevokeCredential("tok_2", after(12), "", "")), expect("confirm what is revoked", false)(tx.ConfirmCredential("tok_2")),
		)
	})
	if got := marked(after(13)); slices.Contains(got, "tok_1") || slices.Contains(got, "tok_2") {
		t.Errorf("still marked: %v", got)
	}
}
