package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestBackupFollowsNoLink: root makes a backup in a directory that is the server's user's.
// What a link there leads to is neither copied nor changed.
func TestBackupFollowsNoLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret, link := filepath.Join(dir, "secret"), filepath.Join(dir, "snapshot-link")
	if err := os.WriteFile(secret, []byte("of another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(secret, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, link); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "copy")
	if err := copySynced(link, to); err == nil {
		t.Error("a link was copied")
	}
	if info, err := os.Stat(secret); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("what it leads to has changed: %v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("there is a copy")
	}
}
