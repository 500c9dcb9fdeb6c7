package secret

import (
	"log/slog"
	"strings"
)

// Redact returns a text in which each secret in our format is replaced by
// "[redacted]".
func Redact(text string) string {
	for from := 0; ; {
		i := strings.Index(text[from:], "clav")
		if i < 0 || len(text)-from-i < totalLen {
			return text
		}
		from += i
		if _, err := Parse(text[from : from+totalLen]); err != nil {
			from++
			continue
		}
		text = text[:from] + redacted + text[from+totalLen:]
	}
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
