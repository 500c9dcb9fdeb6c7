package store

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"claviger/internal/access"
)

// How values of the domain are written: times as Unix microseconds, spans of
// time as seconds, and NULL for what may be missing.

func micros(t time.Time) int64 { return t.UnixMicro() }

// maybe returns a time that may be missing.
func maybe(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// ref returns a reference that may be missing.
func ref(id string) any {
	if id == "" {
		return nil
	}
	return id
}

// number returns a number that may be missing.
func number(n int) any {
	if n == 0 {
		return nil
	}
	return int64(n)
}

// blob returns bytes that may be missing. Bytes are never written as a string,
// which SQLite would not find again by bytes.
func blob(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// scopesText pads the scopes, so that each stands between two spaces.
func scopesText(s access.Scopes) string {
	if len(s) == 0 {
		return ""
	}
	return " " + s.String() + " "
}

func allowedText(networks []netip.Prefix) string {
	texts := make([]string, len(networks))
	for i, n := range networks {
		texts[i] = n.String()
	}
	return strings.Join(texts, " ")
}

// detailText returns a JSON object with sorted keys.
func detailText(detail map[string]string) (string, error) {
	if len(detail) == 0 {
		return "{}", nil
	}
	text, err := json.Marshal(detail)
	return string(text), err
}

// fold returns the form of a text by which it is searched and ordered: the same
// for letters that differ in case only, on every engine.
func fold(text string) string {
	return strings.Map(func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }, text)
}

// containing returns the LIKE pattern, with \ as its escape, for texts that
// contain part.
func containing(part string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(part) + "%"
}

// How columns are read back: each of these is a sql.Scanner that fills in a
// value of the domain, with zero for NULL.
type (
	toTime    struct{ to *time.Time }
	toText    struct{ to *string }
	toSeconds struct{ to *time.Duration }
	toMicros  struct{ to *time.Duration }
	toNumber  struct{ to *int }
	toScopes  struct{ to *access.Scopes }
	toAllowed struct{ to *[]netip.Prefix }
	toWords   struct{ to *[]string }
	toDetail  struct{ to *map[string]string }
)

func (s toTime) Scan(value any) error {
	*s.to = time.Time{}
	if value == nil {
		return nil
	}
	n, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a time is a %T", value)
	}
	*s.to = time.UnixMicro(n).UTC()
	return nil
}

func (s toText) Scan(value any) error {
	text, err := textOf(value)
	*s.to = text
	return err
}

func (s toSeconds) Scan(value any) error { return scanSpan(s.to, value, time.Second) }

func (s toMicros) Scan(value any) error { return scanSpan(s.to, value, time.Microsecond) }

func scanSpan(to *time.Duration, value any, unit time.Duration) error {
	*to = 0
	if value == nil {
		return nil
	}
	n, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a span of time is a %T", value)
	}
	*to = time.Duration(n) * unit
	return nil
}

func (s toNumber) Scan(value any) error {
	*s.to = 0
	if value == nil {
		return nil
	}
	n, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a number is a %T", value)
	}
	*s.to = int(n)
	return nil
}

func (s toScopes) Scan(value any) error {
	*s.to = nil
	text, err := textOf(value)
	if err != nil || text == "" {
		return err
	}
	*s.to, err = access.ParseScopes(text)
	return err
}

func (s toAllowed) Scan(value any) error {
	*s.to = nil
	text, err := textOf(value)
	if err != nil || text == "" {
		return err
	}
	for word := range strings.FieldsSeq(text) {
		network, err := netip.ParsePrefix(word)
		if err != nil {
			return err
		}
		*s.to = append(*s.to, network)
	}
	return nil
}

func (s toWords) Scan(value any) error {
	*s.to = nil
	text, err := textOf(value)
	if err != nil || text == "" {
		return err
	}
	*s.to = strings.Fields(text)
	return nil
}

func (s toDetail) Scan(value any) error {
	*s.to = nil
	text, err := textOf(value)
	if err != nil || text == "{}" {
		return err
	}
	return json.Unmarshal([]byte(text), s.to)
}

func textOf(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	}
	return "", fmt.Errorf("a text is a %T", value)
}
