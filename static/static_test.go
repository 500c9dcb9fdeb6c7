package static

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

var names = map[string]string{
	"app.css":     "text/css; charset=utf-8",
	"pages.css":   "text/css; charset=utf-8",
	"app.js":      "text/javascript; charset=utf-8",
	"favicon.svg": "image/svg+xml; charset=utf-8",
	"icon.svg":    "image/svg+xml; charset=utf-8",
	"icons.svg":   "image/svg+xml; charset=utf-8",
}

func get(t *testing.T, method, path, encoding string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	if encoding != "" {
		r.Header.Set("Accept-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFilesAreServedAtTheirFingerprint(t *testing.T) {
	if got := len(assets().byName); got != len(names) {
		t.Errorf("%d files are embedded, %d are expected", got, len(names))
	}
	shape := regexp.MustCompile(`^/static/[a-z]+\.[0-9a-f]{8}\.(css|js|svg)$`)
	for name, contentType := range names {
		path := Path(name)
		if !shape.MatchString(path) {
			t.Errorf("Path(%q) = %q, which has no fingerprint", name, path)
		}
		want, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		plain := get(t, "GET", path, "")
		if plain.StatusCode != 200 || body(t, plain.Body) != string(want) {
			t.Errorf("GET %s = %d, or another content", path, plain.StatusCode)
		}
		for header, value := range map[string]string{
			"Content-Type":            contentType,
			"Cache-Control":           "public, max-age=31536000, immutable",
			"Vary":                    "Accept-Encoding",
			"Content-Encoding":        "",
			"X-Content-Type-Options":  "nosniff",
			"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
		} {
			if got := plain.Header.Get(header); got != value {
				t.Errorf("GET %s: %s is %q, want %q", path, header, got, value)
			}
		}
		zipped := get(t, "GET", path, "br, gzip;q=0.8")
		reader, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatalf("GET %s compressed: %v", path, err)
		}
		if zipped.Header.Get("Content-Encoding") != "gzip" || body(t, reader) != string(want) {
			t.Errorf("GET %s compressed: not the same content", path)
		}
	}
}

func TestAnythingElseIsRefused(t *testing.T) {
	css := Path("app.css")
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"HEAD", css, 200},
		{"POST", css, 405},
		{"GET", "/static/app.css", 404},
		{"GET", "/static/app.00000000.css", 404},
		{"GET", "/static/", 404},
		{"GET", "/static/LICENSE-lucide", 404},
	} {
		answer := get(t, test.method, test.path, "")
		if answer.StatusCode != test.status {
			t.Errorf("%s %s = %d, want %d", test.method, test.path, answer.StatusCode, test.status)
		}
		if test.method == "HEAD" && body(t, answer.Body) != "" {
			t.Errorf("HEAD %s has a body", test.path)
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	for value, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "br, gzip": true, "gzip;q=0": false, "gzip; q=0.0": false, "gzip;q=0.5": true,
		"*": true, "*;q=0": false, "identity": false, "gzip;q=0, *": false, "br": false,
	} {
		if got := AcceptsGzip([]string{value}); got != want {
			t.Errorf("AcceptsGzip(%q) = %v, want %v", value, got, want)
		}
	}
}

// TestSizes keeps the console light: bytes as they go over the wire.
func TestSizes(t *testing.T) {
	for name, most := range map[string]int{"app.css": 7 << 10, "pages.css": 5 << 10, "app.js": 5 << 10, "favicon.svg": 1 << 10, "icon.svg": 1 << 10, "icons.svg": 3 << 10} {
		if got := len(assets().byName[name].gzipped); got > most {
			t.Errorf("%s has %d bytes compressed, at most %d are wanted", name, got, most)
		}
	}
}

// TestScriptKeepsTheContentSecurityPolicy: script-src 'self' allows neither
// eval nor handlers in markup, style-src 'self' no style attribute.
func TestScriptKeepsTheContentSecurityPolicy(t *testing.T) {
	script, err := files.ReadFile("app.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"eval(", "new Function", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", `setAttribute("style"`} {
		if strings.Contains(string(script), bad) {
			t.Errorf("app.js has %s", bad)
		}
	}
}

func TestPathPanicsOnAnUnknownName(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Path of an unknown name did not panic")
		}
	}()
	Path("app.cs")
}
