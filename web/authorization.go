package web

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// maxAuthorization bounds the header that is looked at, in bytes.
const maxAuthorization = 8 << 10

// presented returns what a request presented: in its Authorization header, or in
// the query it was sent with. One method, once, or it counts as malformed (S5).
func presented(header http.Header, rawQuery string) access.Presented {
	fromHeader := parseAuthorization(header["Authorization"])
	fromQuery := parseQuery(rawQuery)
	switch {
	case fromQuery.Way == access.WayNone:
		return fromHeader
	case fromHeader.Way == access.WayNone:
		return fromQuery
	}
	return access.Presented{Way: access.WayMalformed}
}

// parseAuthorization reads the Authorization headers of an API request: exactly
// one, with one credential. Scheme names are case-insensitive (RFC 9110 §11.1).
func parseAuthorization(values []string) access.Presented {
	malformed := access.Presented{Way: access.WayMalformed}
	if len(values) == 0 {
		return access.Presented{}
	}
	if len(values) > 1 || len(values[0]) > maxAuthorization {
		return malformed
	}
	scheme, rest, ok := strings.Cut(values[0], " ")
	rest = strings.TrimLeft(rest, " ")
	if !ok || rest == "" {
		return malformed
	}
	switch {
	case strings.EqualFold(scheme, "bearer"):
		if !token68(rest) {
			return malformed
		}
		return access.Presented{Way: access.WayBearer, Secret: secret.New(rest)}
	case len(scheme) == len("basic") && strings.EqualFold(scheme, "basic"): // U+017F folds to "s"
		name, password, ok := parseBasic(rest)
		if !ok {
			return malformed
		}
		return access.Presented{Way: access.WayBasic, Name: name, Secret: password}
	}
	return malformed
}

// parseBasic reads base64(user-id ":" password) (RFC 7617 §2), split at the first
// colon. Nothing is form-decoded: "user+tag@example.com" keeps its plus.
func parseBasic(encoded string) (name string, password secret.Secret, ok bool) {
	if strings.ContainsAny(encoded, "\r\n") {
		return "", secret.Secret{}, false // encoding/base64 skips them
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		decoded, err = base64.RawStdEncoding.Strict().DecodeString(encoded)
	}
	if err != nil || !utf8.Valid(decoded) {
		return "", secret.Secret{}, false
	}
	name, text, found := strings.Cut(string(decoded), ":")
	if !found || strings.ContainsFunc(string(decoded), func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return "", secret.Secret{}, false
	}
	return name, secret.New(text), true
}

// token68 reports whether text is a token as RFC 6750 §2.1 spells it.
func token68(text string) bool {
	body := strings.TrimRight(text, "=")
	if body == "" {
		return false
	}
	for i := range len(body) {
		c := body[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("-._~+/", c) < 0 {
			return false
		}
	}
	return true
}

// credentialParameters are the names under which a query can carry a credential.
var credentialParameters = []string{"access_token", "client_id", "client_secret"}

// parseQuery finds a credential in a raw query: access_token, or client_id with
// client_secret, each once.
func parseQuery(rawQuery string) access.Presented {
	malformed := access.Presented{Way: access.WayMalformed}
	if !strings.Contains(rawQuery, "access_token") && !strings.Contains(rawQuery, "client_") && !strings.Contains(rawQuery, "%") {
		return access.Presented{}
	}
	var values [3][]string
	for pair := range strings.SplitSeq(rawQuery, "&") {
		key, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(key)
		if err != nil {
			continue
		}
		for i, parameter := range credentialParameters {
			if name != parameter {
				continue
			}
			text, err := url.QueryUnescape(value)
			if err != nil || key != parameter { // a name in disguise is there to pass something
				return malformed
			}
			values[i] = append(values[i], text)
		}
	}
	token, id, password := values[0], values[1], values[2]
	switch {
	case len(token)+len(id)+len(password) == 0:
		return access.Presented{}
	case len(token) == 1 && len(id)+len(password) == 0:
		return access.Presented{Way: access.WayQueryToken, Secret: secret.New(token[0])}
	case len(token) == 0 && len(id) == 1 && len(password) == 1:
		return access.Presented{Way: access.WayQueryClient, Name: id[0], Secret: secret.New(password[0])}
	}
	return malformed
}

// stripQuery returns a raw query without the parameters that carry credentials.
// What remains is left exactly as it was sent.
func stripQuery(rawQuery string) string {
	if rawQuery == "" {
		return ""
	}
	kept := make([]string, 0, 8)
	for pair := range strings.SplitSeq(rawQuery, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(key); err == nil && slices.Contains(credentialParameters, name) {
			continue
		}
		kept = append(kept, pair)
	}
	return strings.Join(kept, "&")
}
