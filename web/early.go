package web

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// earlyWriter writes answers that do not depend on the request's body: refusals, and what
// Claviger answers by itself. On its own net/http would wait for a body that nobody asked
// for before it writes a single byte, and a caller who waits for "100 Continue" or for our
// word before sending more would hear nothing at all.
//
// A body that is there, as nearly all are, is taken first, so that the connection can go
// on. Else the answer is written at once, and the connection ends with it.
type earlyWriter struct {
	http.ResponseWriter
	request *http.Request
	body    *callerBody
	begun   bool
}

const (
	mostUnwanted = 256 << 10       // bytes of a body that nobody wants, for which a connection is kept
	lingering    = 5 * time.Second // for a caller who goes on sending after the answer
)

// early lets a request be answered before its body is there. Without a body, and on HTTP/2,
// where nothing waits, it returns w itself.
func (s *Server) early(w http.ResponseWriter, r *http.Request, body *callerBody) http.ResponseWriter {
	if body == nil || r.ProtoMajor > 1 {
		return w
	}
	_ = body.caller.EnableFullDuplex() // or net/http reads the body before the answer
	return &earlyWriter{ResponseWriter: w, request: r, body: body}
}

// Unwrap lets http.ResponseController reach deadlines and flushing.
func (w *earlyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader writes the head of the answer, which says whether the connection ends.
func (w *earlyWriter) WriteHeader(status int) {
	if w.begun || status < http.StatusOK {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.begun = true
	if !w.body.taken(w.request) {
		w.Header().Set("Connection", "close") // what comes next is no request
	}
	// The time to write began with the request, and may have gone by with the body.
	_ = w.body.caller.SetWriteDeadline(w.body.server.Wall.Now().Add(w.body.server.IdleTimeout))
	w.ResponseWriter.WriteHeader(status)
}

// Write writes a part of the answer.
func (w *earlyWriter) Write(b []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// endEarly sends an answer, and takes for a moment what a caller still sends: a connection
// that is closed upon unread bytes takes the answer away with it.
func endEarly(answer http.ResponseWriter) {
	w, early := answer.(*earlyWriter)
	if !early || w.body.passage != nil || w.body.whole.Load() {
		return
	}
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	_ = w.body.caller.Flush()
	if !w.body.broken.Load() && !awaitsContinue(w.request) {
		w.body.discard(lingering, -1)
	}
	w.body.leave(false)
}

// taken takes a body that nobody wants, if it is small and there already, and reports whether
// all of it has come.
func (b *callerBody) taken(r *http.Request) bool {
	if !b.whole.Load() && !b.broken.Load() && !awaitsContinue(r) && r.ContentLength <= mostUnwanted {
		b.discard(lastWords, mostUnwanted)
	}
	return b.whole.Load()
}

// discard reads until the end of the body, the bound in bytes (less than nothing: none) or
// the end of the time; it waits for no bytes longer than lastWords.
func (b *callerBody) discard(most time.Duration, bound int64) {
	end := b.server.Wall.Now().Add(most)
	b.unwanted = end
	defer func() { b.unwanted = time.Time{} }()
	var source io.Reader = b
	if bound >= 0 {
		source = io.LimitReader(b, bound)
	}
	_, _ = io.CopyBuffer(io.Discard, onlyReader{source}, make([]byte, 4<<10)) // whole and broken tell
}

// onlyReader hides whatever else a reader can do, so that copying goes through it.
type onlyReader struct{ io.Reader }

// awaitsContinue reports whether a caller sends its body only when told to.
func awaitsContinue(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Expect"), "100-continue")
}
