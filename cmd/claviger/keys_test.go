package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"claviger/internal/testkit"
)

// serverKey is a key as keys list prints it.
type serverKey struct {
	ID, State    string
	Credentials  int
	AccessTokens int `json:"access_tokens"`
	Servers      int
	ReadBy       int `json:"read_by"`
}

func keysOf(t testing.TB, p *testkit.Process) map[string]serverKey {
	t.Helper()
	var list []serverKey
	stdout, stderr, code := p.Run("", "keys", "list", "--json")
	if err := json.Unmarshal([]byte(stdout), &list); err != nil {
		t.Fatalf("keys list: exit code %d: %v: %s", code, err, stderr)
	}
	out := map[string]serverKey{}
	for _, k := range list {
		out[k.State] = k
	}
	return out
}

// key is the script's command of that name.
func (s *scripted) key(ts *testscript.TestScript, _ bool, args []string) {
	stdout, stderr, code := s.process.Run("", "keys", "list", "--json")
	var keys []serverKey
	if err := json.Unmarshal([]byte(stdout), &keys); err != nil {
		ts.Fatalf("keys list: exit code %d: %v: %s", code, err, stderr)
	}
	for _, k := range keys {
		if k.State == args[0] {
			ts.Setenv("KEY", k.ID)
			return
		}
	}
	ts.Fatalf("no key is %s: %s", args[0], stdout)
}

// TestRotationWithoutOutage (S18): while tokens and Basic are presented without a pause, the key is rotated and the old one
// retired, again and again: nothing is refused, and in the end nothing lives by any key but the last.
func TestRotationWithoutOutage(t *testing.T) {
	const times = 5
	p := testkit.Start(t, t.TempDir(), nil)
	acme(t, p)
	first := keysOf(t, p)["primary"].ID
	token := must(t, p, "", "token", "create", "acme/orders", "--label", "hammer", "--reason", reason)
	pair := must(t, p, "", "app", "show", "acme/orders", "--reveal-basic", "--reason", reason)
	stopToken, accepted := load(t, p, "Bearer "+token)
	defer stopToken()
	stopBasic, byBasic := load(t, p, basicAuth(pair))
	defer stopBasic()
	for i := range times {
		before := keysOf(t, p)["primary"].ID
		must(t, p, "", "keys", "rotate", "--reason", reason)
		if now := keysOf(t, p)["primary"].ID; now == before {
			t.Fatalf("rotation %d: %s is still the primary key", i, now)
		}
		// What was made just now hangs on the new key, what is presented moves to it.
		made := must(t, p, "", "token", "create", "acme/orders", "--label", fmt.Sprint("made ", i), "--reason", reason)
		if status, body, err := present(p.ConsoleURL+"/verify/acme/orders/backend", "Bearer "+made); err != nil || status != 200 {
			t.Fatalf("made after rotation %d: %d, %v: %s", i, status, err, body)
		}
		seen := accepted.Load()
		for accepted.Load() == seen && !t.Failed() { // presented under the new key at least once; load fails where it cannot be
			if status, _, err := present(p.GatewayURL+"/acme/orders/backend/x", "Bearer "+token); err != nil || status != 200 {
				t.Fatalf("after rotation %d: %d, %v", i, status, err)
			}
		}
		retireOtherwise(t, p, before, made)
	}
	stopToken()
	stopBasic()
	keys := keysOf(t, p)
	if len(keys) != 1 || keys["primary"].ID == first {
		t.Errorf("keys at the end: %+v", keys)
	}
	t.Logf("%d rotations and retirements under %d calls with a token and %d with Basic, none refused", times, accepted.Load(), byBasic.Load())
}

// retireOtherwise retires a key after presenting what a test made in earlier rounds.
func retireOtherwise(t *testing.T, p *testkit.Process, id string, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		if status, _, err := present(p.ConsoleURL+"/verify/acme/orders/backend", "Bearer "+token); err != nil || status != 200 {
			t.Fatalf("%d, %v", status, err)
		}
	}
	if _, stderr, code := p.Run("", "keys", "retire", id, "--reason", reason); code != 0 {
		// The tokens of acme's own fixture and of earlier rounds are not presented by anybody: they are named, and revoked.
		for _, line := range strings.Split(stderr, "\n") {
			if fields := strings.Fields(line); len(fields) > 0 && strings.HasPrefix(fields[0], "tok_") && !strings.Contains(line, " hammer,") {
				must(t, p, "", "token", "revoke", fields[0], "--reason", reason)
			}
		}
		must(t, p, "", "keys", "retire", id, "--reason", reason)
	}
}

// TestWrongKeyFile: a server with another installation's key file, a damaged one, or one that others can read, does not
// start, and says why; with the right one it starts again, and everything works.
func TestWrongKeyFile(t *testing.T) {
	p := testkit.Install(t, t.TempDir(), nil)
	acme(t, p)
	token := must(t, p, "", "token", "create", "acme/orders", "--label", "ci", "--reason", reason)
	path := filepath.Join(p.DataDir, "claviger.key")
	right, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := testkit.Install(t, t.TempDir(), nil)
	acme(t, other)
	foreign, err := os.ReadFile(filepath.Join(other.DataDir, "claviger.key"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"another installation's": {string(foreign), 0o600, "key"},
		"cut off":                {string(right[:len(right)-9]), 0o600, "line 2: "},
		"readable by all":        {string(right), 0o644, "can be read by others"},
		"empty":                  {"", 0o600, "line 1"},
	} {
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		for _, words := range [][]string{{"serve"}, {"org", "list"}} {
			_, stderr, code := p.Run("", words...)
			if code != 1 || !strings.Contains(stderr, c.want) || !strings.Contains(stderr, "key") {
				t.Errorf("%s, claviger %s: exit code %d: %s", name, words[0], code, stderr)
			}
		}
	}
	if err := os.WriteFile(path, right, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Start()
	if status, body, err := present(p.ConsoleURL+"/verify/acme/orders/backend", "Bearer "+token); err != nil || status != 200 {
		t.Errorf("with the right file again: %d, %v: %s", status, err, body)
	}
}

// TestOldCopyOfTheKeyFile: with a copy of the key file from before a rotation nothing starts once the key that it would
// use is retired, and says so; with the current file it does.
func TestOldCopyOfTheKeyFile(t *testing.T) {
	t.Parallel()
	p := testkit.Install(t, t.TempDir(), nil)
	acme(t, p)
	path := filepath.Join(p.DataDir, "claviger.key")
	first := keysOf(t, p)["primary"].ID
	must(t, p, "", "keys", "prepare", "--reason", reason)
	copied, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	must(t, p, "", "keys", "rotate", "--reason", reason)
	must(t, p, "", "keys", "retire", first, "--reason", reason)
	current, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, copied, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{{"serve"}, {"token", "create", "acme/orders", "--label", "x", "--reason", reason}} {
		if _, stderr, code := p.Run("", words...); code != 1 || !strings.Contains(stderr, "was retired: the file is an old copy") {
			t.Errorf("claviger %s: exit code %d: %s", words[0], code, stderr)
		}
	}
	if err := os.WriteFile(path, current, 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, p, "", "token", "create", "acme/orders", "--label", "x", "--reason", reason)
}
