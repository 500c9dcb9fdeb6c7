package config

import (
	"fmt"
	"io"
	"log/slog"
)

const redactedText = "[redacted]"

// Redacted is a secret value. Printed, logged or marshalled in any way it shows
// "[redacted]", or nothing when it is empty; only Expose gives the value.
type Redacted struct {
	// A pointer, so that even reflection past our methods (fmt does that for
	// unexported fields) meets an address and not the text.
	value *string
}

// NewRedacted wraps value.
func NewRedacted(value string) Redacted {
	if value == "" {
		return Redacted{}
	}
	return Redacted{value: &value}
}

// Expose returns the secret itself.
func (r Redacted) Expose() string {
	if r.value == nil {
		return ""
	}
	return *r.value
}

// IsZero reports whether there is no value.
func (r Redacted) IsZero() bool { return r.value == nil }

// String returns "[redacted]", or "" when there is no value.
func (r Redacted) String() string {
	if r.IsZero() {
		return ""
	}
	return redactedText
}

// Format writes String for every verb and flag.
func (r Redacted) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue implements slog.LogValuer.
func (r Redacted) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalText implements encoding.TextMarshaler, which JSON and XML use too.
func (r Redacted) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
