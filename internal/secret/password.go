package secret

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Argon2id as OWASP recommends it: 19 MiB, two passes, one lane, some 36 ms.
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	argonLanes  = 1
	saltLen     = 16
	sumLen      = 32
)

// MaxPasswordLen is the longest password that is hashed, in bytes: a longer one
// is refused, so that nobody can make the server chew on megabytes.
const MaxPasswordLen = 1024

// ErrPasswordTooLong says that a password is longer than MaxPasswordLen.
var ErrPasswordTooLong = errors.New("the password is longer than 1024 bytes")

// queueFactor is how many checks may wait for each that runs: with two slots, a
// second's worth. Beyond that nobody is served by waiting longer.
const queueFactor = 32

// ErrBusy says that too many passwords are being checked already.
var ErrBusy = errors.New("too many passwords are being checked")

// Passwords hashes and checks the passwords that people sign in with. It bounds
// how many checks run at once: each takes 19 MiB.
type Passwords struct {
	slots chan struct{}
	queue chan struct{} // who waits for a slot, or has one
	dummy string
}

// NewPasswords returns a hasher that runs at most atOnce checks at a time.
func NewPasswords(atOnce int) *Passwords {
	return &Passwords{slots: make(chan struct{}, atOnce), queue: make(chan struct{}, atOnce*queueFactor), dummy: dummyHash()}
}

// Hash returns the hash of a new password in the PHC string format. It waits
// for a free slot and fails when ctx ends first.
func (p *Passwords) Hash(ctx context.Context, password Secret) (string, error) {
	if len(password.Expose()) > MaxPasswordLen {
		return "", ErrPasswordTooLong
	}
	if err := p.acquire(ctx); err != nil {
		return "", err
	}
	defer p.release()
	return hashPassword(password), nil
}

// Check reports whether the password belongs to the hash. An empty hash (no
// such user) costs the same time and is never right. stale tells that the hash
// was made with other parameters than today's and should be replaced.
func (p *Passwords) Check(ctx context.Context, hash string, password Secret) (ok, stale bool, err error) {
	if len(password.Expose()) > MaxPasswordLen {
		return false, false, nil
	}
	if err := p.acquire(ctx); err != nil {
		return false, false, err
	}
	defer p.release()
	known := hash != ""
	if !known {
		hash = p.dummy
	}
	ok, stale, err = checkPassword(hash, password)
	return ok && known, stale && known, err
}

func (p *Passwords) acquire(ctx context.Context) error {
	select {
	case p.queue <- struct{}{}:
	default:
		return ErrBusy
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-p.queue
		return fmt.Errorf("wait for a password check: %w", ctx.Err())
	}
}

func (p *Passwords) release() {
	<-p.slots
	<-p.queue
}

func hashPassword(password Secret) string {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt)
	return printHash(salt, argon2.IDKey([]byte(password.Expose()), salt, argonTime, argonMemory, argonLanes, sumLen))
}

// dummyHash returns a hash of no password: checking against it costs as much as
// against a real one. It is made of chance, which costs nothing at the start.
func dummyHash() string {
	chance := make([]byte, saltLen+sumLen)
	_, _ = rand.Read(chance)
	return printHash(chance[:saltLen], chance[saltLen:])
}

// printHash prints salt and sum in the PHC string format.
func printHash(salt, sum []byte) string {
	enc := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes, enc(salt), enc(sum))
}

func checkPassword(hash string, password Secret) (ok, stale bool, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, false, errors.New("the stored password hash is damaged")
	}
	var memory, passes uint32
	var lanes uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); err != nil || memory == 0 || memory > 1<<20 || passes == 0 || passes > 16 || lanes == 0 {
		return false, false, errors.New("the stored password hash is damaged")
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(want) == 0 {
		return false, false, errors.New("the stored password hash is damaged")
	}
	got := argon2.IDKey([]byte(password.Expose()), salt, passes, memory, lanes, uint32(len(want)))
	stale = memory != argonMemory || passes != argonTime || lanes != argonLanes
	return subtle.ConstantTimeCompare(got, want) == 1, stale, nil
}
