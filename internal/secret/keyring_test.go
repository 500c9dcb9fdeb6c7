package secret_test

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claviger/internal/secret"
)

func TestKeyringIsMadeAndReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "claviger.key")
	made := open(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("%d files beside the key file: a temporary one was left", len(entries))
	}
	again := open(t, path)
	if !slices.Equal(made.IDs(), again.IDs()) || len(made.IDs()) != 1 {
		t.Errorf("ids %v and %v", made.IDs(), again.IDs())
	}
	s := secret.Generate(secret.Token)
	if diff := cmp.Diff(made.Digest(s), again.Digest(s)); diff != "" {
		t.Error(diff)
	}
	other := open(t, filepath.Join(t.TempDir(), "k"))
	if string(other.Digest(s).Sum) == string(made.Digest(s).Sum) {
		t.Error("two key files make the same digest")
	}
}

func TestKeyringRefuses(t *testing.T) {
	material := strings.Repeat("0123456789abcdef", 2)
	key := base64.StdEncoding.EncodeToString([]byte(material))
	zeros := base64.StdEncoding.EncodeToString(make([]byte, 32))
	short := base64.StdEncoding.EncodeToString([]byte(material[:31]))
	for name, c := range map[string]struct{ text, want string }{
		"empty":           {"", "line 1"},
		"another file":    {"ssh-rsa AAAA\n", "line 1"},
		"another version": {"claviger-keys-v2\nk1 " + key + "\n", "line 1"},
		"no key":          {"claviger-keys-v1\n", "no key"},
		"no id":           {"claviger-keys-v1\n " + key + "\n", "line 2"},
		"no material":     {"claviger-keys-v1\nk1\n", "line 2"},
		"not base64":      {"claviger-keys-v1\nk1 ***\n", "line 2"},
		"short":           {"claviger-keys-v1\nk1 " + short + "\n", "line 2: key k1 is weak"},
		"all zeros":       {"claviger-keys-v1\nk1 " + zeros + "\n", "weak"},
		"twice":           {"claviger-keys-v1\nk1 " + key + "\nk1 " + key + "\n", "line 3: key k1 stands there twice"},
		"an empty line":   {"claviger-keys-v1\nk1 " + key + "\n\nk2 " + key + "\n", "line 3"},
	} {
		path := filepath.Join(t.TempDir(), "k")
		writeKeys(t, path, c.text)
		_, err := secret.OpenKeyring(path)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), key) || strings.Contains(err.Error(), short)) {
			t.Errorf("%s: the error holds a key: %v", name, err)
		}
	}
}

func TestKeyringRefusesModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k")
	open(t, path)
	for mode, fine := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o660: false, 0o666: false, 0o601: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := secret.OpenKeyring(path)
		if (err == nil) != fine {
			t.Errorf("mode %04o: %v", mode, err)
		}
		if err != nil && !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %04o: no way out is told: %v", mode, err)
		}
	}
}

func TestKeyringCannotBeMade(t *testing.T) {
	if _, err := secret.OpenKeyring(filepath.Join(t.TempDir(), "none", "k")); err == nil {
		t.Error("a key file in a directory that is not there")
	}
}

// TestTwoKeys is a rotation: the new key comes first and makes everything, what was
// made under the old one is still understood.
func TestTwoKeys(t *testing.T) {
	dir := t.TempDir()
	oldPath, bothPath := filepath.Join(dir, "old"), filepath.Join(dir, "both")
	before := open(t, oldPath)
	text, err := os.ReadFile(oldPath)
	if err != nil {
		t.Fatal(err)
	}
	oldLine := strings.SplitAfter(string(text), "\n")[1]
	writeKeys(t, bothPath, "claviger-keys-v1\nnew "+base64.StdEncoding.EncodeToString([]byte("an other key of thirty-two bytes"))+"\n"+oldLine)
	after := open(t, bothPath)
	if want := []string{"new", before.IDs()[0]}; !slices.Equal(after.IDs(), want) {
		t.Fatalf("ids %v, want %v", after.IDs(), want)
	}
	s := secret.Generate(secret.Token)
	digests := after.Digests(s)
	if len(digests) != 2 || digests[0].KeyID != "new" || !cmp.Equal(digests[1], before.Digest(s)) || !cmp.Equal(digests[0], after.Digest(s)) {
		t.Errorf("digests %v, before %v", digests, before.Digest(s))
	}
	if opened, err := after.Open(before.Seal(s, "c"), "c"); err != nil || opened.Expose() != s.Expose() {
		t.Errorf("a copy sealed before the rotation: %v", err)
	}
	if _, err := before.Open(after.Seal(s, "c"), "c"); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("the old key opens what the new one sealed: %v", err)
	}
	if value, ok := after.Verify("p", before.Sign("p", "v")); !ok || value != "v" {
		t.Error("a value signed before the rotation is refused")
	}
	if _, ok := before.Verify("p", after.Sign("p", "v")); ok {
		t.Error("the old key verifies what the new one signed")
	}
}

