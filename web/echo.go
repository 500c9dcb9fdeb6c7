package web

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"claviger/internal/access"
)

// maxEcho bounds how much of a body the echo API repeats, in bytes.
const maxEcho = 64 << 10

// echoed is what the echo API answers with: the request as an upstream sees it.
type echoed struct {
	Message   string              `json:"message"`
	Method    string              `json:"method"`
	Path      string              `json:"path"`
	Query     string              `json:"query"`
	Headers   map[string][]string `json:"headers"`
	Body      string              `json:"body"`
	Truncated bool                `json:"truncated,omitempty"`
}

// echo answers as the built-in upstream: with what an upstream would see, made by
// the same rules as for a real one.
func (s *Server) echo(w http.ResponseWriter, r *http.Request, target string, v access.Verdict, caller access.Caller) {
	defer s.limitReading(w)()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxEcho+1))
	if sent, ok := r.Body.(*callerBody); ok && err != nil {
		s.writeBodyFailed(w, r, sent)
		return
	}
	seen := r.Clone(r.Context())
	removeHopByHop(seen.Header)
	s.forward(seen.Header, r, v, caller)
	answer := echoed{
		Message: "This is Claviger's echo API: what an upstream would have seen.", Method: r.Method, Path: target,
		Query: stripQuery(r.URL.RawQuery), Headers: seen.Header, Truncated: len(body) > maxEcho,
	}
	if answer.Path == "" {
		answer.Path = "/"
	}
	if answer.Truncated {
		body = body[:maxEcho]
	}
	if utf8.Valid(body) {
		answer.Body = string(body)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(answer); err != nil {
		s.Log.Debug("echo not delivered", "error", err)
	}
}

// hopByHop are the headers that concern one connection only (RFC 9110 §7.6.1).
var hopByHop = []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// removeHopByHop does for the echo what ReverseProxy does for real upstreams.
func removeHopByHop(h http.Header) {
	trailers := slices.ContainsFunc(h.Values("Te"), func(line string) bool { return slices.Contains(splitList(strings.ToLower(line)), "trailers") })
	for _, line := range h.Values("Connection") {
		for _, name := range splitList(line) {
			h.Del(name)
		}
	}
	for _, name := range hopByHop {
		h.Del(name)
	}
	if trailers {
		h.Set("Te", "trailers") // asks upstreams such as gRPC's for trailers, which pass
	}
}
