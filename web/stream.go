package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"claviger/internal/access"
)

// passage is one request on its way through the gateway: as long as it runs, its
// credential is watched, and neither the caller nor the upstream may keep us waiting
// for ever.
type passage struct {
	server  *Server
	in      *http.Request
	target  string // of the path, what the upstream gets
	request access.Request
	verdict access.Verdict
	body    *callerBody // nil: the request has none

	stream access.Stream
	caller *http.ResponseController
	cancel context.CancelCauseFunc

	isCut    atomic.Bool
	hijacked bool         // the caller's connection is no HTTP any more
	head     atomic.Int32 // whether the head of the upstream's answer came in time
	patience *time.Timer  // runs while we wait for the upstream
}

// States of the head of the upstream's answer.
const (
	headAwaited int32 = iota
	headCame
	headLate
)

// errUpstreamSlow cancels a request whose upstream did not begin to answer in time.
var errUpstreamSlow = errors.New("the upstream did not begin its answer in time")

// begin has the credential watched and starts the upstream's time. The context that it
// returns ends with the passage, or before, with the cause.
func (p *passage) begin(ctx context.Context) context.Context {
	ctx, p.cancel = context.WithCancelCause(ctx)
	p.server.Verifier.Attend(&p.stream, &p.request, &p.verdict, p.cut)
	limit := p.verdict.API.Timeout
	if limit == 0 {
		limit = p.server.UpstreamTimeout
	}
	p.patience = time.AfterFunc(limit, p.late)
	if p.body != nil {
		p.body.passage, p.body.patience = p, limit
	}
	return ctx
}

// end is what is left to do when the passage is over, however it ended.
func (p *passage) end(ctx context.Context) {
	p.server.Verifier.Leave(&p.stream)
	p.patience.Stop()
	if p.body != nil && !p.hijacked {
		p.body.leave(p.in.ProtoMajor > 1)
	}
	if cut, ok := errors.AsType[*access.Cut](context.Cause(ctx)); ok {
		v := p.verdict
		p.server.Log.LogAttrs(ctx, slog.LevelInfo, "stream cut", slog.String("reason", cut.Error()), slog.String("credential", v.Principal.Credential),
			slog.String("organization", v.Principal.Organization), slog.String("application", v.Principal.Application), slog.String("api", v.API.Slug))
	}
	p.cancel(nil)
}

// longAgo is a deadline that is over, whatever the clock says.
var longAgo = time.Unix(1, 0)

// lastWords is how long a caller who is cut off has to take the answer that says so, and
// one who was answered early to send the rest of the body.
const lastWords = 500 * time.Millisecond

// cut ends the passage because its credential is accepted no longer: the upstream's
// connection is closed by the context, and whoever reads from or writes to the
// caller wakes up.
func (p *passage) cut(cause *access.Cut) {
	p.isCut.Store(true) // before the deadlines, so that nobody puts them off again
	p.cancel(cause)
	_ = p.caller.SetReadDeadline(longAgo)
	_ = p.caller.SetWriteDeadline(p.server.Wall.Now().Add(lastWords))
}

// late ends the passage because the upstream took too long to begin its answer.
func (p *passage) late() {
	if p.head.CompareAndSwap(headAwaited, headLate) {
		p.cancel(errUpstreamSlow)
	}
}

// answered takes the head of the upstream's answer.
func (p *passage) answered(res *http.Response) error {
	if !p.head.CompareAndSwap(headAwaited, headCame) {
		return errUpstreamSlow
	}
	p.patience.Stop()
	cleanAnswer(res.Header)
	dropLimit(res.Header, p.verdict.Limit)
	return nil
}

// failed answers where there is no answer of the upstream's.
func (p *passage) failed(w http.ResponseWriter, r *http.Request, err error) {
	s, cause := p.server, context.Cause(r.Context())
	cut, wasCut := errors.AsType[*access.Cut](cause)
	switch {
	case wasCut:
		w.Header().Set("Connection", "close")
		if cut.Err != nil {
			s.refuseUnavailable(w, r, cut.Err)
			return
		}
		s.writeRefusal(w, r, refusalStatus(cut.Verdict.Reason), cut.Verdict)
	case cause == errUpstreamSlow:
		p.writeBadGateway(w, r, cause)
	case p.body != nil && p.body.broken.Load():
		s.writeBodyFailed(w, r, p.body)
	default:
		p.writeBadGateway(w, r, err)
	}
}

