package web

import (
	"net/http"
	"strings"

	"claviger/static"
)

// Console returns the handler of the console's listener: forward-auth, health and
// pages.
func (s *Server) Console() http.Handler {
	pages := s.pages()
	assets := static.Handler()
	return s.logged("console", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.oauth(w, r) {
			return
		}
		switch first, _ := firstSegment(r); first {
		case "verify":
			s.verify(w, r)
		case "healthz", "readyz":
			s.health(w, r)
		case "static":
			assets.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	}))
}

// Gateway returns the handler of the gateway's listener: the APIs, and health.
func (s *Server) Gateway() http.Handler {
	return s.logged("gateway", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.oauth(w, r) {
			return
		}
		if first, rest := firstSegment(r); first == "healthz" && rest == "" {
			s.health(w, r)
			return
		}
		s.gateway(w, r)
	}))
}

// firstSegment splits the raw path of a request after its first segment. Nothing
// is decoded or cleaned: the string that is decided on is the one that was sent.
func firstSegment(r *http.Request) (first, rest string) {
	return cutSegment(strings.TrimPrefix(r.URL.EscapedPath(), "/"))
}

// cutSegment splits a path without its leading slash after the first segment; rest
// keeps its slash, so that "a" and "a/" can be told apart.
func cutSegment(path string) (segment, rest string) {
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// health answers /healthz: the process runs and serves; and /readyz: it can also
// reach its database.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	first, rest := firstSegment(r)
	if rest != "" {
		s.writeProblem(w, r, problem{Status: http.StatusNotFound, Type: "not-found", Title: "Not found", Detail: "There is nothing at this address."})
		return
	}
	if first == "readyz" && s.draining.Load() {
		s.writeProblem(w, r, problem{Status: http.StatusServiceUnavailable, Type: "draining", Title: "This server is ending", Detail: "It finishes the requests that are under way. Send new ones to another server."})
		return
	}
	if first == "readyz" {
		if _, err := s.Accounts.NeedsSetup(r.Context()); err != nil {
			s.refuseUnavailable(w, r, err)
			return
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n")) // a client that went away needs no answer
}