func TestSealIsBoundToItsContext(t *testing.T) {
	ring := open(t, filepath.Join(t.TempDir(), "k"))
	s := secret.Generate(secret.Basic)
	sealed := ring.Seal(s, "basic bas_1")
	if opened, err := ring.Open(sealed, "basic bas_1"); err != nil || opened.Expose() != s.Expose() {
		t.Fatalf("Open: %v", err)
	}
	if strings.Contains(string(sealed), s.Expose()) {
		t.Error("the sealed copy holds the secret")
	}
	if string(sealed) == string(ring.Seal(s, "basic bas_1")) {
		t.Error("sealing twice yields the same: the nonce is not random")
	}
	for _, context := range []string{"", "basic bas_2", "basic bas_1 ", "basic"} {
		if _, err := ring.Open(sealed, context); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("opened for %q: %v", context, err)
		}
	}
}

func TestSealedCopyCannotBeTamperedWith(t *testing.T) {
	ring := open(t, filepath.Join(t.TempDir(), "k"))
	sealed := ring.Seal(secret.Generate(secret.Basic), "c")
	for i := range sealed {
		changed := slices.Clone(sealed)
		changed[i] ^= 1
		if _, err := ring.Open(changed, "c"); !errors.Is(err, secret.ErrSealed) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, err := ring.Open(sealed[:i], "c"); !errors.Is(err, secret.ErrSealed) {
			t.Fatalf("cut after %d: %v", i, err)
		}
	}
	for _, junk := range [][]byte{nil, {0}, {255}, []byte("\x08abc")} {
		if _, err := ring.Open(junk, "c"); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("%q: %v", junk, err)
		}
	}
}

func TestSignature(t *testing.T) {
	ring := open(t, filepath.Join(t.TempDir(), "k"))
	for _, value := range []string{"", "/orgs/acme?x=1", "ü \x00.."} {
		signed := ring.Sign("next", value)
		if got, ok := ring.Verify("next", signed); !ok || got != value {
			t.Errorf("Verify(Sign(%q)) = %q, %v", value, got, ok)
		}
		if _, ok := ring.Verify("device", signed); ok {
			t.Errorf("%q, signed for another purpose, is taken", value)
		}
		for i := range len(signed) {
			for _, c := range []byte{'A', 'B', '.', '-', '=', '\n'} {
				if signed[i] == c {
					continue
				}
				changed := signed[:i] + string(c) + signed[i+1:]
				if got, ok := ring.Verify("next", changed); ok && got != value {
					t.Fatalf("%q, changed from %q, is taken as %q", changed, signed, got)
				}
			}
		}
	}
	for _, junk := range []string{"", ".", "a", "a.b", "/orgs", "//evil.example", ring.Sign("next", "v") + ".x"} {
		if got, ok := ring.Verify("next", junk); ok {
			t.Errorf("%q is taken as %q", junk, got)
		}
	}
	// The purpose is parted from the value: "ab"+"c" is not "a"+"bc".
	mac := func(signed string) string { return signed[strings.IndexByte(signed, '.'):] }
	if mac(ring.Sign("ab", "c")) == mac(ring.Sign("a", "bc")) {
		t.Error("purpose and value run into each other")
	}
}

func FuzzParseKeyring(f *testing.F) {
	key := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("0123456789abcdef", 2)))
	f.Add("claviger-keys-v1\nk1 " + key + "\n")
	f.Add("claviger-keys-v1\nk1 " + key + "\nk2 x\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "k")
		writeKeys(t, path, text)
		ring, err := secret.OpenKeyring(path)
		if err != nil {
			return
		}
		s := secret.New("s")
		if opened, err := ring.Open(ring.Seal(s, "c"), "c"); err != nil || opened.Expose() != "s" {
			t.Errorf("a key file is taken whose keys do not work: %q: %v", text, err)
		}
	})
}

func open(t *testing.T, path string) *secret.Keyring {
	t.Helper()
	ring, err := secret.OpenKeyring(path)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func writeKeys(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
