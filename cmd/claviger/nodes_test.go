package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"claviger/internal/testkit"
)

// shared are the settings by which a node serves from a database with a key file.
func shared(database, keyFile string) []string {
	return []string{"CLAVIGER_STORE_URL=" + database, "CLAVIGER_SECURITY_KEY_FILE=" + keyFile}
}

// TestTwoServers: two servers on one database are one Claviger. One signs in on the one, elevates, and acts on the other;
// what is revoked on either, by a page or by a command, is refused by both.
func TestTwoServers(t *testing.T) {
	database := testkit.SharedPostgres(t).EmptyDatabase(t)
	keyFile := filepath.Join(t.TempDir(), "claviger.key")
	a := testkit.Start(t, t.TempDir(), shared(database, keyFile))
	b := testkit.Start(t, t.TempDir(), shared(database, keyFile))
	beside := testkit.Install(t, t.TempDir(), shared(database, keyFile)) // another machine, on which nothing serves
	acme(t, beside)
	admin := elevated(t, a, owner, testkit.Password)
	for i := range 20 {
		on, other := a, b
		if i%2 == 1 {
			on, other = b, a
		}
		admin.base = on.ConsoleURL
		token, id, err := admin.createToken(fmt.Sprint("victim ", i))
		if err != nil || token == "" {
			t.Fatalf("make token %d on a node on which nobody signed in: %q, %v", i, token, err)
		}
		urls := []string{on.ConsoleURL + "/verify/acme/orders/backend", other.ConsoleURL + "/verify/acme/orders/backend", other.GatewayURL + "/acme/orders/backend/x"}
		for _, url := range append(urls, urls...) {
			if status, body, err := present(url, "Bearer "+token); err != nil || status != http.StatusOK {
				t.Fatalf("token %d before: %s answers %d, %v: %s", i, url, status, err, body)
			}
		}
		if _, stderr, code := []*testkit.Process{a, beside}[i/2%2].Run("", "token", "revoke", id, "--reason", reason); code != 0 || strings.Contains(stderr, "has not confirmed") {
			t.Fatalf("revoke token %d: exit code %d: %s", i, code, stderr)
		}
		for _, url := range urls { // the very next requests
			if status, body, err := present(url, "Bearer "+token); err != nil || status != http.StatusUnauthorized || !strings.Contains(body, "revoked") {
				t.Fatalf("token %d after: %s answers %d, %v: %s", i, url, status, err, body)
			}
		}
	}
	if log := a.Stderr() + b.Stderr(); strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("a server logged an error:\n%s", log)
	}
}

// TestOtherKeys: a node whose key file is not that of the others would take every credential for a wrong one. It does not
// start, and says why, on either engine; neither do the commands.
func TestOtherKeys(t *testing.T) {
	database := testkit.SharedPostgres(t).EmptyDatabase(t)
	for name, env := range map[string][]string{"PostgreSQL": {"CLAVIGER_STORE_URL=" + database}, "SQLite": nil} {
		dir := t.TempDir()
		p := testkit.Install(t, dir, env)
		must(t, p, "", "org", "add", "acme") // its keys are known from then on
		other := testkit.Install(t, t.TempDir(), env)
		if name == "SQLite" {
			must(t, other, "", "org", "add", "acme")
			if err := os.Rename(filepath.Join(other.DataDir, "claviger.key"), filepath.Join(p.DataDir, "claviger.key")); err != nil {
				t.Fatal(err)
			}
			other = p
		}
		for _, command := range [][]string{{"serve"}, {"org", "list"}} {
			_, stderr, code := other.Run("", command...)
			if code != 1 || !strings.Contains(stderr, "used with other server keys") || !strings.Contains(stderr, "copy the key file") {
				t.Errorf("%s: claviger %v with other keys: exit code %d: %s", name, command, code, stderr)
			}
		}
	}
}

// TestStoreURLIsNotTold: whatever is wrong with the database, its password is in no message.
func TestStoreURLIsNotTold(t *testing.T) {
	server := testkit.SharedPostgres(t)
	const password = "hunter2-canary"
	for what, url := range map[string]string{
		"wrong password":  "postgres://stranger:" + password + "@" + server.Address() + "/postgres?sslmode=disable",
		"no such server":  "postgres://claviger:" + password + "@127.0.0.1:1/postgres",
		"no such place":   "postgres://claviger:" + password + "@" + server.Address() + "/nowhere?sslmode=disable",
		"no TLS there":    "postgres://claviger:" + password + "@" + server.Address() + "/postgres?sslmode=require",
		"odd parameter":   "postgres://claviger:" + password + "@" + server.Address() + "/postgres?sslmode=" + password,
		"odd port":        "postgres://claviger:" + password + "@127.0.0.1:port/postgres",
		"odd password":    "postgres://claviger:" + password + "#@127.0.0.1/postgres",
		"password as key": "postgres://127.0.0.1:1/postgres?user=claviger&password=" + password,
	} {
		p := testkit.Install(t, t.TempDir(), []string{"CLAVIGER_STORE_URL=" + url, "CLAVIGER_LOG_LEVEL=debug"})
		for _, command := range []string{"serve", "check", "print"} {
			words := []string{"config", command}
			if command == "serve" {
				words = words[1:]
			}
			stdout, stderr, code := p.Run("", words...)
			if strings.Contains(stdout+stderr, password) {
				t.Errorf("%s: claviger %v tells the password:\n%s%s", what, words, stdout, stderr)
			}
			if command == "serve" && (code == 0 || stderr == "") {
				t.Errorf("%s: claviger serve: exit code %d: %s", what, code, stderr)
			}
		}
	}
}
