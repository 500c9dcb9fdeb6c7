package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"strings"
	"sync"
	"sync/atomic"
)

const keyLen = 32

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

	fingerprint string // tells nothing of the key
	next        bool   // recognised, and not used for anything new yet
}

// Keyring holds the server keys, the primary one first. It digests secrets,
// seals the one kind of secret that may be shown again, and signs values that
// travel through a browser. It is safe for concurrent use, also while its file
// changes ([Keyring.Reload]).
type Keyring struct {
	path string
	mu   sync.Mutex // held while the file is read or written
	ring atomic.Pointer[ring]
}

// ring is what the key file holds: fixed, replaced as a whole.
type ring struct {
	keys []*key // the primary one first
	text string // of the file
}

func (r *Keyring) keys() []*key { return r.ring.Load().keys }

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
	mark, err := derive("fingerprint")
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
	return &key{id: id, mac: newMACs(mac), sign: sign, aead: aead, fingerprint: hex.EncodeToString(mark[:16])}, nil
}

func (r *ring) find(id string) *key {
	for _, k := range r.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// prepared returns the key that becomes primary next, nil if there is none.
func (r *ring) prepared() *key {
	if n := len(r.keys); n > 0 && r.keys[n-1].next {
		return r.keys[n-1]
	}
	return nil
}

// IDs returns the ids of the keys, the primary one first.
func (r *Keyring) IDs() []string {
	keys := r.keys()
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.id
	}
	return ids
}

// Primary returns the id of the key under which digests and seals are made.
func (r *Keyring) Primary() string { return r.keys()[0].id }

// Outdated reports whether what hangs on a key is to be moved to the primary one: the key
// is neither that nor the one that becomes primary next. Where several servers share a
// database one of them may use the next key already, and must not have its work undone.
func (r *Keyring) Outdated(id string) bool {
	now := r.ring.Load()
	next := now.prepared()
	return id != now.keys[0].id && (next == nil || id != next.id)
}

// SealedBy returns the id of the key under which a sealed copy was made, empty where it
// tells none.
func SealedBy(sealed []byte) string {
	if len(sealed) == 0 || len(sealed) < 1+int(sealed[0]) {
		return ""
	}
	return string(sealed[1 : 1+int(sealed[0])])
}

// Digest returns the digest of a secret under the primary key.
func (r *Keyring) Digest(s Secret) Digest { return r.keys()[0].digest(s) }

// Digests returns the digests of a secret under every key, the primary one
// first: where a credential may have been made before the last rotation.
func (r *Keyring) Digests(s Secret) []Digest {
	keys := r.keys()
	all := make([]Digest, len(keys))
	for i, k := range keys {
		all[i] = k.digest(s)
	}
	return all
}

// Sum is the digest under the primary key alone, without an allocation: what is
// presented with every request is known by it.
func (r *Keyring) Sum(s Secret) [sha256.Size]byte { return r.keys()[0].sum(s) }

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
	k := r.keys()[0]
	head := append([]byte{byte(len(k.id))}, k.id...)
	return append(head, k.aead.Seal(nil, nil, []byte(s.Expose()), []byte(context))...)
}

// ErrSealed says that a sealed secret cannot be opened: it is damaged, belongs
// to something else, or its key is not in the key file.
var ErrSealed = errors.New("the sealed copy cannot be opened with the keys at hand")

// Open decrypts what Seal made, or returns ErrSealed.
func (r *Keyring) Open(sealed []byte, context string) (Secret, error) {
	k := r.ring.Load().find(SealedBy(sealed))
	if k == nil {
		return Secret{}, ErrSealed
	}
	text, err := k.aead.Open(nil, nil, sealed[1+len(k.id):], []byte(context))
	if err != nil {
		return Secret{}, ErrSealed
	}
	return New(string(text)), nil
}

// Sign returns "BASE64.MAC" of a value that is to come back unchanged through a
// browser. The purpose keeps a value signed for one use from serving another.
func (r *Keyring) Sign(purpose, value string) string {
	encoded := base64.RawURLEncoding.EncodeToString([]byte(value))
	return encoded + "." + base64.RawURLEncoding.EncodeToString(r.keys()[0].signature(purpose, value))
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
	for _, k := range r.keys() {
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