// writeBodyFailed answers a request whose body cannot be had.
func (s *Server) writeBodyFailed(w http.ResponseWriter, r *http.Request, body *callerBody) {
	w.Header().Set("Connection", "close")
	switch {
	case body.tooLarge.Load():
		s.writeTooLarge(w, r)
	case body.stalled.Load():
		s.writeProblem(w, r, problem{
			Status: http.StatusRequestTimeout, Type: "request-timeout", Title: "The request's body did not come",
			Detail: "Nothing more of the request's body came for too long. Send it again.",
		})
	default:
		s.writeProblem(w, r, problem{Status: http.StatusBadRequest, Type: "body-unreadable", Title: "The body could not be read", Detail: "The request's body broke off."})
	}
}

// writeBadGateway answers for an upstream that did not: 504 when it was too slow,
// 502 else. Where the caller went away it panics with http.ErrAbortHandler: net/http would
// make a 200 of silence, and who has only stopped sending still reads.
func (p *passage) writeBadGateway(w http.ResponseWriter, r *http.Request, err error) {
	abortIfGone(r, err)
	is := problem{Status: http.StatusBadGateway, Type: "upstream-unreachable", Title: "The API cannot be reached", Detail: "Claviger let the request in, but the API behind it did not answer."}
	timeout, ok := errors.AsType[net.Error](err)
	if err == errUpstreamSlow || ok && timeout.Timeout() {
		is = problem{Status: http.StatusGatewayTimeout, Type: "upstream-timeout", Title: "The API is too slow", Detail: "Claviger let the request in, but the API behind it did not answer in time."}
	}
	who := p.verdict.Principal
	is.Reference = p.server.report(r, "upstream failed", err, "organization", who.Organization, "application", who.Application, "api", p.verdict.API.Slug)
	p.server.writeProblem(w, r, is)
}

// writeTooLarge answers a request whose body is larger than the gateway passes on.
func (s *Server) writeTooLarge(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close") // what is left of the body is not read
	s.writeProblem(w, r, problem{
		Status: http.StatusRequestEntityTooLarge, Type: "body-too-large", Title: "The request's body is too large",
		Detail: "It is larger than this gateway passes on. Send less at a time.",
	})
}

// callerBody is the body of a caller's request. Its reader never waits longer than
// the idle time for the next bytes, nor reads more than the bound.
type callerBody struct {
	io.ReadCloser
	server   *Server
	caller   *http.ResponseController
	left     int64         // bytes; less than nothing: no bound
	passage  *passage      // nil: the request goes to no upstream
	patience time.Duration // with the upstream, whose time does not run while we wait for the caller
	tooLarge atomic.Bool
	stalled  atomic.Bool
	broken   atomic.Bool
	whole    atomic.Bool // it has come to its end
	over     atomic.Bool // the handler has returned: the connection is no longer ours
	unwanted time.Time   // until when a body is read that nobody wants; zero: it is wanted
}

// errTooLarge ends a body that is larger than the bound.
var errTooLarge = errors.New("the body is larger than the gateway passes on")

// boundBody puts bounds to the reading of a request's body, also of what the server
// reads on its own when nobody wanted it; nil where the request has none.
func (s *Server) boundBody(w http.ResponseWriter, r *http.Request) *callerBody {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	b := &callerBody{ReadCloser: r.Body, server: s, caller: http.NewResponseController(w), left: -1}
	if s.MaxBody > 0 {
		b.left = s.MaxBody
	}
	b.expect()
	r.Body = b
	return b
}

// declaredTooLarge reports whether a request says itself that its body is too large.
func (b *callerBody) declaredTooLarge(r *http.Request) bool {
	return b.server.MaxBody > 0 && r.ContentLength > b.server.MaxBody
}

