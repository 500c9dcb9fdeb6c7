package main_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"claviger/internal/testkit"
)

// accessToken asks for an access token as a client.
func accessToken(t *testing.T, p *testkit.Process, client string) string {
	t.Helper()
	id, password, _ := strings.Cut(client, ":")
	response, err := http.PostForm(p.ConsoleURL+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {password}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&granted); err != nil || granted.AccessToken == "" {
		t.Fatalf("access token: status %d, %v", response.StatusCode, err)
	}
	return granted.AccessToken
}

// urlFile writes the URL of a database into a file.
func urlFile(t *testing.T, url string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store_url")
	if err := os.WriteFile(path, []byte(url+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMigrateStore moves an installation with something of everything: what was live,
// revoked, disabled, invited, signed in and elevated is so afterwards, the chain goes on,
// the SQLite file is as it was, and is refused from then on.
func TestMigrateStore(t *testing.T) {
	t.Parallel()
	f := furnish(t)
	admin := elevated(t, f.Process, owner, testkit.Password)
	f.cutOff(t)
	issued := "Bearer " + accessToken(t, f.Process, must(t, f.Process, "", "client", "create", "acme/orders", "--label", "robot", "--reason", reason))
	if status, body, err := admin.post("/orgs/acme/members/invites", "email", "guest@example.com", "role", "member"); err != nil || status != http.StatusOK {
		t.Fatalf("invite: %d, %v: %s", status, err, body)
	}
	must(t, f.Process, "", "audit", "export", "--until", "2100-01-01", "--output", filepath.Join(f.Dir, "old.jsonl"), "--prune", "--reason", reason)
	f.expect(t, "before", http.StatusOK, http.StatusUnauthorized, http.StatusUnauthorized)
	target := testkit.SharedPostgres(t).EmptyDatabase(t)
	move := []string{"migrate-store", "--to-file", urlFile(t, target), "--reason", reason, "--json"}
	if _, stderr, code := f.Run("", move...); code != 1 || !strings.Contains(stderr, "stop it first") {
		t.Errorf("beside a server: exit code %d: %s", code, stderr)
	}
	f.Stop()
	before, err := os.ReadFile(filepath.Join(f.DataDir, "claviger.db"))
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Tables []struct {
			Table string
			Rows  int
		}
	}
	if err := json.Unmarshal([]byte(must(t, f.Process, "", move...)), &out); err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, x := range out.Tables {
		rows[x.Table] = x.Rows
	}
	for table := range strings.FieldsSeq("organizations applications apis users memberships credentials access_tokens invites sessions elevations uses " +
		"application_uses use_callers last_uses events endings audit_checkpoints key_checks") {
		if rows[table] == 0 {
			t.Errorf("no row of %s was moved: %v", table, rows)
		}
	}
	if after, err := os.ReadFile(filepath.Join(f.DataDir, "claviger.db")); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the SQLite database has changed: %v", err)
	}
	if _, stderr, code := f.Run("", move...); code != 1 || strings.Contains(stderr, "postgres://") {
		t.Errorf("a second time: exit code %d: %s", code, stderr)
	}
	if _, stderr, code := f.Run("", "org", "list"); code != 1 || !strings.Contains(stderr, "acts that were acknowledged are missing") {
		t.Errorf("the SQLite database is used again: exit code %d: %s", code, stderr)
	}
	f.Process = testkit.Start(t, f.Dir, []string{"CLAVIGER_STORE_URL=" + target})
	f.expect(t, "after", http.StatusOK, http.StatusUnauthorized, http.StatusUnauthorized)
	if status, body, err := present(f.GatewayURL+"/acme/orders/backend/x", issued); err != nil || status != http.StatusOK {
		t.Errorf("the access token: %d, %v: %s", status, err, body)
	}
	if token, _, err := admin.createToken("after the move"); token == "" || err != nil {
		t.Errorf("the elevation did not move: %q, %v", token, err)
	}
	if _, body, err := admin.get("/orgs/acme/members"); err != nil || !strings.Contains(body, "guest@example.com") {
		t.Errorf("the invitation did not move: %v", err)
	}
	must(t, f.Process, "", "audit", "verify")
	if text := must(t, f.Process, "", "audit", "export"); !strings.Contains(text, `"act":"database.move"`) || !strings.Contains(text, reason) {
		t.Errorf("the move is not recorded:\n%s", text)
	}
}

// TestMigrateStoreRefuses a command line that says too much or too little, and a source
// or a target that is not what it should be; nothing is changed, and it can be run again.
func TestMigrateStoreRefuses(t *testing.T) {
	t.Parallel()
	const password = "hunter2-canary"
	p, server := testkit.Install(t, t.TempDir(), nil), testkit.SharedPostgres(t)
	acme(t, p)
	target := server.EmptyDatabase(t)
	file := urlFile(t, target)
	withPassword := "postgres://claviger:" + password + "@" + server.Address() + "/nowhere?sslmode=disable"
	for name, trial := range map[string]struct {
		words []string
		code  int
		want  string
	}{
		"nowhere":               {[]string{"--reason", reason}, 2, "say where to"},
		"no reason":             {[]string{"--to-file", file}, 2, "--reason"},
		"two ways":              {[]string{"--to-file", file, "--to", target, "--reason", reason}, 2, "name it in one way"},
		"a password":            {[]string{"--to", withPassword, "--reason", reason}, 2, "--to-file FILE"},
		"a password as a key":   {[]string{"--to", "postgres://127.0.0.1/x?user=a&password=" + password, "--reason", reason}, 2, "--to-file FILE"},
		"no such file":          {[]string{"--to-file", file + "x", "--reason", reason}, 2, "--to-file"},
		"no PostgreSQL":         {[]string{"--to", "mysql://127.0.0.1/x", "--reason", reason}, 2, "no URL of PostgreSQL"},
		"no such database":      {[]string{"--to-file", urlFile(t, withPassword), "--reason", reason}, 1, "nowhere"},
		"a server that is gone": {[]string{"--to-file", urlFile(t, "postgres://claviger:"+password+"@127.0.0.1:1/x"), "--reason", reason}, 1, "127.0.0.1"},
	} {
		stdout, stderr, code := p.Run("", append([]string{"migrate-store"}, trial.words...)...)
		if code != trial.code || !strings.Contains(stderr, trial.want) || strings.Contains(stdout+stderr, password) {
			t.Errorf("%s: exit code %d, want %d and %q: %s", name, code, trial.code, trial.want, stderr)
		}
	}
	move := []string{"migrate-store", "--to-file", file, "--reason", reason}
	behind(t, p, `CREATE TABLE kept AS SELECT * FROM events WHERE seq = 2`, `UPDATE events SET reason = 'another' WHERE seq = 2`)
	if _, stderr, code := p.Run("", move...); code != 1 || !strings.Contains(stderr, "nothing was copied") {
		t.Errorf("a chain that does not hold: exit code %d: %s", code, stderr)
	}
	behind(t, p, `UPDATE events SET reason = (SELECT reason FROM kept) WHERE seq = 2`, `DROP TABLE kept`)
	must(t, testkit.Install(t, t.TempDir(), []string{"CLAVIGER_STORE_URL=" + target}), "", "org", "list") // makes the schema, and knows its keys
	if _, stderr, code := p.Run("", move...); code != 1 || !strings.Contains(stderr, "its table key_checks has rows") {
		t.Errorf("a target that is in use: exit code %d: %s", code, stderr)
	}
	server.Exec(t, target, `DELETE FROM key_checks`)
	server.Exec(t, target, `CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$`)
	server.Exec(t, target, `CREATE TRIGGER cut BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.act = 'database.move') EXECUTE FUNCTION cut()`)
	if _, stderr, code := p.Run("", move...); code != 1 {
		t.Errorf("a connection that is cut: exit code %d: %s", code, stderr)
	}
	must(t, p, "", "audit", "verify") // it goes on as it was
	server.Exec(t, target, `DROP FUNCTION cut() CASCADE`)
	stdout, stderr, code := p.Run("", move...)
	if code != 0 || !strings.Contains(stdout, "credentials") || !strings.Contains(stderr, "Set [store] url") {
		t.Errorf("at last: exit code %d: %s%s", code, stdout, stderr)
	}
}
