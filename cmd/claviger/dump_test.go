package main_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"claviger/internal/testkit"
)

// lists waits until a node's file of revocations names something.
func lists(t *testing.T, p *testkit.Process, id string) {
	t.Helper()
	eventually(t, "the file of revocations names "+id, func() bool {
		text, err := os.ReadFile(filepath.Join(p.DataDir, "revocations"))
		return err == nil && strings.Contains(string(text), " credential "+id+" ")
	})
}

// TestDumpKeepsRevocations (S15, S17 on PostgreSQL): a dump that is put back is refused by every node until somebody
// agrees; then every live credential works, and nothing that was revoked on whichever node comes back.
func TestDumpKeepsRevocations(t *testing.T) {
	t.Parallel()
	server := testkit.SharedPostgres(t)
	database, keyFile, dump := server.EmptyDatabase(t), filepath.Join(t.TempDir(), "claviger.key"), filepath.Join(t.TempDir(), "claviger.dump")
	a := testkit.Start(t, t.TempDir(), shared(database, keyFile))
	b := testkit.Start(t, t.TempDir(), shared(database, keyFile))
	f := furnishOn(t, a)
	onB := must(t, b, "", "token", "create", "acme/orders", "--label", "revoked on b", "--reason", reason)
	server.Dump(t, database, dump)
	f.cutOff(t)
	id := f.id(t, "revoked on b")
	must(t, b, "", "token", "revoke", id, "--reason", reason)
	lists(t, a, id)
	lists(t, b, f.id(t, "revoked"))
	must(t, a, "", "app", "add", "acme/last") // the last word is a's, and only an event
	a.Kill()
	b.Kill()
	server.Undump(t, database, dump)
	for _, p := range []*testkit.Process{a, b} {
		for _, words := range [][]string{{"serve"}, {"org", "list"}} {
			if _, stderr, code := p.Run("", words...); code != 1 || !strings.Contains(stderr, "acts that were acknowledged are missing") || !strings.Contains(stderr, "--accept-data-loss") {
				t.Errorf("%v: exit code %d: %s", words, code, stderr)
			}
		}
	}
	for _, p := range []*testkit.Process{a, b} { // one after the other
		p.Start("--accept-data-loss")
		f.Process = p
		f.expect(t, "after", http.StatusOK, http.StatusUnauthorized, http.StatusUnauthorized)
		if status, body, err := present(p.GatewayURL+"/acme/orders/backend/x", "Bearer "+onB); err != nil || status != http.StatusUnauthorized {
			t.Errorf("what was revoked on b: %d, %v: %s", status, err, body)
		}
		f.nobodyIsBack(t)
		if list := must(t, p, "", "unconfirmed", "--json"); list != "[]" {
			t.Errorf("everything is known, and still unconfirmed: %s", list)
		}
		must(t, p, "", "audit", "verify")
	}
	a.Stop()
	a.Start() // once is enough
	must(t, a, "", "app", "add", "acme/next")
}

// TestDumpOfOneNodeOnly: what only the second node's file lists ends again, although the first one has gone on already
// and given the same numbers anew.
func TestDumpOfOneNodeOnly(t *testing.T) {
	t.Parallel()
	server := testkit.SharedPostgres(t)
	database, keyFile, dump := server.EmptyDatabase(t), filepath.Join(t.TempDir(), "claviger.key"), filepath.Join(t.TempDir(), "claviger.dump")
	a := testkit.Start(t, t.TempDir(), shared(database, keyFile))
	b := testkit.Start(t, t.TempDir(), shared(database, keyFile))
	f := furnishOn(t, a)
	server.Dump(t, database, dump)
	f.expect(t, "before", http.StatusOK, http.StatusOK, http.StatusOK)
	must(t, a, "", "app", "add", "acme/seen") // by both: so that a is behind, too
	lastSeen := must(t, a, "", "token", "create", "acme/orders", "--label", "seen", "--reason", reason)
	seen := f.id(t, "seen")
	must(t, a, "", "token", "revoke", seen, "--reason", reason)
	lists(t, b, seen)
	a.Kill() // from here on it hears of nothing
	f.Process = b
	f.cutOff(t)
	b.Kill()
	server.Undump(t, database, dump)
	a.Start("--accept-data-loss")
	must(t, a, "", "token", "create", "acme/orders", "--label", "another", "--reason", reason)
	f.Process = a
	must(t, a, "", "token", "revoke", f.id(t, "another"), "--reason", reason)
	b.Start("--accept-data-loss")
	f.Process = b
	f.expect(t, "after both", http.StatusOK, http.StatusUnauthorized, http.StatusUnauthorized)
	if status, _, err := present(b.GatewayURL+"/acme/orders/backend/x", "Bearer "+lastSeen); err != nil || status != http.StatusUnauthorized {
		t.Errorf("a token that the dump does not know: %d, %v", status, err)
	}
}

// TestDatabasePutBackWhileItRuns: a server that runs finds out that acts are missing. It remembers nothing, refuses every
// act, and says so; and it heals when the right database is back.
func TestDatabasePutBackWhileItRuns(t *testing.T) {
	t.Parallel()
	server := testkit.SharedPostgres(t)
	database, dir := server.EmptyDatabase(t), t.TempDir()
	p := testkit.Start(t, t.TempDir(), shared(database, filepath.Join(dir, "claviger.key")))
	f := furnishOn(t, p)
	admin := elevated(t, p, owner, testkit.Password)
	f.expect(t, "before", http.StatusOK, http.StatusOK, http.StatusOK)
	server.Dump(t, database, filepath.Join(dir, "old"))
	f.cutOff(t)
	server.Dump(t, database, filepath.Join(dir, "right"))
	server.Undump(t, database, filepath.Join(dir, "old"))
	ready := func() string {
		response, err := http.Get(p.ConsoleURL + "/readyz")
		if err != nil {
			return err.Error()
		}
		defer func() { _ = response.Body.Close() }()
		text, _ := io.ReadAll(response.Body)
		return string(text)
	}
	eventually(t, "the server notices", func() bool { return strings.Contains(ready(), "lacks acts that were acknowledged") })
	if token, _, err := admin.createToken("too late"); token != "" || err != nil {
		t.Errorf("it made a token: %q, %v", token, err)
	}
	if status, _, err := admin.post(orders+"/tokens", "label", "too late", "expires", "90d"); err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("an act: %d, %v", status, err)
	}
	if _, body, err := admin.get("/orgs/acme/nodes"); err != nil || !strings.Contains(body, "lacks acts that were acknowledged") {
		t.Errorf("the page of nodes: %v: %s", err, body)
	}
	if _, stderr, code := p.Run("", "app", "add", "acme/late"); code != 1 || !strings.Contains(stderr, "acts that were acknowledged are missing") {
		t.Errorf("a command: exit code %d: %s", code, stderr)
	}
	if log := p.Stderr(); !strings.Contains(log, "was put back while this server runs") {
		t.Errorf("nothing in the log:\n%s", log)
	}
	server.Undump(t, database, filepath.Join(dir, "right"))
	eventually(t, "the server heals", func() bool { return ready() == "ok\n" })
	f.expect(t, "healed", http.StatusOK, http.StatusUnauthorized, http.StatusUnauthorized)
	if token, _, err := admin.createToken("in time"); token == "" || err != nil {
		t.Errorf("it makes no token: %q, %v", token, err)
	}
}
