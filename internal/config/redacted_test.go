package config

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestRedactedNeverShows(t *testing.T) {
	const canary = "postgres://claviger:sekrit@db/claviger"
	secret := NewRedacted(canary)
	type exported struct{ URL Redacted }
	type hidden struct{ url Redacted }

	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%10.3s"} {
		fmt.Fprintf(&b, verb+"\n", secret)
		fmt.Fprintf(&b, verb+"\n", &secret)
		fmt.Fprintf(&b, verb+"\n", exported{secret})
		fmt.Fprintf(&b, verb+"\n", hidden{secret})
		fmt.Fprintf(&b, verb+"\n", []Redacted{secret})
	}
	fmt.Fprintln(&b, secret, fmt.Errorf("open: %v", secret))
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "url", secret, "store", exported{secret})
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "url", secret, "store", exported{secret})
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, xml.Marshal} {
		data, err := marshal(exported{secret})
		if err != nil || !strings.Contains(string(data), redactedText) {
			t.Errorf("marshalled: %s, %v", data, err)
		}
		b.Write(data)
	}
	out := b.String()
	for _, leak := range []string{"sekrit", "73656b726974", "73656B726974", "[115 101 107"} {
		if strings.Contains(out, leak) {
			t.Errorf("%q stands in:\n%s", leak, out)
		}
	}
	if strings.Count(out, redactedText) < 20 {
		t.Errorf("the mark is missing:\n%s", out)
	}
	if secret.Expose() != canary || secret.IsZero() {
		t.Error("Expose does not give the secret")
	}
	if zero := NewRedacted(""); !zero.IsZero() || zero.String() != "" || zero.Expose() != "" {
		t.Error("an empty secret is not zero")
	}
}
