package web

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"claviger/internal/access"
)

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// shown is what was presented, in clear, to compare it.
type shown struct {
	way          access.Way
	name, secret string
}

func show(p access.Presented) shown { return shown{p.Way, p.Name, p.Secret.Expose()} }

var refused = shown{way: access.WayMalformed}

// TestRFC6750_2_1_AuthorizationHeader: "Bearer" 1*SP b64token.
func TestRFC6750_2_1_AuthorizationHeader(t *testing.T) {
	bearer := func(text string) shown { return shown{way: access.WayBearer, secret: text} }
	for header, want := range map[string]shown{
		"Bearer mF_9.B5f-4.1JqM":               bearer("mF_9.B5f-4.1JqM"),
		"Bearer azAZ09-._~+/==":                bearer("azAZ09-._~+/=="),
		"Bearer   three-spaces":                bearer("three-spaces"),
		"Bearer":                               refused,
		"Bearer ":                              refused,
		"Bearer =":                             refused,
		"Bearer a=b":                           refused,
		"Bearer a b":                           refused,
		"Bearer a ":                            refused,
		"Bearer\ta":                            refused,
		"Bearer a,b":                           refused,
		"Bearer a, Bearer a":                   refused,
		`Bearer "a"`:                           refused,
		"Bearer a\x00":                         refused,
		"Bearer ü":                             refused,
		"Bearera":                              refused,
		" Bearer a":                            refused,
		"Token a":                              refused,
		"Digest username=a":                    refused,
		"":                                     refused,
		"a":                                    refused,
		"Bearer " + strings.Repeat("a", 8<<10): refused,
		"Bearer " + strings.Repeat("a", 8000):  bearer(strings.Repeat("a", 8000)),
	} {
		if got := show(parseAuthorization([]string{header})); got != want {
			t.Errorf("%.40q: %v, want %v", header, got, want)
		}
	}
}

// TestRFC9110_11_1_SchemeIsCaseInsensitive.
func TestRFC9110_11_1_SchemeIsCaseInsensitive(t *testing.T) {
	for _, scheme := range []string{"Bearer", "bearer", "BEARER", "bEaReR"} {
		if got := show(parseAuthorization([]string{scheme + " abc"})); got != (shown{way: access.WayBearer, secret: "abc"}) {
			t.Errorf("%s: %v", scheme, got)
		}
	}
	for _, scheme := range []string{"Basic", "basic", "BASIC"} {
		if got := show(parseAuthorization([]string{scheme + " " + base64Of("a:b")})); got != (shown{access.WayBasic, "a", "b"}) {
			t.Errorf("%s: %v", scheme, got)
		}
	}
	for _, scheme := range []string{"ba\u017fic", "BA\u017fIC"} { // U+017F folds to "s" in Unicode, not here
		if got := show(parseAuthorization([]string{scheme + " " + base64Of("a:b")})); got != refused {
			t.Errorf("%s: %v", scheme, got)
		}
	}
}

