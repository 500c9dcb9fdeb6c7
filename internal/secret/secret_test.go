package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"claviger/internal/secret"
)

const canary = "canary-3141592653589793"

// holder is what a careless programmer prints: a secret as a field, behind a
// pointer, in a slice and in a map.
type holder struct {
	Name    string
	Secret  secret.Secret
	Pointer *secret.Secret
	List    []secret.Secret
	ByName  map[string]secret.Secret
}

func newHolder() holder {
	s := secret.New(canary)
	return holder{"h", s, &s, []secret.Secret{s}, map[string]secret.Secret{"k": s}}
}

func TestSecretRedactsEveryVerb(t *testing.T) {
	s, h := secret.New(canary), newHolder()
	// fmt asks no Formatter about %w and %p, where they do not fit the value.
	for _, verb := range []string{
		"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T", "%c", "%U", "%b", "%o", "%O", "%e", "%E", "%f", "%g", "%G", "%w", "%p", "%z",
		"%10s", "%-50.40q", "% x", "%#x", "%+q", "%.3s", "%08d",
	} {
		for _, value := range []any{s, &s, h, &h, []any{s}, map[string]any{"k": &s}} {
			text := fmt.Sprintf(verb, value)
			if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) || strings.Contains(text, fmt.Sprintf("%X", canary)) {
				t.Errorf("Sprintf(%q, %T) shows the secret: %s", verb, value, text)
			}
		}
		if text := fmt.Sprintf(verb, s); !strings.Contains("%T %w %p", verb) && text != "[redacted]" {
			t.Errorf("Sprintf(%q) = %q", verb, text)
		}
	}
	if s.String() != "[redacted]" || fmt.Sprint(s) != "[redacted]" {
		t.Errorf("String = %q, Sprint = %q", s.String(), fmt.Sprint(s))
	}
}

func TestSecretRedactsInErrors(t *testing.T) {
	err := fmt.Errorf("open %v: %w", secret.New(canary), errors.New("no"))
	if strings.Contains(err.Error(), canary) {
		t.Error(err)
	}
}

func TestSecretRedactsInLogs(t *testing.T) {
	s, h := secret.New(canary), newHolder()
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var out bytes.Buffer
		log := slog.New(handler(&out))
		log.Info("m", "s", s, "p", &s, "h", h, "ph", &h, "err", fmt.Errorf("x: %v", h), slog.Group("g", "s", s))
		log.With("s", s).Info("again", slog.Any("l", []secret.Secret{s}))
		if strings.Contains(out.String(), canary) {
			t.Errorf("%s: %s", name, out.String())
		}
		if !strings.Contains(out.String(), "[redacted]") {
			t.Errorf("%s says nothing of a secret: %s", name, out.String())
		}
	}
}

func TestSecretRedactsInEncodings(t *testing.T) {
	h := newHolder()
	if b, err := json.Marshal(h); err != nil || strings.Contains(string(b), canary) || !strings.Contains(string(b), "[redacted]") {
		t.Errorf("json: %s, %v", b, err)
	}
	if b, err := json.Marshal(map[secret.Secret]int{secret.New(canary): 1}); err != nil || strings.Contains(string(b), canary) {
		t.Errorf("json key: %s, %v", b, err)
	}
	type forXML struct {
		Secret secret.Secret
		Attr   secret.Secret `xml:"a,attr"`
		Chars  secret.Secret `xml:",chardata"`
	}
	s := secret.New(canary)
	if b, err := xml.Marshal(forXML{s, s, s}); err != nil || strings.Contains(string(b), canary) || !strings.Contains(string(b), "[redacted]") {
		t.Errorf("xml: %s, %v", b, err)
	}
	var out bytes.Buffer
	if err := gob.NewEncoder(&out).Encode(s); err == nil && strings.Contains(out.String(), canary) {
		t.Error("gob shows the secret")
	}
}

func TestSecretExposesAndIsZero(t *testing.T) {
	if got := secret.New(canary).Expose(); got != canary {
		t.Errorf("Expose = %q", got)
	}
	if !(secret.Secret{}).IsZero() || !secret.New("").IsZero() || secret.New("x").IsZero() {
		t.Error("IsZero is wrong")
	}
}
