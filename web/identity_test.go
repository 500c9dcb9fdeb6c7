package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"claviger/internal/access"
)

// tokenCharacters are those a header name may hold (RFC 9110 §5.6.2), letters and
// digits aside.
const tokenCharacters = "!#$%&'*+-.^_`|~"

// TestReservedHeader: whatever a server may fold into one of our names (S1).
func TestReservedHeader(t *testing.T) {
	var names []string
	for _, name := range identityHeaders {
		names = append(names, name, strings.ToUpper(name), strings.ToLower(name))
		for _, c := range tokenCharacters {
			names = append(names, strings.ReplaceAll(name, "-", string(c)), strings.Replace(name, "-", string(c), 1), strings.ToLower(name[:6])+string(c)+name[7:])
		}
	}
	names = append(names, "X-Auth-Anything", "X-Forwarded-For", "x_forwarded_for", "X-Forwarded-Prefix", "X.Forwarded.Host", "X-Original-URI", "X-Original-Method", "Forwarded", "X-Real-IP", "X_Real_IP", "X-Rewrite-URL", "X-HTTP-Method-Override")
	for _, name := range names {
		if !reserved(foldHeader(name)) {
			t.Errorf("%s passes", name)
		}
	}
	for _, name := range []string{"Accept", "X-Authentic", "X-Authorization", "Authorization", "X-Request-Id", "Xauth-Subject", "X-Forward", "Cookie", "Auth-Subject", "AX-Auth-Subject"} {
		if reserved(foldHeader(name)) {
			t.Errorf("%s is held back", name)
		}
	}
}

// TestSetIdentitySetsAll: empty where there is no value (S2).
func TestSetIdentitySetsAll(t *testing.T) {
	h := http.Header{"X-Auth-Subject": {"a", "b"}}
	setIdentity(h, access.Principal{})
	if len(identityHeaders) != 7 {
		t.Errorf("%d identity headers", len(identityHeaders))
	}
	for _, name := range identityHeaders {
		if values := h[name]; len(values) != 1 || values[0] != "" {
			t.Errorf("%s: %q", name, values)
		}
		if http.CanonicalHeaderKey(name) != name {
			t.Errorf("%s is not canonical", name)
		}
	}
}

func TestEncodeLabel(t *testing.T) {
	for label, want := range map[string]string{
		"":                  "",
		"ci":                "ci",
		"night job":         "night%20job",
		"a,b":               "a%2Cb",
		"100%":              "100%25",
		"Müller":            "M%C3%BCller",
		"x\r\nX-Evil: 1":    "x%0D%0AX-Evil:%201",
		"~!\"#$&'()*+/:;<>": "~!\"#$&'()*+/:;<>",
		"\x7f":              "%7F",
	} {
		if got := encodeLabel(label); got != want {
			t.Errorf("%q: %q, want %q", label, got, want)
		}
	}
}

func FuzzEncodeLabel(f *testing.F) {
	for _, label := range []string{"", "ci", "night, 5 %", "Müller", "\x00\xff", "%2C"} {
		f.Add(label)
	}
	f.Fuzz(func(t *testing.T, label string) {
		got := encodeLabel(label)
		for i := range len(got) {
			if got[i] <= ' ' || got[i] > '~' || got[i] == ',' {
				t.Fatalf("%q: %q holds %q", label, got, got[i])
			}
		}
		if back, err := url.PathUnescape(got); err != nil || back != label {
			t.Errorf("%q: %q reads back as %q (%v)", label, got, back, err)
		}
	})
}

func FuzzFoldHeader(f *testing.F) {
	for _, name := range []string{"X-Auth-Subject", "x_auth.subject", "X~AUTH`LABEL", "Accept", "", "X-Forwarded-For"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		folded := foldHeader(name)
		if len(folded) != len(name) || foldHeader(folded) != folded || folded != foldHeader(asciiUpper(name)) {
			t.Errorf("%q folds to %q", name, folded)
		}
		for _, own := range identityHeaders {
			if folded == strings.ToLower(own) && !reserved(foldHeader(name)) {
				t.Errorf("%q passes for %s", name, own)
			}
		}
		h := http.Header{name: {"x"}}
		cleanHeaders(h)
		if _, kept := h[name]; kept == (reserved(foldHeader(name)) || folded == "authorization" || folded == "proxy-authorization") {
			t.Errorf("%q: kept %t", name, kept)
		}
	})
}

// asciiUpper leaves all but ASCII letters alone, bytes that are no UTF-8 too.
func asciiUpper(name string) string {
	b := []byte(name)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
