package secret_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"claviger/internal/secret"
)

// TestRotation: a prepared key is recognised and makes nothing; promoted, it makes everything, and what the one before
// made is still recognised, until that is removed. A ring that reads the file again knows the same.
func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "claviger.key")
	ring, other := open(t, path), open(t, path)
	s := secret.Generate(secret.Token)
	first, sealed, signed := ring.Digest(s), ring.Seal(s, "here"), ring.Sign("purpose", "value")
	next, err := ring.Prepare()
	if err != nil || ring.Primary() != first.KeyID || ring.Next() != next {
		t.Fatalf("prepare: %v, primary %s, next %s", err, ring.Primary(), ring.Next())
	}
	if again, err := ring.Prepare(); err != nil || again != next {
		t.Errorf("prepared again: %s, %v", again, err)
	}
	if got := ring.Digest(s); got.KeyID != first.KeyID || len(ring.Digests(s)) != 2 {
		t.Errorf("a prepared key is used already: %s of %v", got.KeyID, ring.IDs())
	}
	if changed, err := other.Reload(); err != nil || !changed || !slices.Equal(other.IDs(), ring.IDs()) {
		t.Fatalf("read again: %v, %v: %v", changed, err, other.IDs())
	}
	if changed, err := other.Reload(); err != nil || changed {
		t.Errorf("read again without a change: %v, %v", changed, err)
	}
	if err := ring.Promote(next); err != nil {
		t.Fatal(err)
	}
	second := ring.Digest(s)
	if second.KeyID != next || ring.Next() != "" || !slices.Equal(ring.IDs(), []string{next, first.KeyID}) {
		t.Errorf("promoted: %v", ring.IDs())
	}
	// The other one, which has not read the file since, recognises what the new key makes.
	if !slices.ContainsFunc(other.Digests(s), func(d secret.Digest) bool { return d.KeyID == next && string(d.Sum) == string(second.Sum) }) {
		t.Error("a ring that knows the key as the next one does not recognise what it makes")
	}
	for name, r := range map[string]*secret.Keyring{"the ring": ring, "reopened": open(t, path)} {
		back, err := r.Open(sealed, "here")
		value, ok := r.Verify("purpose", signed)
		if err != nil || back.Expose() != s.Expose() || !ok || value != "value" || secret.SealedBy(sealed) != first.KeyID || secret.SealedBy(r.Seal(s, "here")) != next {
			t.Errorf("%s does not know what the older key made: %v, %v", name, err, ok)
		}
	}
	if err := ring.Remove(first.KeyID); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Open(sealed, "here"); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("sealed by a removed key: %v", err)
	}
	if got := open(t, path).IDs(); !slices.Equal(got, []string{next}) {
		t.Errorf("the file holds %v", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestRotationRefuses: what would lose a key that is in use is refused, and changes nothing.
func TestRotationRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "claviger.key")
	ring := open(t, path)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"remove the primary key": ring.Remove(ring.Primary()), "remove none": ring.Remove("none"),
		"promote the primary key": ring.Promote(ring.Primary()), "promote none": ring.Promote("none"),
	} {
		if err == nil {
			t.Errorf("%s: done", what)
		}
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file changed: %v", err)
	}
	foreign, err := os.ReadFile(keyFileOf(t))
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"another installation's": string(foreign), "cut off": string(before[:len(before)-5]), "empty": "",
		"the primary key only as the next": strings.TrimSuffix(string(foreign), "\n") + "\n" + strings.TrimSuffix(strings.SplitN(string(before), "\n", 2)[1], "\n") + " next\nx\n",
	} {
		writeKeys(t, path, text)
		s := secret.Generate(secret.Token)
		want := ring.Digest(s)
		if changed, err := ring.Reload(); err == nil || changed {
			t.Errorf("%s was taken over", what)
		}
		if _, err := ring.Prepare(); err == nil {
			t.Errorf("%s was written over", what)
		}
		if got := ring.Digest(s); got.KeyID != want.KeyID || string(got.Sum) != string(want.Sum) {
			t.Errorf("%s: the keys at hand changed", what)
		}
	}
}

func keyFileOf(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.key")
	open(t, path)
	return path
}

// TestFingerprints are the same for the same key, differ from key to key, and are not in the file.
func TestFingerprints(t *testing.T) {
	path := filepath.Join(t.TempDir(), "claviger.key")
	ring := open(t, path)
	if _, err := ring.Prepare(); err != nil {
		t.Fatal(err)
	}
	infos, again := ring.Infos(), open(t, path).Infos()
	if !slices.Equal(infos, again) || len(infos) != 2 || infos[0].Fingerprint == infos[1].Fingerprint || len(infos[0].Fingerprint) != 32 {
		t.Errorf("%+v and %+v", infos, again)
	}
	if infos[0].State != secret.KeyPrimary || infos[1].State != secret.KeyNext || ring.Fingerprint(infos[1].ID) != infos[1].Fingerprint || ring.Fingerprint("none") != "" {
		t.Errorf("%+v", infos)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), infos[0].Fingerprint) {
		t.Errorf("the fingerprint is in the file: %v", err)
	}
}

// TestRotationWhileInUse: digests are made and recognised while the ring changes (for -race).
func TestRotationWhileInUse(t *testing.T) {
	ring := open(t, filepath.Join(t.TempDir(), "claviger.key"))
	s := secret.Generate(secret.Token)
	done := make(chan struct{})
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				d := ring.Digest(s)
				if !slices.ContainsFunc(ring.Digests(s), func(o secret.Digest) bool { return o.KeyID == d.KeyID }) {
					t.Errorf("key %s vanished", d.KeyID)
					return
				}
			}
		})
	}
	for range 20 {
		next, err := ring.Prepare()
		if err != nil {
			t.Fatal(err)
		}
		if err := ring.Promote(next); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	wait.Wait()
	if n := len(ring.IDs()); n != 21 {
		t.Errorf("%d keys", n)
	}
}
