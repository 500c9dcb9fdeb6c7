package main_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"claviger/internal/testkit"
)

// restored is what restore --json prints.
type restored struct {
	Ended []struct{ Kind, ID, Name string } `json:"ended_again"`
	Known bool                              `json:"revocations_known"`
	Marks int                               `json:"unconfirmed"`
	Aside string                            `json:"moved_aside"`
}

// furnished is an installation with credentials of every sort that a command makes.
type furnished struct {
	*testkit.Process
	live, revoked, basic string // what is presented
	backup               string
}

func furnish(t *testing.T) *furnished {
	t.Helper()
	f := furnishOn(t, testkit.Start(t, t.TempDir(), nil))
	f.backup = filepath.Join(f.Dir, "backup.db")
	must(t, f.Process, "", "backup", f.backup)
	return f
}

func furnishOn(t *testing.T, p *testkit.Process) *furnished {
	t.Helper()
	f := &furnished{Process: p}
	acme(t, p)
	f.live = must(t, p, "", "token", "create", "acme/orders", "--label", "live", "--reason", reason)
	f.revoked = must(t, p, "", "token", "create", "acme/orders", "--label", "revoked", "--reason", reason)
	f.basic = must(t, p, "", "app", "show", "acme/orders", "--reveal-basic", "--reason", reason)
	must(t, p, "correct horse battery staple\n", "user", "add", "leaver@example.com", "--org", "acme", "--role", "member")
	must(t, p, "correct horse battery staple\n", "user", "add", "gone@example.com", "--org", "acme", "--role", "member")
	return f
}

// cutOff ends what furnish made, all but what is to live.
func (f *furnished) cutOff(t *testing.T) {
	t.Helper()
	must(t, f.Process, "", "token", "revoke", f.id(t, "revoked"), "--reason", reason)
	must(t, f.Process, "", "app", "disable-basic", "acme/orders", "--reason", reason)
	must(t, f.Process, "", "user", "disable", "leaver@example.com", "--reason", reason)
	must(t, f.Process, "", "user", "remove", "gone@example.com", "--org", "acme", "--reason", reason)
}

