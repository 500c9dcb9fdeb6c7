package web

import (
	"net/http"
	"strings"

	"claviger/internal/access"
)

// identityHeaders are set by us on every request that is let in, always all of
// them, and taken from what a caller sends.
var identityHeaders = []string{
	"X-Auth-Organization", "X-Auth-Application", "X-Auth-Kind", "X-Auth-Credential", "X-Auth-Label", "X-Auth-Subject", "X-Auth-Scope",
}

// authReason tells a proxy why /verify refuses, by the reason's name: the answers to
// 401 and 403 that a caller is to see are the proxy's to make, a 429 among them.
const authReason = "X-Auth-Reason"

// setIdentity sets all identity headers, empty where there is no value (S2).
func setIdentity(h http.Header, p access.Principal) {
	values := []string{p.Organization, p.Application, string(p.Kind), p.Credential, encodeLabel(p.Label), p.Subject, p.ScopeList()}
	for i, name := range identityHeaders {
		h[name] = values[i : i+1 : i+1] // one allocation for all; who appends to one gets a copy
	}
}

// encodeLabel percent-encodes what is not visible ASCII, and comma and "%", which
// would make one header value look like several, or like encoded text.
func encodeLabel(label string) string {
	const hex = "0123456789ABCDEF"
	plain := func(c byte) bool { return c > ' ' && c <= '~' && c != ',' && c != '%' }
	i := 0
	for i < len(label) && plain(label[i]) {
		i++
	}
	if i == len(label) {
		return label
	}
	var b strings.Builder
	for i := range len(label) {
		c := label[i]
		if plain(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// foldHeader returns the name under which a header may reach an application behind
// a server that folds names, as CGI and WSGI do: lower case, and every character
// that is no letter or digit a hyphen (S1).
func foldHeader(name string) string {
	b := []byte(name)
	for i, c := range b {
		switch {
		case c >= 'A' && c <= 'Z':
			b[i] = c + 'a' - 'A'
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
		default:
			b[i] = '-'
		}
	}
	return string(b)
}

// reserved reports whether a header of a caller, by its folded name, must not reach an upstream:
// it is, or folds into, an identity header or one by which proxies tell each other
// where a request came from. The gateway sets those anew.
func reserved(folded string) bool {
	if strings.HasPrefix(folded, "x-auth-") || strings.HasPrefix(folded, "x-forwarded-") || strings.HasPrefix(folded, "x-original-") {
		return true
	}
	switch folded {
	case "forwarded", "x-real-ip", "x-rewrite-url", "x-http-method-override", "x-http-method", "x-method-override":
		return true
	}
	return false
}

// splitList splits a comma-separated header value.
func splitList(line string) []string {
	parts := strings.Split(line, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}