// expect gives the caller the idle time for the next bytes.
func (b *callerBody) expect() {
	now := b.server.Wall.Now()
	until := now.Add(b.server.IdleTimeout)
	if soon := now.Add(lastWords); !b.unwanted.IsZero() {
		until = soon
		if b.unwanted.Before(soon) {
			until = b.unwanted
		}
	}
	_ = b.caller.SetReadDeadline(until) // a writer of a test may have none
	if b.passage != nil && b.passage.isCut.Load() {
		_ = b.caller.SetReadDeadline(longAgo)
	}
}

// Read reads what has come of the body.
func (b *callerBody) Read(p []byte) (int, error) {
	if b.over.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.passage != nil {
		b.passage.patience.Stop()
		defer b.passage.patience.Reset(b.patience)
	}
	b.expect()
	if b.left >= 0 && int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left >= 0 {
		if int64(n) > b.left {
			n, err = int(b.left), errTooLarge
			b.tooLarge.Store(true)
		}
		b.left -= int64(n)
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		b.stalled.Store(true)
	}
	if err != nil && err != io.EOF {
		b.broken.Store(true)
	}
	b.whole.CompareAndSwap(false, err == io.EOF)
	if err == io.EOF && !b.over.Load() {
		_ = b.caller.SetReadDeadline(time.Time{}) // the caller is silent from now on, and may be
	}
	return n, err
}

// leave ends the reading of a body. What has not come of it by now nobody waits for:
// net/http would, without any bound, because it lifts the deadline of a reader that still
// waits.
func (b *callerBody) leave(http2 bool) {
	b.over.Store(true)
	if b.whole.Load() || http2 {
		return
	}
	wait := b.server.Wall.Now().Add(lastWords)
	if b.passage != nil && b.passage.isCut.Load() {
		wait = longAgo
	}
	_ = b.caller.SetReadDeadline(wait)
	_ = b.Close() // takes what little is left, by that time
}

// callerWriter is where an upstream's answer is written to. A write never waits
// longer than the idle time for the caller to take it; between writes as much time
// may pass as the upstream likes.
type callerWriter struct {
	http.ResponseWriter
	passage *passage
	http2   bool
}

// Unwrap lets http.ResponseController reach hijacking and deadlines.
func (w *callerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack hands the caller's connection over.
func (w *callerWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.passage.hijacked = true
	return w.passage.caller.Hijack()
}

// WriteHeader writes the head of the answer. Where that comes before the end of the
// request's body, the connection ends with it: net/http would go on with whatever comes
// next, also if it waited in vain for the rest, and take that for another request.
func (w *callerWriter) WriteHeader(status int) {
	w.expect()
	if body := w.passage.body; body != nil && !body.whole.Load() && !w.http2 && status >= http.StatusOK {
		w.Header().Set("Connection", "close")
	}
	setLimit(w.Header(), w.passage.verdict.Limit) // again: an interim answer has cleared what was set
	w.ResponseWriter.WriteHeader(status)
	w.rest()
}

// Write writes a part of the answer.
func (w *callerWriter) Write(b []byte) (int, error) {
	w.expect()
	defer w.rest()
	return w.ResponseWriter.Write(b)
}

// FlushError sends what was written until now.
func (w *callerWriter) FlushError() error {
	w.expect()
	defer w.rest()
	return w.passage.caller.Flush()
}

// expect gives the caller the idle time to take what is written next.
func (w *callerWriter) expect() {
	p := w.passage
	_ = p.caller.SetWriteDeadline(p.server.Wall.Now().Add(p.server.IdleTimeout))
	if p.isCut.Load() {
		_ = p.caller.SetWriteDeadline(p.server.Wall.Now().Add(lastWords))
	}
}

// rest ends the caller's time, where a deadline that passes between two writes would
// end the stream: on HTTP/2 it does.
func (w *callerWriter) rest() {
	if w.http2 {
		_ = w.passage.caller.SetWriteDeadline(time.Time{})
	}
}
