package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The key file is text: a header line, then one line "ID BASE64" for each key, the
// primary one first, then older ones, and at last, marked by a third word, the one
// that is to become primary next.
const (
	keyFileHeader = "claviger-keys-v1"
	nextMark      = "next"
)

// OpenKeyring reads the key file at path, or makes one with a single random key
// when there is none. It must be readable by its owner only.
func OpenKeyring(path string) (*Keyring, error) {
	text, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = createKeyFile(path)
	}
	if err != nil {
		return nil, err
	}
	parsed, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	r := &Keyring{path: path}
	r.ring.Store(parsed)
	return r, nil
}

// readKeyFile returns the text of a key file that only its owner can read.
func readKeyFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("key file: %w", err)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return "", fmt.Errorf("key file %s can be read by others (mode %04o): run chmod 600 %s and start again", path, perm, path)
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrPermission) {
		return "", fmt.Errorf("key file %s cannot be read by this user: give it to the one who runs Claviger (chown): %w", path, err)
	}
	if err != nil {
		return "", fmt.Errorf("key file: %w", err)
	}
	return string(text), nil
}

// createKeyFile writes a new key file so that it is there whole or not at all,
// and survives a power cut before anything depends on it.
func createKeyFile(path string) (string, error) {
	text := keyFileHeader + "\n" + newKeyLine() + "\n"
	if err := writeFileSynced(path, []byte(text)); err != nil {
		return "", fmt.Errorf("make the key file: %w", err)
	}
	return text, nil
}

func newKeyLine() string {
	material := make([]byte, keyLen)
	_, _ = rand.Read(material) // never fails
	return RandomText(8) + " " + base64.StdEncoding.EncodeToString(material)
}

// writeFileSynced makes a file of mode 0600 by writing a temporary one beside
// it, syncing and renaming it, and syncing the directory. A file that was there
// keeps its owner, so that root can write it for the server's user.
func writeFileSynced(path string, text []byte) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".claviger-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	if _, err := f.Write(text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := keepOwner(f, path); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// parseKeys reads the text of a key file. Its errors name lines, never keys.
func parseKeys(text string) (*ring, error) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if lines[0] != keyFileHeader {
		return nil, fmt.Errorf("line 1: %q expected; is this Claviger's key file?", keyFileHeader)
	}
	out := &ring{text: text}
	for i, line := range lines[1:] {
		k, err := parseKey(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		if out.find(k.id) != nil {
			return nil, fmt.Errorf("line %d: key %s stands there twice", i+2, k.id)
		}
		if out.prepared() != nil {
			return nil, fmt.Errorf("line %d: no key may stand behind the one marked %q", i+2, nextMark)
		}
		out.keys = append(out.keys, k)
	}
	if len(out.keys) == 0 || out.keys[0].next {
		return nil, errors.New("it holds no key that is in use")
	}
	return out, nil
}

func parseKey(line string) (*key, error) {
	id, rest, ok := strings.Cut(line, " ")
	encoded, mark, marked := strings.Cut(rest, " ")
	material, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || id == "" || len(id) > 255 || marked && mark != nextMark {
		return nil, errors.New("a key's id and its base64 expected")
	}
	if len(material) != keyLen || bytes.Count(material, material[:1]) == keyLen {
		return nil, fmt.Errorf("key %s is weak: %d random bytes expected", id, keyLen)
	}
	k, err := deriveKey(id, material)
	if err == nil {
		k.next = marked
	}
	return k, err
}

// KeyState says what a key is used for.
type KeyState string

// The states of keys.
const (
	KeyPrimary KeyState = "primary" // makes digests, seals and signatures
	KeyOlder   KeyState = "older"   // recognises what was made with it
	KeyNext    KeyState = "next"    // likewise; a rotation makes it the primary one
)

// KeyInfo is what can be told of a key.
type KeyInfo struct {
	ID          string
	State       KeyState
	Fingerprint string // the same wherever the same key is; tells nothing of it
}

