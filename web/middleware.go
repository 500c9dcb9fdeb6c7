package web

import (
	"bufio"
	"log/slog"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"claviger/internal/access"
)

// pageHeaders are sent with every page. Only our own style sheet and script run;
// nothing may frame a page that revokes credentials.
var pageHeaders = map[string]string{
	"Content-Security-Policy":      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"Referrer-Policy":              "same-origin", // no-referrer makes Chromium send "Origin: null" on plain http
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Cache-Control":                "no-store",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}

// barePolicy is the Content-Security-Policy of answers that are no page: whoever opens
// one in a browser gets nothing that runs, and nothing frames it.
const barePolicy = "default-src 'none'; frame-ancestors 'none'"

// bareHeaders are sent with every answer of the console; pages send more. A browser that
// was here by https comes by https for a year; other hosts of the domain, which may not
// be ready for it, are not ours to bind.
func bareHeaders(h http.Header, secure bool) {
	h.Set("Content-Security-Policy", barePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

const maxForm = 64 << 10 // bytes

// pages returns the handler of all pages: headers, cross-origin check, session,
// route.
func (s *Server) pages() http.Handler {
	mux := http.NewServeMux()
	for _, route := range s.routes() {
		mux.Handle(route.pattern, s.page(route))
	}
	mux.Handle("/", s.page(route{pattern: "/", audience: anybody, handle: s.notFound}))
	crossOrigin := http.NewCrossOriginProtection()
	if u, err := url.Parse(s.ConsoleURL); err == nil && u.Host != "" {
		if err := crossOrigin.AddTrustedOrigin(s.ConsoleURL); err != nil {
			s.Log.Error("the console's base URL is no origin", "error", err)
		}
	}
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.writePageError(w, r, &access.Error{Kind: access.Forbidden, Message: "This form was sent from another site, so nothing was done. Open Claviger's own page and try again."})
	}))
	guarded := crossOrigin.Handler(mux)
	headers := maps.Clone(pageHeaders)
	if u, err := url.Parse(s.ConsoleURL); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		delete(headers, "Cross-Origin-Opener-Policy") // ignored there, with an error in the browser's console
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		guarded.ServeHTTP(w, r)
	})
}

// isLoopback reports whether browsers trust a host even without TLS.
func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// page wraps one route: it reads the form, finds out who is there, and turns the
// error that a handler returns into an answer.
func (s *Server) page(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		r, err := s.sessions.authenticate(r)
		if err == nil {
			err = s.servePage(w, r, rt)
		}
		if err != nil {
			s.writePageError(w, r, err)
		}
	})
}

func (s *Server) servePage(w http.ResponseWriter, r *http.Request, rt route) error {
	if err := r.ParseForm(); err != nil || !isForm(r) {
		return &access.Error{Kind: access.Invalid, Message: "The form could not be read: it is larger than 64 KiB, or damaged. Nothing was changed.", Err: err}
	}
	if rt.audience == signedIn && visitOf(r) == nil {
		s.toSignIn(w, r)
		return nil
	}
	return rt.handle(w, r)
}

// isForm reports whether a request's body, if it has one, is a form: another one would
// be left unread, and the act carried out with its defaults.
func isForm(r *http.Request) bool {
	if r.Method != http.MethodPost || r.ContentLength == 0 {
		return true
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded"
}

// settled wraps a handler whose page tells how credentials were used: uses that
// wait to be written are written first, where they are many those of the credentials that
// the page is about.
func (s *Server) settled(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ids := slices.Clone(r.Form["id"])
		if id := r.PathValue("id"); id != "" {
			ids = append(ids, id)
		}
		if strings.Contains(r.URL.Path, "/manage-api/basic") {
			ids = append(ids, access.EveryBasic)
		}
		s.Verifier.SettleFor(r.Context(), ids...)
		return next(w, r)
	}
}

// readTime bounds how long the gateway's listener, which has no bound of its own
// because of uploads to upstreams, reads a body that is for us (S20).
const readTime = 30 * time.Second

// limitReading cuts the reading of a body off when its time is over. The function it
// returns ends the watch.
func (s *Server) limitReading(w http.ResponseWriter) (end func() bool) {
	return time.AfterFunc(readTime, func() {
		if err := http.NewResponseController(w).SetReadDeadline(longAgo); err != nil {
			s.Log.Debug("no deadline for reading", "error", err)
		}
	}).Stop
}

// notFound answers what no route matches: strangers learn nothing of what there
// is below /orgs.
func (s *Server) notFound(w http.ResponseWriter, r *http.Request) error {
	if first, _ := firstSegment(r); visitOf(r) == nil && (first == "orgs" || first == "profile") {
		s.toSignIn(w, r)
		return nil
	}
	return &access.Error{Kind: access.NotFound, Message: "There is no page at this address."}
}

// logged writes one line a request, with the route's pattern and never the path or
// the query, and keeps a panic of one request from ending the others. It panics
// itself, with http.ErrAbortHandler, where an answer broke off.
func (s *Server) logged(listener string, next http.Handler) http.Handler {
	meter := s.meter.listeners[listener]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.Clock.Now()
		recorder := &statusRecorder{ResponseWriter: w}
		defer func() {
			cause := recover()
			if cause != nil && cause != http.ErrAbortHandler {
				s.Log.Error("a request panicked", "listener", listener, "method", r.Method, "stack", string(debug.Stack()))
				if recorder.status == 0 {
					recorder.Header().Set("Connection", "close") // of a body that is left nobody knows where it ends
					s.writeProblem(recorder, r, problem{Status: http.StatusInternalServerError, Type: "internal", Title: "Something went wrong on our side"})
					cause = nil
				}
			}
			took := s.Clock.Now().Sub(start)
			meter.served(r.Pattern, recorder.status, took)
			if s.Log.Enabled(r.Context(), slog.LevelDebug) { // or its attributes are made for nobody
				s.Log.LogAttrs(r.Context(), slog.LevelDebug, "request", slog.String("listener", listener), slog.String("method", r.Method),
					slog.String("route", r.Pattern), slog.Int("status", recorder.status), slog.Duration("took", took))
			}
			if cause != nil {
				panic(http.ErrAbortHandler) // cut the connection: half an answer must not pass for a whole one
			}
		}()
		next.ServeHTTP(recorder, r)
	})
}

// statusRecorder notes the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the first final status.
func (w *statusRecorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 || status == http.StatusSwitchingProtocols {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write notes that 200 was meant where no status was written.
func (w *statusRecorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Hijack notes that the connection became one of another protocol, a WebSocket: whoever
// takes it over writes that head itself.
func (w *statusRecorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	connection, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil && w.status == 0 {
		w.status = http.StatusSwitchingProtocols
	}
	return connection, buffered, err
}

// Unwrap lets http.ResponseController reach flushing and deadlines.
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
