package main_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"claviger/internal/testkit"
)

// asNobody installs Claviger where a user of its own has the data, as the unit of systemd does: its server runs as that
// user, and commands as root.
func asNobody(t *testing.T) *testkit.Process {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("setpriv of util-linux is not here")
	}
	dir, err := os.MkdirTemp("", "claviger-owner-") // where others get to, as they do not below t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	text, err := os.ReadFile(testkit.Binary(t))
	program, data := filepath.Join(dir, "claviger"), filepath.Join(dir, "data")
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.WriteFile(program, text, 0o755), os.Mkdir(data, 0o700), os.Chown(data, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	p := testkit.Install(t, dir, nil)
	if err := os.Chmod(p.Config, 0o644); err != nil {
		t.Fatal(err)
	}
	p.Under = []string{setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/sh", "-c", `shift; exec ` + program + ` "$@"`, "sh"}
	return p
}

// TestRootActsForTheServersUser: root's commands are taken by a server that is another user's, and what they make without
// one, the restored database above all, is that user's: the server starts on it.
func TestRootActsForTheServersUser(t *testing.T) {
	p := asNobody(t)
	backup := filepath.Join(p.Dir, "backup.db")
	p.Start()
	must(t, p, "", "org", "add", "acme")
	must(t, p, "", "backup", backup)
	p.Stop()
	for _, name := range []string{"anchor", "revocations"} {
		if err := os.Remove(filepath.Join(p.DataDir, name)); err != nil {
			t.Fatal(err)
		}
	}
	must(t, p, "", "org", "add", "second")
	p.Start()
	p.Stop()
	must(t, p, "", "restore", backup, "--reason", "the disk has failed")
	p.Start()
	if out := must(t, p, "", "org", "list"); !strings.Contains(out, "acme") || strings.Contains(out, "second") {
		t.Errorf("org list: %s", out)
	}
}

// TestGivesNothingElseAway: what the user of the directory linked into it stays root's.
func TestGivesNothingElseAway(t *testing.T) {
	p := asNobody(t)
	precious := filepath.Join(p.Dir, "precious")
	if err := errors.Join(os.WriteFile(precious, []byte("x"), 0o600), os.Link(precious, filepath.Join(p.DataDir, "claviger.hard")),
		os.Symlink(precious, filepath.Join(p.DataDir, "claviger.soft"))); err != nil {
		t.Fatal(err)
	}
	must(t, p, "", "org", "add", "acme")
	p.Start()
	if shown, err := exec.Command("stat", "--format=%u", precious).CombinedOutput(); err != nil || strings.TrimSpace(string(shown)) != "0" {
		t.Errorf("whose it is now: %s, %v", shown, err)
	}
}
