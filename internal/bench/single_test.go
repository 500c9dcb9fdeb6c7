package bench

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// TestSingles prints what is measured one by one, within this process or as a process
// as a whole.
func TestSingles(t *testing.T) {
	out := &report{}
	s := testkit.Server(t, testkit.Limits(func(l *access.Limits) { l.Remembered = 64 })) // one a shard
	s.Organization("acme")
	s.Application("acme", "orders")
	decision(t, out, s)
	notInMemory(t, out, s)
	durable(t, out, s)
	program(t, out)
	out.print(t)
}

// times is how often each of what is measured here is done.
func times() int {
	if inEarnest() {
		return 2000
	}
	return 20
}

// alternately does one and the other in turn and returns what each took, in medians.
func alternately(t *testing.T, n int, one, other func() error) (a, b time.Duration) {
	t.Helper()
	var as, bs []time.Duration
	timed := func(do func() error) time.Duration {
		began := time.Now()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		return time.Since(began)
	}
	for range n {
		as, bs = append(as, timed(one)), append(bs, timed(other))
	}
	return median(as), median(bs)
}

func bearer(s secret.Secret) access.Request {
	return access.Request{
		Organization: "acme", Application: "orders", API: "backend", WantAPI: true, Method: http.MethodGet,
		Presented: access.Presented{Way: access.WayBearer, Secret: s},
	}
}

// decision compares a decision on what is in memory with the HMAC that is a part of it.
func decision(t *testing.T, out *report, s *testkit.Site) {
	token := s.Token("acme", "orders", "decision", "").Secret
	r := bearer(token)
	const batch = 1000
	judge := func() error {
		for range batch {
			if v, err := s.Verifier.Verify(t.Context(), r); err != nil || !v.Accepted() {
				return fmt.Errorf("not accepted: %v", err)
			}
		}
		return nil
	}
	hmac := func() error {
		for range batch {
			s.Keys.Sum(token)
		}
		return nil
	}
	whole, part := alternately(t, max(times()/10, 5), judge, hmac)
	beyond := float64((whole - part).Nanoseconds()) / batch / 1000
	allocations := testing.AllocsPerRun(1000, func() { _, _ = s.Verifier.Verify(t.Context(), r) })
	out.most("the decision in process, beyond its HMAC", fmt.Sprintf("%.2f µs, of which the HMAC %.2f µs", float64(whole.Nanoseconds())/batch/1000, float64(part.Nanoseconds())/batch/1000), beyond, 0.3, " µs")
	out.most("allocations of the decision", fmt.Sprintf("%.0f", allocations), max(allocations, 0.001), 3, "")
}

// notInMemory compares a decision on a credential that is not in memory, of an
// application that is, with the lookup that it needs, and that alone: the same
// statement, prepared, by database/sql.
func notInMemory(t *testing.T, out *report, s *testkit.Site) {
	secrets := make([]secret.Secret, 500)
	for i := range secrets {
		secrets[i] = s.Token("acme", "orders", fmt.Sprint(i), "").Secret
	}
	lookup := bareLookup(t, filepath.Join(s.DataDir, "claviger.db"))
	i := 0
	judge := func() error { // each comes again only after 499 others
		i++
		v, err := s.Verifier.Verify(t.Context(), bearer(secrets[i%len(secrets)]))
		if err == nil && !v.Accepted() {
			err = fmt.Errorf("not accepted: %s", v.Reason)
		}
		return err
	}
	bare := func() error { return lookup(s.Keys.Digest(secrets[i%len(secrets)])) }
	took, least := alternately(t, times(), judge, bare)
	out.most("credential not in memory, against the bare lookup (time)", fmt.Sprintf("%.1f µs against %.1f µs", us(took), us(least)), float64(took)/float64(least), 1.5, "")
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// bareLookup returns the least that a lookup of a credential is.
func bareLookup(t *testing.T, path string) func(secret.Digest) error {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_query_only=1")
	if err != nil {
		t.Fatal(err)
	}
	stmt, err := db.Prepare(`SELECT * FROM credentials WHERE digest = $1 AND key_id = $2`)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = stmt.Close(), db.Close() })
	return func(d secret.Digest) error {
		rows, err := stmt.Query(d.Sum, d.KeyID)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		names, err := rows.Columns()
		if err != nil {
			return err
		}
		into := make([]any, len(names))
		for i := range into {
			into[i] = new(any)
		}
		if !rows.Next() {
			return fmt.Errorf("the bare lookup finds nothing: %v", rows.Err())
		}
		return rows.Scan(into...)
	}
}