func (f *furnished) id(t *testing.T, label string) string {
	t.Helper()
	var list []struct{ ID, Label string }
	if err := json.Unmarshal([]byte(must(t, f.Process, "", "token", "list", "acme/orders", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, x := range list {
		if x.Label == label {
			return x.ID
		}
	}
	t.Fatalf("no token %q", label)
	return ""
}

// expect presents credentials to the gateway.
func (f *furnished) expect(t *testing.T, when string, live, revoked, basic int) {
	t.Helper()
	for name, trial := range map[string]struct {
		authorization string
		want          int
	}{"the live token": {"Bearer " + f.live, live}, "the revoked token": {"Bearer " + f.revoked, revoked}, "Basic": {basicAuth(f.basic), basic}} {
		if status, body, err := present(f.GatewayURL+"/acme/orders/backend/x", trial.authorization); err != nil || status != trial.want {
			t.Errorf("%s, %s: %d, want %d (%v): %s", when, name, status, trial.want, err, body)
		}
	}
}

// nobodyIsBack checks that the users whom cutOff disabled and removed are so still.
func (f *furnished) nobodyIsBack(t *testing.T) {
	t.Helper()
	users := must(t, f.Process, "", "user", "list")
	for line := range strings.Lines(users) {
		if strings.Contains(line, "leaver@") && !strings.Contains(line, "disabled") || strings.Contains(line, "gone@") && strings.Contains(line, "acme") {
			t.Errorf("the user is back: %s", line)
		}
	}
}

func (f *furnished) restore(t *testing.T) (out restored) {
	t.Helper()
	if err := json.Unmarshal([]byte(must(t, f.Process, "", "restore", f.backup, "--reason", reason, "--json")), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRestoreKeepsRevocations (S17): every live credential works after a restore, and
// nothing that was revoked, disabled or removed after the backup comes back.
func TestRestoreKeepsRevocations(t *testing.T) {
	t.Parallel()
	f := furnish(t)
	f.expect(t, "before", http.StatusOK, http.StatusOK, http.StatusOK)
	if _, stderr, code := f.Run("", "restore", f.backup, "--reason", reason); code != 1 || !strings.Contains(stderr, "stop it first") {
		t.Errorf("beside a server: exit code %d: %s", code, stderr)
	}
	erased := basicBytes(t, f.stopped())
	f.Start()
	f.cutOff(t)
	late := must(t, f.Process, "", "token", "create", "acme/orders", "--label", "late", "--reason", reason)
	f.Kill() // the power fails
	out := f.restore(t)
	var kinds []string
	for _, e := range out.Ended {
		kinds = append(kinds, e.Kind+" "+e.Name)
	}
	slices.Sort(kinds)
	if want := "basic Basic credentials,member gone@example.com,token revoked,user leaver@example.com"; strings.Join(kinds, ",") != want || !out.Known || out.Marks != 0 {
		t.Errorf("ended again: %q (%+v)", kinds, out)
	}
	if info, err := os.Stat(out.Aside); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the database that was there is gone: %v", err)
	}
	if err := os.Remove(out.Aside); err != nil {
		t.Fatal(err)
	}
	if found := traces(t, f.Process, erased); len(found) > 0 {
		t.Errorf("the disabled Basic credential is still in %v", found)
	}
	f.Start()
	f.expect(t, "after", http.StatusOK, http.StatusUnauthorized, http.StatusUnauthorized)
	if status, _, err := present(f.GatewayURL+"/acme/orders/backend/x", "Bearer "+late); err != nil || status != http.StatusUnauthorized {
		t.Errorf("a token that the backup does not know: %d, %v", status, err)
	}
	f.nobodyIsBack(t)
	if text := must(t, f.Process, "", "audit", "export"); !strings.Contains(text, `"act":"database.restore"`) || !strings.Contains(text, `"from":"event `) {
		t.Errorf("no event names the gap:\n%s", text)
	}
	must(t, f.Process, "", "audit", "verify")
	f.Stop()
	f.restore(t) // the same backup again: the list is as good as before
	f.Start()
	f.expect(t, "after the second time", http.StatusOK, http.StatusUnauthorized, http.StatusUnauthorized)
}

// stopped returns the installation when its server has ended.
func (f *furnished) stopped() *testkit.Process {
	f.Stop()
	return f.Process
}

// TestRestoreWithoutRevocations: without the file everything works, and is marked
// until somebody confirms it.
func TestRestoreWithoutRevocations(t *testing.T) {
	t.Parallel()
	f := furnish(t)
	f.cutOff(t)
	f.Stop()
	if err := os.Remove(filepath.Join(f.DataDir, "revocations")); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := f.Run("", "restore", f.backup, "--reason", reason)
	if code != 0 || !strings.Contains(stderr, "WARNING") || !strings.Contains(stderr, "unconfirmed") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	f.Start()
	f.expect(t, "after", http.StatusOK, http.StatusOK, http.StatusOK)
	var marked []struct{ ID, Kind, Of, Label string }
	list := func() int {
		t.Helper()
		if err := json.Unmarshal([]byte(must(t, f.Process, "", "unconfirmed", "--json")), &marked); err != nil {
			t.Fatal(err)
		}
		return len(marked)
	}
	if n := list(); n < 3 {
		t.Fatalf("%d are unconfirmed: %+v", n, marked)
	}
	before := len(marked)
	must(t, f.Process, "", "confirm", f.id(t, "live"), "--reason", reason)
	must(t, f.Process, "", "token", "revoke", f.id(t, "revoked"), "--reason", reason)
	if n := list(); n != before-2 {
		t.Errorf("%d are left of %d", n, before)
	}
	f.expect(t, "confirmed and revoked", http.StatusOK, http.StatusUnauthorized, http.StatusOK)
	if text := must(t, f.Process, "", "audit", "export"); !strings.Contains(text, `"act":"token.confirm"`) {
		t.Error("the confirmation is not recorded")
	}
}

// TestRestoreRefuses what is no backup, and leaves everything as it was.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	f := furnish(t)
	f.Stop()
	text, err := os.ReadFile(f.backup)
	if err != nil {
		t.Fatal(err)
	}
	middle := bytes.Clone(text)
	copy(middle[len(middle)/2:], bytes.Repeat([]byte{0xa5}, 8192))
	dir := t.TempDir()
	for name, trial := range map[string]struct {
		text []byte
		want string
	}{
		"empty": {nil, "empty"}, "a text": {bytes.Repeat([]byte("no database\n"), 1000), "no database"}, "cut": {text[:len(text)/2], ""}, "damaged": {middle, ""},
	} {
		path := filepath.Join(dir, "bad.db")
		if err := os.WriteFile(path, trial.text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, stderr, code := f.Run("", "restore", path, "--reason", reason); code != 1 || !strings.Contains(stderr, "nothing was changed") || !strings.Contains(stderr, trial.want) || strings.Contains(stderr, "snapshot-") {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
	}
	for name, statement := range map[string]string{
		"chain": `UPDATE events SET reason = 'another' WHERE seq = 2`, "newer": `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`,
	} {
		other := testkit.Install(t, t.TempDir(), nil)
		if err := os.MkdirAll(other.DataDir, 0o700); err != nil {
			t.Fatal(err)
		}
		copyFile(t, f.backup, filepath.Join(other.DataDir, "claviger.db"))
		behind(t, other, statement)
		if _, stderr, code := f.Run("", "restore", filepath.Join(other.DataDir, "claviger.db"), "--reason", reason); code != 1 || !strings.Contains(stderr, "nothing was changed") {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
	}
	if _, stderr, code := f.Run("", "restore", f.backup); code != 2 || !strings.Contains(stderr, "--reason") {
		t.Errorf("without a reason: exit code %d: %s", code, stderr)
	}
	f.Start()
	f.expect(t, "after", http.StatusOK, http.StatusOK, http.StatusOK)
}

// TestBackupHoldsNoSecret: what is presented is not in the file, nobody else can read
// it, and nothing is left beside it or in the data directory.
func TestBackupHoldsNoSecret(t *testing.T) {
	t.Parallel()
	f := furnish(t)
	info, err := os.Stat(f.backup)
	if err != nil || info.Mode().Perm() != fs.FileMode(0o600) {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(f.backup)
	if err != nil {
		t.Fatal(err)
	}
	_, password, _ := strings.Cut(f.basic, ":")
	for _, canary := range []string{f.live, f.revoked, password, "correct horse battery staple"} {
		if bytes.Contains(text, []byte(canary)) {
			t.Errorf("%.8s… is in the backup", canary)
		}
	}
	for _, dir := range []string{f.Dir, f.DataDir} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.Contains(e.Name(), "snapshot") || strings.HasPrefix(e.Name(), "backup.db-") {
				t.Errorf("%s is left in %s", e.Name(), dir)
			}
		}
	}
	if _, stderr, code := f.Run("", "backup", f.backup); code != 1 || !strings.Contains(stderr, "is there already") {
		t.Errorf("over a file that is there: exit code %d: %s", code, stderr)
	}
	if _, stderr, code := f.Run("", "backup", filepath.Join(f.Dir, "nowhere", "b.db")); code != 1 || !strings.Contains(stderr, "no directory") {
		t.Errorf("into no directory: exit code %d: %s", code, stderr)
	}
}
