package secret

import (
	"crypto/rand"
	"errors"
	"hash/crc32"
	"strings"
)

// Class is the letter after "clav" that tells what a generated secret is for.
type Class byte

// The classes of generated secrets.
const (
	Token    Class = 't' // an application's named bearer token
	Personal Class = 'p' // a user's API token
	Client   Class = 'c' // a client secret
	Access   Class = 'a' // an access token of the OAuth endpoints
	Basic    Class = 'b' // an application's Basic password
)

// Len is the length of every generated secret, in bytes.
const Len = totalLen

const (
	alphabet    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	randomLen   = 32                  // base62 characters of randomness, 190 bits
	checksumLen = 6                   // base62 characters of CRC-32
	prefixLen   = len("clav") + 1 + 1 // "clavt_"
	totalLen    = prefixLen + randomLen + checksumLen
	shownLen    = prefixLen + 4
)

// ErrFormat says that a text is no secret of ours: its length, its prefix, its
// alphabet or its checksum is wrong. It is all that a caller needs to know, and
// costs no lookup.
var ErrFormat = errors.New("not a secret in Claviger's format")

// Generate returns a new random secret: "clav", the class, "_", 32 random
// base62 characters and the base62 CRC-32 of all that.
func Generate(class Class) Secret {
	b := make([]byte, 0, totalLen)
	b = append(b, "clav"...)
	b = append(b, byte(class), '_')
	b = appendRandom(b, randomLen)
	return New(string(appendChecksum(b)))
}

// Parse recognises a secret by its format alone and returns its class, or
// ErrFormat.
func Parse(text string) (Class, error) {
	if len(text) != totalLen || !strings.HasPrefix(text, "clav") || text[5] != '_' {
		return 0, ErrFormat
	}
	class := Class(text[4])
	switch class {
	case Token, Personal, Client, Access, Basic:
	default:
		return 0, ErrFormat
	}
	var buffer [totalLen]byte
	body := buffer[:copy(buffer[:], text[:totalLen-checksumLen])]
	for i := prefixLen; i < len(body); i++ {
		if c := body[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') { // alphabet
			return 0, ErrFormat
		}
	}
	digits := checksum(body)
	if string(digits[:]) != text[totalLen-checksumLen:] {
		return 0, ErrFormat
	}
	return class, nil
}

// Contained reports whether a secret in our format stands anywhere in a text,
// as where somebody pasted one into a field that is kept in clear.
func Contained(text string) bool { return locate(text) >= 0 }

// locate returns where the first secret in our format begins, -1 = nowhere.
func locate(text string) int {
	for from := 0; ; from++ {
		i := strings.Index(text[from:], "clav")
		if from += i; i < 0 || len(text)-from < totalLen {
			return -1
		}
		if _, err := Parse(text[from : from+totalLen]); err == nil {
			return from
		}
	}
}

// Shown returns what lists may show of a generated secret: its prefix with the
// first four random characters, and its last four characters.
func Shown(s Secret) (prefix, last4 string) {
	text := s.Expose()
	if len(text) != totalLen {
		return "", ""
	}
	return text[:shownLen], text[totalLen-4:]
}

// RandomText returns n random base62 characters, for names that must not be
// guessed but that are not secrets of the five classes (set-up links, nonces).
func RandomText(n int) string { return string(appendRandom(make([]byte, 0, n), n)) }

// appendRandom appends n uniformly random base62 characters: bytes of 248 and
// above are thrown away, so that no character is likelier than another.
func appendRandom(b []byte, n int) []byte {
	var buf [64]byte
	for n > 0 {
		_, _ = rand.Read(buf[:]) // never fails: crypto/rand ends the process instead
		for _, c := range buf {
			if c >= 248 {
				continue
			}
			b = append(b, alphabet[c%62])
			if n--; n == 0 {
				break
			}
		}
	}
	return b
}

// appendChecksum appends the CRC-32 (IEEE) of b in six base62 characters.
func appendChecksum(b []byte) []byte {
	digits := checksum(b)
	return append(b, digits[:]...)
}

// checksum returns the CRC-32 (IEEE) of b in six base62 characters.
func checksum(b []byte) (digits [checksumLen]byte) {
	sum := crc32.ChecksumIEEE(b)
	for i := checksumLen - 1; i >= 0; i-- {
		digits[i] = alphabet[sum%62]
		sum /= 62
	}
	return digits
}
