package web

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"
)

// readTarget parses a request line as the server does; ok is false where it is no HTTP.
func readTarget(target string) (r *http.Request, ok bool) {
	if strings.ContainsAny(target, " \r\n") {
		return nil, false
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n")))
	return r, err == nil
}

// FuzzPlainPath: a path that passes is read alike by whoever cleans, decodes or cuts
// off parameters, and goes out as the string that was decided on (S6).
func FuzzPlainPath(f *testing.F) {
	for _, target := range []string{
		"/acme/orders/backend/a%2Fb?x", "/a/../b", "/a/%2e%2e/b", "/a/..;x/b", "//a", "/a%5Cb", "/a#b", "/%zz", "*", "http://h/a/b", "/a%2F..%2Fb", "/ü/[x]", "/a/", "/",
	} {
		f.Add(target)
	}
	upstream := &url.URL{Scheme: "http", Host: "upstream.test", Path: "/base"}
	s := &Server{Options: Options{GatewayURL: "http://gateway.test"}}
	f.Fuzz(func(t *testing.T, target string) {
		r, ok := readTarget(target)
		if !ok || !plainPath(r) {
			return
		}
		if sent, _, _ := strings.Cut(target, "?"); strings.Contains(sent, "#") {
			t.Errorf("%q: some take what is behind # for a fragment", target)
		}
		raw := r.URL.EscapedPath()
		text, err := url.PathUnescape(raw)
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		if clean := path.Clean(raw); clean != raw && clean+"/" != raw {
			t.Errorf("%q: %q is cleaned to %q", target, raw, clean)
		}
		for segment := range strings.SplitSeq(strings.ReplaceAll(text, `\`, "/"), "/") {
			if cut, _, _ := strings.Cut(segment, ";"); cut == "." || cut == ".." {
				t.Errorf("%q: a dot segment in %q", target, text)
			}
		}
		if strings.ContainsAny(text, "\\\x00\r\n") {
			t.Errorf("%q: %q", target, text)
		}
		out := httptest.NewRequest(http.MethodGet, "/", nil)
		(&passage{server: s, in: r, target: raw}).rewrite(out, upstream)
		if got := out.URL.EscapedPath(); got != "/base"+raw {
			t.Errorf("%q: decided on %q, sent as %q", target, raw, got)
		}
	})
}

// FuzzCutSegment: splitting a path by hand loses and invents nothing.
func FuzzCutSegment(f *testing.F) {
	for _, p := range []string{"", "/", "a", "a/", "a//b", "/a", "acme/orders/backend/x"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		segment, rest := cutSegment(p)
		if segment+rest != p || strings.Contains(segment, "/") || rest != "" && rest[0] != '/' {
			t.Errorf("%q: %q and %q", p, segment, rest)
		}
	})
}