// TestRFC7617_2_UserPass: the first colon parts user-id and password, nothing is
// form-decoded, neither may hold control characters.
func TestRFC7617_2_UserPass(t *testing.T) {
	for text, want := range map[string]shown{
		"Aladdin:open sesame":          {access.WayBasic, "Aladdin", "open sesame"},
		"a:b:c:":                       {access.WayBasic, "a", "b:c:"},
		":":                            {access.WayBasic, "", ""},
		":b":                           {access.WayBasic, "", "b"},
		"a:":                           {access.WayBasic, "a", ""},
		"user+tag@example.com:x+y%2Bz": {access.WayBasic, "user+tag@example.com", "x+y%2Bz"},
		"a%3Ab:c":                      {access.WayBasic, "a%3Ab", "c"},
		"nocolon":                      refused,
		"":                             refused,
		"a\x00:b":                      refused,
		"a:b\n":                        refused,
		"a\r:b":                        refused,
		"a:\x7f":                       refused,
	} {
		if got := show(parseAuthorization([]string{"Basic " + base64Of(text)})); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// TestRFC7617_2_1_CharsetIsUTF8: we announce charset="UTF-8", so nothing else counts.
func TestRFC7617_2_1_CharsetIsUTF8(t *testing.T) {
	if got := show(parseAuthorization([]string{"Basic dGVzdDoxMjPCow=="})); got != (shown{access.WayBasic, "test", "123£"}) {
		t.Errorf("the RFC's own example: %v", got)
	}
	if got := show(parseAuthorization([]string{"Basic " + base64Of("test:123\xa3")})); got != refused {
		t.Errorf("Latin-1: %v", got)
	}
}

// TestRFC7617_2_Base64: as RFC 4648 §4 spells it; missing padding is forgiven, other
// spellings of the same bytes are not.
func TestRFC7617_2_Base64(t *testing.T) {
	for encoded, want := range map[string]shown{
		"YTpi":       {access.WayBasic, "a", "b"},
		"YTpiYw==":   {access.WayBasic, "a", "bc"},
		"YTpiYw":     {access.WayBasic, "a", "bc"},
		"YTpiYw=":    refused,
		"YTpiYx==":   refused, // trailing bits
		"YTpi YTpi":  refused,
		"YTpi=":      refused,
		"YTpi*":      refused,
		"YT-_":       refused, // the alphabet for URLs
		"YTpi,YTpi":  refused,
		"YTpi\r\n":   refused,
		"YTpi\tYTpi": refused,
	} {
		if got := show(parseAuthorization([]string{"Basic " + encoded})); got != want {
			t.Errorf("%q: %v, want %v", encoded, got, want)
		}
	}
}

// TestRFC6750_2_OneMethodOnce (S5; RFC 6750 §2: "Clients MUST NOT use more than one method").
func TestRFC6750_2_OneMethodOnce(t *testing.T) {
	for _, c := range []struct {
		name, query string
		headers     []string
		want        shown
	}{
		{"nothing", "", nil, shown{}},
		{"nothing, a query", "a=1&token=2", nil, shown{}},
		{"two headers", "", []string{"Bearer a", "Bearer a"}, refused},
		{"two schemes", "", []string{"Bearer a", "Basic YTpi"}, refused},
		{"a good one and an empty one", "", []string{"Bearer a", ""}, refused},
		{"joined by a comma", "", []string{"Bearer a, Basic YTpi"}, refused},
		{"header and query", "access_token=b", []string{"Bearer a"}, refused},
		{"header and an encoded name in the query", "%61ccess_token=b", []string{"Bearer a"}, refused},
		{"header and half a client", "client_id=b", []string{"Bearer a"}, refused},
		{"a malformed header and a query", "access_token=b", []string{"Nonsense"}, refused},
	} {
		if got := show(presented(http.Header{"Authorization": c.headers}, c.query)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestRFC6750_2_3_QueryParameter, and description B's client id and secret.
func TestRFC6750_2_3_QueryParameter(t *testing.T) {
	for query, want := range map[string]shown{
		"access_token=abc":                       {way: access.WayQueryToken, secret: "abc"},
		"a=1&access_token=abc&b=2":               {way: access.WayQueryToken, secret: "abc"},
		"access%5Ftoken=a%62c":                   {way: access.WayMalformed}, // a name in disguise
		"access_token=a%62c":                     {way: access.WayQueryToken, secret: "abc"},
		"access_token=":                          {way: access.WayQueryToken},
		"access_token":                           {way: access.WayQueryToken},
		"client_id=a&client_secret=b%3D":         {access.WayQueryClient, "a", "b="},
		"client_secret=b&client_id=a":            {access.WayQueryClient, "a", "b"},
		"access_token=a&access_token=a":          refused,
		"access_token=a&access%5ftoken=a":        refused,
		"access_token=a&client_id=b":             refused,
		"client_id=a":                            refused,
		"client_secret=a":                        refused,
		"client_id=a&client_id=a&client_secret=": refused,
		"access_token=%zz":                       refused,
		"Access_Token=a":                         {},
		"access_token2=a":                        {},
		"access_tokens=a&client_ids=b":           {},
		"a=access_token=b":                       {},
		"a;access_token=b":                       {}, // a semicolon parts nothing (RFC 3986; Go 1.17)
		"%zz=1":                                  {},
		"&&=&":                                   {},
		"access_token[]=a":                       {},
	} {
		if got := show(parseQuery(query)); got != want {
			t.Errorf("%q: %v, want %v", query, got, want)
		}
	}
}

func TestStripQuery(t *testing.T) {
	for query, want := range map[string]string{
		"":                               "",
		"a=1&b=2":                        "a=1&b=2",
		"a=1&access_token=x&b=%20+&a=1":  "a=1&b=%20+&a=1",
		"access_token=x":                 "",
		"client_id=x&client_secret=y&q=": "q=",
		"%61ccess_token=x&%zz=1&;&":      "%zz=1&;&",
		"z&y&x":                          "z&y&x",
	} {
		if got := stripQuery(query); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
}

// hostile returns a malformed Authorization header, made from parts that belong to
// good ones.
func hostile(random *rand.Rand) string {
	parts := []string{
		"Bearer", "bearer", "Basic", "BASIC", "Digest", "Negotiate", " ", "  ", "\t", ",", ";", "=", "==", ":", "%3A", "\"", "clavt_", "clavb_",
		strings.Repeat("A", 32), strings.Repeat("Aa0", 14), "user", base64Of("user:password"), base64Of(":"), base64Of("\x00:\xff"), "ü", "\xff",
		"null", "undefined", "$TOKEN", "{{token}}", "realm=x", strings.Repeat("=", 100), strings.Repeat("x", 3000), "../", "' OR 1=1 --",
	}
	var b strings.Builder
	for range 1 + random.IntN(8) {
		b.WriteString(parts[random.IntN(len(parts))])
	}
	return b.String()
}

// TestHostileAuthorization sends 10,000 headers through both listeners' handlers:
// none is let in, none is our fault.
func TestHostileAuthorization(t *testing.T) {
	s := parserServer(t)
	random := rand.New(rand.NewPCG(6750, 7617))
	seen := map[int]int{}
	for i := range 10_000 {
		header := hostile(random)
		handler, path := s.Console(), "/verify/acme/orders/backend"
		if i%2 == 1 {
			handler, path = s.Gateway(), "/acme/orders/backend/"
		}
		status := statusFor(handler, path, header)
		seen[status]++
		if status != http.StatusUnauthorized {
			t.Errorf("%q: status %d", header, status)
		}
	}
	if seen[http.StatusUnauthorized] != 10_000 {
		t.Error(fmt.Sprint(seen))
	}
}

func FuzzAuthorization(f *testing.F) {
	for _, header := range []string{
		"Bearer abc", "Basic " + base64Of("user+tag@example.com:a:b"), "basic YTpi", "Bearer a,b", "Basic YTpiYw", "Bearer =", "", " ", "Basic " + base64Of("\xff:"),
	} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		p := parseAuthorization([]string{header})
		scheme, rest, _ := strings.Cut(header, " ")
		switch p.Way {
		case access.WayMalformed:
		case access.WayBearer:
			if !strings.EqualFold(scheme, "bearer") || !strings.HasSuffix(rest, p.Secret.Expose()) || p.Name != "" || p.Secret.IsZero() || strings.ContainsAny(p.Secret.Expose(), " ,;\"\t\r\n") {
				t.Errorf("%q: %v", header, show(p))
			}
		case access.WayBasic:
			encoded := base64Of(p.Name + ":" + p.Secret.Expose())
			if !strings.EqualFold(scheme, "basic") || strings.Contains(p.Name, ":") || strings.TrimRight(strings.TrimLeft(rest, " "), "=") != strings.TrimRight(encoded, "=") {
				t.Errorf("%q: %v", header, show(p))
			}
		default:
			t.Errorf("%q: way %d", header, p.Way)
		}
		if twice := parseAuthorization([]string{header, header}); twice.Way != access.WayMalformed {
			t.Errorf("%q twice: %v", header, show(twice))
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, query := range []string{"", "access_token=a", "client_id=a&client_secret=b", "%61ccess_token=x&y", "a;b=c&&=", "access_token=%zz", "%zz=1&access_token"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		p, kept := parseQuery(query), stripQuery(query)
		if rest := parseQuery(kept); rest.Way != access.WayNone {
			t.Errorf("%q: a credential remains in %q", query, kept)
		}
		if p.Way == access.WayNone && kept != query {
			t.Errorf("%q: changed to %q without a credential", query, kept)
		}
		if again := stripQuery(kept); again != kept {
			t.Errorf("%q: %q, then %q", query, kept, again)
		}
	})
}
