package web_test

import (
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
	"claviger/web"
)

// TestNodesPageOnSQLite says why there is one server.
func TestNodesPageOnSQLite(t *testing.T) {
	t.Parallel()
	if testkit.OnPostgres() {
		t.Skip("this is of SQLite")
	}
	s := testkit.Server(t)
	s.Organization("acme")
	s.User("ada@example.com", "acme", access.Admin)
	page := s.SignedIn("ada@example.com").Get("/orgs/acme/nodes")
	if page.Status != 200 || !strings.Contains(page.Body, "This server is the only one") || strings.Contains(page.Body, "<table") {
		t.Errorf("status %d:\n%s", page.Status, page.Body)
	}
}

// TestNodesPage lists two nodes, of which both confirm what was last taken away.
func TestNodesPage(t *testing.T) {
	t.Parallel()
	database := testkit.SharedPostgres(t).Database(t)
	a := testkit.Server(t, testkit.OnDatabase(database))
	testkit.Server(t, testkit.OnDatabase(database), testkit.Beside(a))
	a.Organization("acme")
	a.Application("acme", "orders")
	a.User("ada@example.com", "acme", access.Admin)
	ada := a.SignedIn("ada@example.com")
	if page := ada.Get("/orgs/acme/nodes"); page.Status != 200 || !strings.Contains(page.Body, "Nothing was revoked") {
		t.Errorf("before anything was taken away: status %d:\n%s", page.Status, page.Body)
	}
	token := a.Token("acme", "orders", "ci", "")
	if _, err := a.Registry.Each(t.Context(), a.Operator(), "acme", "orders", access.RevokeThem, []string{token.Credential.ID}); err != nil {
		t.Fatal(err)
	}
	if waiting, err := a.Store.Confirmed(t.Context(), 30*time.Second); err != nil || len(waiting) != 0 {
		t.Fatalf("not confirmed by %v, %v", waiting, err)
	}
	page := ada.Get("/orgs/acme/nodes").Page(t)
	rows := page.All("tbody tr")
	if len(rows) != 2 {
		t.Fatalf("%d nodes, want 2:\n%s", len(rows), page.One("main").Text())
	}
	for _, row := range rows {
		if text := row.Text(); !strings.Contains(text, "Alive") || !strings.Contains(text, "yes") {
			t.Errorf("a node: %q, want one that is alive and acts on the revocation", text)
		}
	}
	if text := page.One("main").Text(); strings.Count(text, "this one") != 1 || !strings.Contains(text, "“ci” in orders") || strings.Contains(text, "different keys") {
		t.Errorf("the page: %s", text)
	}
}

// TestNodesPageWarnsOfKeys: nodes that have different keys, or another one of them as
// their primary one, are told; one that is gone does not count.
func TestNodesPageWarnsOfKeys(t *testing.T) {
	t.Parallel()
	server := testkit.SharedPostgres(t)
	database := server.Database(t)
	a := testkit.Server(t, testkit.OnDatabase(database))
	a.Organization("acme")
	a.User("ada@example.com", "acme", access.Admin)
	ada := a.SignedIn("ada@example.com")
	far := time.Now().Add(time.Hour).UnixMicro()
	node := func(id, keys string, heard int64) {
		server.Exec(t, database, `INSERT INTO nodes (id, name, version, keys, started_at, heard_at, confirmed, lag) VALUES ($1, $1, '1.0', $2, 0, $3, 0, 0)
			ON CONFLICT (id) DO UPDATE SET keys = excluded.keys`, id, keys, heard)
	}
	node("b", "k2 k1 k0", far)
	node("gone", "other", time.Now().Add(-time.Hour).UnixMicro())
	for keys, want := range map[string]bool{"k2 k0 k1": false, "k1 k2 k0": true, "k2 k1": true, "k2 k1 k3": true} {
		node("c", keys, far)
		text := ada.Get("/orgs/acme/nodes").Page(t).One("main").Text()
		if strings.Contains(text, "different keys") != want || !strings.Contains(text, "k1") {
			t.Errorf("beside k2 k1 k0: %q: %s", keys, text)
		}
	}
}

// TestClockThatJumped: admins read on the page of the nodes that the clock has jumped, and how far.
func TestClockThatJumped(t *testing.T) {
	t.Parallel()
	var jumps access.Jumps
	s := testkit.Server(t, testkit.Gateway(func(o *web.Options) { o.Jumps = func() access.Jumps { return jumps } }))
	s.Organization("acme")
	s.User("ada@example.com", "acme", access.Admin)
	ada := s.SignedIn("ada@example.com")
	if page := ada.Get("/orgs/acme/nodes"); strings.Contains(page.Body, "has jumped") {
		t.Error("it has not jumped")
	}
	jumps = access.Jumps{Count: 2, At: time.Date(2026, 11, 21, 14, 8, 0, 0, time.UTC), By: -90 * time.Minute}
	if text := ada.Get("/orgs/acme/nodes").Page(t).One(".message.warning").Text(); !strings.Contains(text, "2 jumps since the server began; the last one on 21 November 2026, 14:08, by 1h30m0s back") {
		t.Errorf("it has: %s", text)
	}
}
