// Package secret makes, recognises, digests, seals and forgets the secrets that
// Claviger hands out, and checks the passwords that people sign in with.
//
// It knows nothing of organizations, tokens or databases: it turns randomness
// into text and text into digests. Everything that carries a secret in clear is
// of type [Secret], which redacts itself wherever it could be printed.
package secret

import (
	"fmt"
	"log/slog"
)

// redacted stands wherever a secret would have been printed.
const redacted = "[redacted]"

// Secret is a text that must not be printed: every way of formatting, logging
// or marshalling it yields "[redacted]". Only Expose returns the text itself. The
// text stands behind a pointer, because fmt asks no Formatter where the verb is
// wrong for the value (%w, %p), but prints no pointer's target either.
type Secret struct{ text *string }

// New wraps a text that somebody presented or that is about to be handed out.
func New(text string) Secret { return Secret{&text} }

// Expose returns the text. Each call is a place where a secret may leave.
func (s Secret) Expose() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no text at all.
func (s Secret) IsZero() bool { return s.Expose() == "" }

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// Format writes "[redacted]" for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns "[redacted]" to log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]" to JSON, XML and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
