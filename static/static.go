// Package static serves the console's style sheet, script and icons.
//
// Every file is reached by a URL that carries a fingerprint of its content, so
// that browsers may keep it for ever and an upgrade is seen at once.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed app.css pages.css app.js favicon.svg icon.svg icons.svg
var files embed.FS

// Prefix is the path below which Handler expects its requests.
const Prefix = "/static/"

// asset is one file, ready to be sent.
type asset struct {
	url         string
	contentType string
	plain       []byte
	gzipped     []byte
}

// assets are prepared at the first use: hashing and compressing a few small
// files takes a millisecond, and nothing of it belongs into the start of a
// command that never serves a page.
var assets = sync.OnceValue(prepare)

// library finds assets by name and by URL.
type library struct {
	byName map[string]*asset
	byURL  map[string]*asset
}

func prepare() library {
	lib := library{byName: map[string]*asset{}, byURL: map[string]*asset{}}
	entries, err := files.ReadDir(".")
	if err != nil {
		panic("static: the embedded files cannot be listed: " + err.Error())
	}
	for _, entry := range entries {
		content, err := files.ReadFile(entry.Name())
		if err != nil {
			panic("static: an embedded file cannot be read: " + err.Error())
		}
		a := newAsset(entry.Name(), content)
		lib.byName[entry.Name()] = a
		lib.byURL[a.url] = a
	}
	return lib
}

func newAsset(name string, content []byte) *asset {
	ext := path.Ext(name)
	sum := sha256.Sum256(content)
	return &asset{
		url:         Prefix + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:4]) + ext,
		contentType: contentType(ext),
		plain:       content,
		gzipped:     compress(content),
	}
}

// contentType does not ask the machine's own table first, which differs from
// one host to the next.
func contentType(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml; charset=utf-8"
	}
	return mime.TypeByExtension(ext)
}

func compress(content []byte) []byte {
	var buffer bytes.Buffer
	w, err := gzip.NewWriterLevel(&buffer, gzip.BestCompression)
	if err != nil {
		panic("static: gzip level: " + err.Error())
	}
	// Writes to memory cannot fail.
	_, _ = w.Write(content)
	_ = w.Close()
	return buffer.Bytes()
}

// Path returns the URL of an embedded file: Path("app.css") is
// "/static/app.1a2b3c4d.css". It panics on a name that is not embedded, which
// is a mistake in a template that its first rendering shows.
func Path(name string) string {
	a, ok := assets().byName[name]
	if !ok {
		panic("static: no file " + name)
	}
	return a.url
}

// Handler serves the files at the URLs that Path returns, cacheable for ever,
// compressed where the client takes gzip. Any other path is 404, any method
// but GET and HEAD is 405.
func Handler() http.Handler {
	return http.HandlerFunc(serve)
}

func serve(w http.ResponseWriter, r *http.Request) {
	a, ok := assets().byURL[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body := a.plain
	if AcceptsGzip(r.Header.Values("Accept-Encoding")) {
		body = a.gzipped
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", a.contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'") // for the icon opened by itself
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		// A client that went away needs no answer.
		_, _ = w.Write(body)
	}
}

// AcceptsGzip reads the values of Accept-Encoding (RFC 9110 §12.5.3) as far as it matters
// here: gzip or * is named, and not with a weight of zero.
func AcceptsGzip(values []string) bool {
	star := false
	for _, item := range strings.Split(strings.Join(values, ","), ",") {
		coding, params, _ := strings.Cut(item, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "gzip" && coding != "x-gzip" && coding != "*" {
			continue
		}
		refused := weightIsZero(params)
		if coding != "*" {
			return !refused
		}
		star = !refused
	}
	return star
}

func weightIsZero(params string) bool {
	name, value, found := strings.Cut(params, "=")
	if !found || strings.ToLower(strings.TrimSpace(name)) != "q" {
		return false
	}
	weight, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err == nil && weight == 0
}