// durable compares the making of a token with a commit of the rows that it makes, with
// synchronous FULL, and that alone.
func durable(t *testing.T, out *report, s *testkit.Site) {
	commit := bareCommit(t, filepath.Join(s.DataDir, "claviger.db"))
	issue := func() error {
		_, err := s.Registry.IssueToken(t.Context(), s.Operator(), "acme", "orders", access.Draft{Label: "durable"})
		return err
	}
	took, least := alternately(t, max(times()/10, 5), issue, commit)
	out.most("a token is made, against a bare commit of its rows (time)", fmt.Sprintf("%.0f µs against %.0f µs", us(took), us(least)), float64(took)/float64(least), 1.5, "")
}

// bareCommit returns the commit of a copy of the latest token and the latest event in
// a database of its own with the same schema.
func bareCommit(t *testing.T, from string) func() error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy.db")
	source, err := sql.Open("sqlite", "file:"+from)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := source.Exec(`VACUUM INTO ?`, path); err != nil {
		t.Fatal(err)
	}
	if err := source.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(1)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	token, event := copying(t, db, "credentials", "kind = 'token'"), copying(t, db, "events", "1 = 1")
	n := 0
	return func() error {
		n++
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if err := token(tx, n); err != nil {
			return err
		}
		if err := event(tx, n); err != nil {
			return err
		}
		return tx.Commit()
	}
}

// copying returns what inserts the last row of a table once more, with what has to be
// unique changed.
func copying(t *testing.T, db *sql.DB, table, which string) func(*sql.Tx, int) error {
	t.Helper()
	rows, err := db.Query(`SELECT * FROM ` + table + ` WHERE ` + which + ` ORDER BY rowid DESC LIMIT 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil || !rows.Next() {
		t.Fatalf("no row to copy in %s: %v", table, err)
	}
	row, into := make([]any, len(names)), make([]any, len(names))
	for i := range row {
		into[i] = &row[i]
	}
	if err := rows.Scan(into...); err != nil {
		t.Fatal(err)
	}
	text := `INSERT INTO ` + table + ` VALUES (?` + strings.Repeat(`, ?`, len(names)-1) + `)`
	return func(tx *sql.Tx, n int) error {
		for i, name := range names {
			switch name {
			case "id":
				row[i] = fmt.Sprintf("copy_%026d", n)
			case "seq":
				row[i] = 1_000_000 + n
			case "digest", "hash":
				row[i] = fmt.Appendf(nil, "%032d", n)
			}
		}
		_, err := tx.Exec(text, row...)
		return err
	}
}

// program measures the process as a whole: its start, its memory, its file.
func program(t *testing.T, out *report) {
	p := testkit.Start(t, t.TempDir(), nil) // makes the database
	p.Stop()
	var starts []time.Duration
	for range max(times()/200, 1) {
		starts = append(starts, started(t, p))
	}
	p.Start()
	out.most("start, to the first answer, with a database that is there", fmt.Sprintf("median of %d", len(starts)), float64(median(starts).Microseconds())/1000, 60, " ms")
	out.most("memory of a server that has nothing to do", "VmRSS", resident(t, p.PID()), 30, " MiB")
	path := filepath.Join(t.TempDir(), "claviger")
	if !inEarnest() {
		path = testkit.Binary(t) // one that is built anyway
	} else if output, err := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "claviger/cmd/claviger").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, output)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	out.most("the binary, stripped", "", float64(info.Size())/1e6, 32, " MB")
}

// started runs the program and returns how long it took to its first answer.
func started(t *testing.T, p *testkit.Process) time.Duration {
	t.Helper()
	command := exec.Command(testkit.Binary(t), "serve", "--config", p.Config)
	command.Dir = p.Dir
	began := time.Now()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	for range 100_000 {
		response, err := client.Get(p.ConsoleURL + "/healthz")
		if err == nil {
			_ = response.Body.Close()
			return time.Since(began)
		}
	}
	t.Fatal("no answer")
	return 0
}