// Infos returns what can be told of the keys, the primary one first.
func (r *Keyring) Infos() []KeyInfo {
	keys := r.keys()
	out := make([]KeyInfo, len(keys))
	for i, k := range keys {
		out[i] = KeyInfo{ID: k.id, State: KeyOlder, Fingerprint: k.fingerprint}
		switch {
		case i == 0:
			out[i].State = KeyPrimary
		case k.next:
			out[i].State = KeyNext
		}
	}
	return out
}

// Fingerprint returns the fingerprint of a key, empty where the ring has none of that
// id. It can be kept in the open: it is derived from the key, one way.
func (r *Keyring) Fingerprint(id string) string {
	if k := r.ring.Load().find(id); k != nil {
		return k.fingerprint
	}
	return ""
}

// Next returns the id of the key that becomes primary next, empty if there is none.
func (r *Keyring) Next() string {
	if k := r.ring.Load().prepared(); k != nil {
		return k.id
	}
	return ""
}

// Reload reads the key file again and reports whether it changed. A file that is
// damaged, or in which the primary key is missing or another one, is an error, and
// the keys at hand stay in use.
func (r *Keyring) Reload() (changed bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reload()
}

func (r *Keyring) reload() (changed bool, err error) {
	text, err := readKeyFile(r.path)
	if err != nil {
		return false, err
	}
	if text == r.ring.Load().text {
		return false, nil
	}
	fresh, err := parseKeys(text)
	if err != nil {
		return false, fmt.Errorf("key file %s: %w", r.path, err)
	}
	now := r.keys()[0]
	if same := fresh.find(now.id); same == nil || same.fingerprint != now.fingerprint {
		return false, fmt.Errorf("key file %s: the key %s, with which credentials are made now, is not in it any more. Is it the file of another installation? The keys at hand stay in use", r.path, now.id)
	}
	r.ring.Store(fresh)
	return true, nil
}

// Prepare adds a random key that is recognised and makes nothing yet, and returns its
// id: that of the one there is, where one is prepared already.
func (r *Keyring) Prepare() (id string, err error) {
	err = r.rewrite(func(lines []string, now *ring) ([]string, error) {
		if k := now.prepared(); k != nil {
			id = k.id
			return lines, nil
		}
		line := newKeyLine()
		id, _, _ = strings.Cut(line, " ")
		return append(lines, line+" "+nextMark), nil
	})
	return id, err
}

// Promote makes the prepared key the primary one. What was made with the one before
// it stays recognised.
func (r *Keyring) Promote(id string) error {
	return r.rewrite(func(lines []string, now *ring) ([]string, error) {
		if k := now.prepared(); k == nil || k.id != id {
			return nil, fmt.Errorf("key %s is not the next one", id)
		}
		last := len(lines) - 1
		line := strings.TrimSuffix(lines[last], " "+nextMark)
		return slices.Insert(lines[:last:last], 0, line), nil
	})
}

// Remove takes a key out of the ring that is not the primary one.
func (r *Keyring) Remove(id string) error {
	return r.rewrite(func(lines []string, now *ring) ([]string, error) {
		i := slices.IndexFunc(now.keys, func(k *key) bool { return k.id == id })
		if i < 1 {
			return nil, fmt.Errorf("key %s is the primary one, or there is none of that id", id)
		}
		return slices.Delete(lines, i, i+1), nil
	})
}

// rewrite changes the lines of the key file, which are in the order of the ring's
// keys, and takes the outcome into use. The file is there whole at any time.
func (r *Keyring) rewrite(change func(lines []string, now *ring) ([]string, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.reload(); err != nil { // somebody else may have changed it
		return err
	}
	now := r.ring.Load()
	lines, err := change(strings.Split(strings.TrimRight(now.text, "\n"), "\n")[1:], now)
	if err != nil {
		return fmt.Errorf("key file %s: %w", r.path, err)
	}
	text := keyFileHeader + "\n" + strings.Join(lines, "\n") + "\n"
	fresh, err := parseKeys(text)
	if err != nil {
		return fmt.Errorf("key file %s: %w", r.path, err)
	}
	if err := writeFileSynced(r.path, []byte(text)); err != nil {
		return fmt.Errorf("write the key file: %w", err)
	}
	r.ring.Store(fresh)
	return nil
}
