package secret_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"claviger/internal/secret"
)

func TestRedact(t *testing.T) {
	a, b := secret.Generate(secret.Token).Expose(), secret.Generate(secret.Basic).Expose()
	damaged := a[:len(a)-1] + "!"
	for text, want := range map[string]string{
		"":                           "",
		"nothing of ours: clavier":   "nothing of ours: clavier",
		a:                            "[redacted]",
		"x" + a + "y":                "x[redacted]y",
		a + b:                        "[redacted][redacted]",
		"clavclav" + a + " and " + b: "clavclav[redacted] and [redacted]",
		damaged + " " + a:            damaged + " [redacted]",
	} {
		if got := secret.Redact(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestLogIsRedacted: a secret in the message, in a text, in an error and in a group does not reach the log.
func TestLogIsRedacted(t *testing.T) {
	s := secret.Generate(secret.Token).Expose()
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: secret.RedactAttr}))
	log.Info("a token: "+s, "text", "Bearer "+s, "error", errors.New("no such "+s), slog.Group("request", "header", s), "count", 3)
	if text := out.String(); strings.Contains(text, s) || strings.Count(text, "[redacted]") != 4 || !strings.Contains(text, `"count":3`) {
		t.Error(text)
	}
}
