package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

const (
	keyFileHeader = "claviger-keys-v1"
	keyLen        = 32
)

// Digest is what the database keeps of a secret: its HMAC-SHA-256 and the id of
// the key under which it was made.
type Digest struct {
	KeyID string
	Sum   []byte // 32 bytes
}

// key is one server key and what is derived from it, each for one purpose.
type key struct {
	id   string
	mac  *sync.Pool // of *macState
	sign []byte
	aead cipher.AEAD
}

// Keyring holds the server keys, the primary one first. It digests secrets,
// seals the one kind of secret that may be shown again, and signs values that
// travel through a browser. It is safe for concurrent use.
type Keyring struct{ keys []*key }

// OpenKeyring reads the key file at path, or makes one with a single random key
// when there is none. The file is text: a header line, then one line
// "ID BASE64" for each key, the primary one first. It must be readable by its
// owner only.
func OpenKeyring(path string) (*Keyring, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return createKeyring(path)
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("key file %s can be read by others (mode %04o): run chmod 600 %s and start again", path, perm, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	ring, err := parseKeyring(string(text))
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return ring, nil
}

// createKeyring writes a new key file so that it is there whole or not at all,
// and survives a power cut before anything depends on it.
func createKeyring(path string) (*Keyring, error) {
	material := make([]byte, keyLen)
	_, _ = rand.Read(material)
	text := fmt.Sprintf("%s\n%s %s\n", keyFileHeader, RandomText(8), base64.StdEncoding.EncodeToString(material))
	if err := writeFileSynced(path, []byte(text)); err != nil {
		return nil, fmt.Errorf("make the key file: %w", err)
	}
	return parseKeyring(text)
}

// writeFileSynced makes a file of mode 0600 by writing a temporary one beside
// it, syncing and renaming it, and syncing the directory.
func writeFileSynced(path string, text []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".claviger-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	if _, err := f.Write(text); err != nil {
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

// parseKeyring reads the text of a key file. Its errors name lines, never keys.
func parseKeyring(text string) (*Keyring, error) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if lines[0] != keyFileHeader {
		return nil, fmt.Errorf("line 1: %q expected; is this Claviger's key file?", keyFileHeader)
	}
	ring := &Keyring{}
	for i, line := range lines[1:] {
		id, encoded, ok := strings.Cut(line, " ")
		material, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || id == "" {
			return nil, fmt.Errorf("line %d: a key's id and its base64 expected", i+2)
		}
		if len(material) != keyLen || bytes.Count(material, material[:1]) == keyLen {
			return nil, fmt.Errorf("line %d: key %s is weak: %d random bytes expected", i+2, id, keyLen)
		}
		if ring.find(id) != nil {
			return nil, fmt.Errorf("line %d: key %s stands there twice", i+2, id)
		}
		k, err := deriveKey(id, material)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		ring.keys = append(ring.keys, k)
	}
	if len(ring.keys) == 0 {
		return nil, errors.New("it holds no key")
	}
	return ring, nil
}

func deriveKey(id string, material []byte) (*key, error) {
	derive := func(purpose string) ([]byte, error) {
		return hkdf.Key(sha256.New, material, nil, "claviger "+purpose+" v1", keyLen)
	}
	mac, err := derive("digest")
	if err != nil {
		return nil, err
	}
	sign, err := derive("sign")
	if err != nil {
		return nil, err
	}
	seal, err := derive("seal")
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &key{id: id, mac: newMACs(mac), sign: sign, aead: aead}, nil
}

func (r *Keyring) find(id string) *key {
	for _, k := range r.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// IDs returns the ids of the keys, the primary one first.
func (r *Keyring) IDs() []string {
	ids := make([]string, len(r.keys))
	for i, k := range r.keys {
		ids[i] = k.id
	}
	return ids
}

// Digest returns the digest of a secret under the primary key.
func (r *Keyring) Digest(s Secret) Digest { return r.keys[0].digest(s) }

// Digests returns the digests of a secret under every key, the primary one
// first: where a credential may have been made before the last rotation.
func (r *Keyring) Digests(s Secret) []Digest {
	all := make([]Digest, len(r.keys))
	for i, k := range r.keys {
		all[i] = k.digest(s)
	}
	return all
}

// Sum is the digest under the primary key alone, without an allocation: what is
// presented with every request is known by it.
func (r *Keyring) Sum(s Secret) [sha256.Size]byte { return r.keys[0].sum(s) }

func (k *key) digest(s Secret) Digest {
	sum := k.sum(s)
	return Digest{KeyID: k.id, Sum: sum[:]}
}

// macState is an HMAC that is used again and again, with its key worked in: that is
// half of what a short HMAC costs.
type macState struct {
	hash hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

func newMACs(mac []byte) *sync.Pool {
	return &sync.Pool{New: func() any { return &macState{hash: hmac.New(sha256.New, mac), text: make([]byte, 0, 2*totalLen)} }}
}

func (k *key) sum(s Secret) [sha256.Size]byte {
	m := k.mac.Get().(*macState)
	m.hash.Reset()
	m.text = append(m.text[:0], s.Expose()...)
	m.hash.Write(m.text)
	clear(m.text) // no secret stays behind
	m.hash.Sum(m.sum[:0])
	sum := m.sum
	k.mac.Put(m)
	return sum
}

// Seal encrypts a secret under the primary key (AES-256-GCM), bound to what
// it belongs to: the same context must be given to Open. The first byte tells
// the length of the key's id, which follows it.
func (r *Keyring) Seal(s Secret, context string) []byte {
	k := r.keys[0]
	head := append([]byte{byte(len(k.id))}, k.id...)
	return append(head, k.aead.Seal(nil, nil, []byte(s.Expose()), []byte(context))...)
}

// ErrSealed says that a sealed secret cannot be opened: it is damaged, belongs
// to something else, or its key is not in the key file.
var ErrSealed = errors.New("the sealed copy cannot be opened with the keys at hand")

// Open decrypts what Seal made, or returns ErrSealed.
func (r *Keyring) Open(sealed []byte, context string) (Secret, error) {
	if len(sealed) == 0 || len(sealed) < 1+int(sealed[0]) {
		return Secret{}, ErrSealed
	}
	n := 1 + int(sealed[0])
	k := r.find(string(sealed[1:n]))
	if k == nil {
		return Secret{}, ErrSealed
	}
	text, err := k.aead.Open(nil, nil, sealed[n:], []byte(context))
	if err != nil {
		return Secret{}, ErrSealed
	}
	return New(string(text)), nil
}

// Sign returns "BASE64.MAC" of a value that is to come back unchanged through a
// browser. The purpose keeps a value signed for one use from serving another.
func (r *Keyring) Sign(purpose, value string) string {
	encoded := base64.RawURLEncoding.EncodeToString([]byte(value))
	return encoded + "." + base64.RawURLEncoding.EncodeToString(r.keys[0].signature(purpose, value))
}

// Verify returns the value that Sign signed for this purpose under any key of
// the ring, and whether there is one.
func (r *Keyring) Verify(purpose, signed string) (string, bool) {
	encoded, mac, ok := strings.Cut(signed, ".")
	if !ok {
		return "", false
	}
	value, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	sum, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil {
		return "", false
	}
	for _, k := range r.keys {
		if hmac.Equal(sum, k.signature(purpose, string(value))) {
			return string(value), true
		}
	}
	return "", false
}

func (k *key) signature(purpose, value string) []byte {
	h := hmac.New(sha256.New, k.sign)
	h.Write([]byte(purpose))
	h.Write([]byte{0})
	h.Write([]byte(value))
	return h.Sum(nil)
}
