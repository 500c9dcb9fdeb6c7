package secret

import (
	"log/slog"
	"strings"
)

// Redact returns a text in which each secret in our format is replaced by
// "[redacted]".
func Redact(text string) string {
	var clean strings.Builder
	for i := locate(text); i >= 0; i = locate(text) {
		clean.WriteString(text[:i] + redacted)
		text = text[i+totalLen:]
	}
	return clean.String() + text
}

// RedactAttr is Redact for log/slog's HandlerOptions.ReplaceAttr: the second wall
// behind [Secret], for texts and errors that others make.
func RedactAttr(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(Redact(a.Value.String()))
	case slog.KindAny:
		if err, ok := a.Value.Any().(error); ok && err != nil && Contained(err.Error()) {
			a.Value = slog.StringValue(Redact(err.Error()))
		}
	}
	return a
}
