package web

import (
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"

	"claviger/static"
)

// smallest is the size from which compression is worth its header.
const smallest = 1 << 10 // bytes

// gzipWriters are kept, because one is a megabyte of tables. A page of fifty rows is made
// small in 0.16 ms, half of what the standard library needs (BenchmarkManagePage).
var gzipWriters = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // an error would mean that there is no such level
	return z
}}

// mayCompress reports whether a page may be sent compressed. The length of compressed
// text tells what of it repeats, and some of a page is chosen by its caller, such as the
// text of a search (BREACH). So the answer to a POST never is: a secret is shown in no
// other. Nor is a page that another site asked for, whose repetitions an attacker chose.
func mayCompress(r *http.Request, size int) bool {
	if size < smallest || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	// Browsers that do not say who asks are older than this program, or see it over
	// plain HTTP, where there is nothing to hide.
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return static.AcceptsGzip(r.Header.Values("Accept-Encoding"))
	}
	return false
}

// writePage sends a page, compressed if it may be. A client that went away needs no
// answer.
func writePage(w http.ResponseWriter, r *http.Request, status int, page []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Add("Vary", "Accept-Encoding, Sec-Fetch-Site")
	if !mayCompress(r, len(page)) {
		w.WriteHeader(status)
		_, _ = w.Write(page)
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(z)
	z.Reset(w)
	_, _ = z.Write(page)
	_ = z.Close()
}
