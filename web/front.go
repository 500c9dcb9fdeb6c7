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
	secure := s.secure()
	return s.logged("console", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, rest := firstSegment(r)
		if first != "verify" { // its answers may become those of somebody else's host
			bareHeaders(w.Header(), secure)
		}
		if s.oauth(w, r, first, rest) {
			return
		}
		switch first {
		case "verify":
			r.Pattern = verifyPattern
			answer := s.early(w, r, s.boundBody(w, r)) // a body is none of its business
			s.verify(answer, r, rest)
			endEarly(answer)
		case "healthz", "readyz":
			s.health(w, r)
		case "static":
			r.Pattern = staticPattern
			assets.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	}))
}

// Gateway returns the handler of the gateway's listener: the APIs, and health.
func (s *Server) Gateway() http.Handler {
	return s.logged("gateway", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := s.boundBody(w, r) // before anything is answered: net/http reads what nobody wanted
		answer := s.early(w, r, body)
		s.atGateway(answer, r, body)
		endEarly(answer)
	}))
}

func (s *Server) atGateway(w http.ResponseWriter, r *http.Request, body *callerBody) {
	first, rest := firstSegment(r)
	if s.oauth(w, r, first, rest) {
		return
	}
	if first == "healthz" && rest == "" {
		s.health(w, r)
		return
	}
	r.Pattern = gatewayPattern
	s.gateway(w, r, body)
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
