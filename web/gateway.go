package web

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	"claviger/internal/access"
)

// gateway serves /{org}/{app}/{api}/…: it verifies, strips the credential, adds the
// identity headers and proxies to the API's upstream. body is the request's, nil where it
// has none.
func (s *Server) gateway(w http.ResponseWriter, r *http.Request, body *callerBody) {
	raw := r.URL.EscapedPath()
	if !plainPath(r) {
		s.writeProblem(w, r, problem{
			Status: http.StatusBadRequest, Type: "path-not-plain", Title: "The path is ambiguous",
			Detail: "The path holds empty, dot or encoded segments that servers read in different ways. Send it in its plain form.",
		})
		return
	}
	org, rest := cutSegment(strings.TrimPrefix(raw, "/"))
	app, rest := cutSegment(strings.TrimPrefix(rest, "/"))
	api, apiRest := cutSegment(strings.TrimPrefix(rest, "/"))
	request := access.Request{
		Organization: org, Application: app, API: api, WantAPI: true, DefaultAPI: true, Method: r.Method,
		Presented: presented(r.Header, r.URL.RawQuery), Caller: s.caller(r, false), Agent: agent(r),
	}
	verdict, err := s.Verifier.Verify(r.Context(), request)
	s.meter.decided(doorGateway, verdict.Reason, err)
	if err != nil {
		abortIfGone(r, err)
		s.refuseUnavailable(w, r, err)
		return
	}
	setLimit(w.Header(), verdict.Limit)
	if !verdict.Accepted() {
		s.writeRefusal(w, r, refusalStatus(verdict.Reason), verdict)
		return
	}
	// To TRACE an upstream would answer with the identity headers; after CONNECT what
	// others send on the same connection to it would be no requests any more.
	if r.Method == http.MethodTrace || r.Method == http.MethodConnect {
		w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		s.writeProblem(w, r, problem{Status: http.StatusMethodNotAllowed, Type: "method-not-allowed", Title: r.Method + " is not passed on", Detail: "The gateway passes on every method but TRACE and CONNECT."})
		return
	}
	target := apiRest
	if verdict.ByDefault {
		target = rest
	}
	// Only WebSocket may leave HTTP/1.1: over h2c a caller would talk to the upstream
	// past us. ReverseProxy looks at this header before it calls rewrite.
	if upgrade := r.Header.Get("Upgrade"); upgrade != "" && !strings.EqualFold(upgrade, "websocket") {
		r.Header.Del("Upgrade")
	}
	if verdict.API.Upstream == access.EchoUpstream {
		s.echo(w, r, target, verdict, request.Caller)
		return
	}
	if body != nil && body.declaredTooLarge(r) {
		s.writeTooLarge(w, r)
		return
	}
	s.proxy(w, r, &passage{server: s, in: r, target: target, request: request, verdict: verdict, body: body})
}

// plainPath reports whether every server would read the path of a request alike:
// its raw form is its clean one, no segment is or decodes into a dot segment, and it
// holds no backslash, encoded slash, control character or fragment (S6).
func plainPath(r *http.Request) bool {
	raw := r.URL.EscapedPath()
	sent, _, _ := strings.Cut(r.RequestURI, "?") // net/url takes a fragment for a part of the path
	if !strings.HasPrefix(raw, "/") || strings.Contains(raw, "\\") || strings.Contains(sent, "#") {
		return false
	}
	clean := path.Clean(raw)
	if strings.HasSuffix(raw, "/") && clean != "/" {
		clean += "/"
	}
	if clean != raw {
		return false
	}
	for segment := range strings.SplitSeq(raw, "/") {
		text, err := url.PathUnescape(segment)
		if err != nil || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }) {
			return false
		}
		for part := range strings.SplitSeq(text, "/") {
			part, _, _ = strings.Cut(part, ";")
			if part == "." || part == ".." {
				return false
			}
		}
	}
	return true
}
