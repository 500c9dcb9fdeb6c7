package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"claviger/internal/access"
)

// newTransport returns the gateway's connections to upstreams. It never uses a
// proxy of the environment: an upstream is reached directly or not at all.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          512,
		MaxIdleConnsPerHost:   128,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 60 * time.Second,
		DisableCompression:    true, // bodies pass as they are
	}
}

// bufferPool lends the buffers through which bodies are copied.
type bufferPool struct{ pool sync.Pool }

const copyBuffer = 32 << 10 // bytes

// Get returns a buffer.
func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, copyBuffer)
}

// Put takes a buffer back.
func (p *bufferPool) Put(b []byte) { p.pool.Put(&b) }

// gateway serves /{org}/{app}/{api}/…: it verifies, strips the credential, adds the
// identity headers and proxies to the API's upstream.
func (s *Server) gateway(w http.ResponseWriter, r *http.Request) {
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
	if err != nil {
		s.refuseUnavailable(w, r, err)
		return
	}
	if !verdict.Accepted() {
		s.writeRefusal(w, r, refusalStatus(verdict.Reason), verdict)
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
		s.echo(w, r, target, verdict)
		return
	}
	s.proxy(w, r, target, verdict)
}

// plainPath reports whether every server would read the path of a request alike:
// its raw form is its clean one, no segment is or decodes into a dot segment, and it
// holds no backslash, encoded slash, control character or fragment (S6).
func plainPath(r *http.Request) bool {
	raw := r.URL.EscapedPath()
	if !strings.HasPrefix(raw, "/") || strings.ContainsAny(raw, "\\#") {
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

// proxy sends the request on. Hop-by-hop headers are resolved by ReverseProxy
// before Rewrite runs, so a caller cannot have the identity stripped (S3).
func (s *Server) proxy(w http.ResponseWriter, r *http.Request, target string, v access.Verdict) {
	upstream, err := url.Parse(v.API.Upstream)
	if err != nil {
		s.writeBadGateway(w, r, err)
		return
	}
	// Without this the server swallows what is left of a body as soon as an upstream
	// begins to answer, and the upstream takes what it got for the whole.
	_ = http.NewResponseController(w).EnableFullDuplex() // fails on HTTP/2, which is duplex
	rp := httputil.ReverseProxy{
		Transport:  s.transport,
		ErrorLog:   s.proxyLog,
		BufferPool: &s.buffers,
		Rewrite: func(p *httputil.ProxyRequest) {
			s.rewrite(p.Out, r, upstream, target, v)
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { s.writeBadGateway(w, r, err) },
		ModifyResponse: func(res *http.Response) error {
			for name := range res.Header {
				if strings.HasPrefix(foldHeader(name), "x-auth-") {
					res.Header.Del(name)
				}
			}
			res.Header["Set-Cookie"] = slices.DeleteFunc(res.Header["Set-Cookie"], isOurCookie)
			if len(res.Header["Set-Cookie"]) == 0 {
				delete(res.Header, "Set-Cookie")
			}
			return nil
		},
	}
	rp.ServeHTTP(w, r)
}

// rewrite makes the request that the upstream sees: the rest of the path under the
// upstream's own, the query without credentials, no header that could pass for one
// of ours, and ours set.
func (s *Server) rewrite(out, in *http.Request, upstream *url.URL, target string, v access.Verdict) {
	out.URL.Scheme, out.URL.Host, out.Host = upstream.Scheme, upstream.Host, upstream.Host
	raw := upstream.EscapedPath() + target
	if raw == "" {
		raw = "/"
	}
	out.URL.RawPath = raw
	out.URL.Path, _ = url.PathUnescape(raw) // plainPath has unescaped it already
	out.URL.RawQuery = stripQuery(in.URL.RawQuery)
	out.URL.ForceQuery = false
	s.forward(out.Header, in, v)
	cleanHeaders(out.Trailer)
	if in.UserAgent() == "" {
		out.Header["User-Agent"] = nil // or the client would name itself
	}
}

// forward makes of a request's headers those that an upstream sees.
func (s *Server) forward(h http.Header, in *http.Request, v access.Verdict) {
	cleanHeaders(h)
	setIdentity(h, v.Principal)
	if caller := s.caller(in, false); caller.Known() {
		h.Set("X-Forwarded-For", caller.Address.String())
	}
	h.Set("X-Forwarded-Host", in.Host)
	h.Set("X-Forwarded-Proto", s.gatewayScheme())
}

func (s *Server) gatewayScheme() string {
	scheme, _, _ := strings.Cut(s.GatewayURL, "://")
	return scheme
}

// cleanHeaders removes the credential and everything that is ours to say.
func cleanHeaders(h http.Header) {
	for name := range h {
		folded := foldHeader(name)
		if reserved(folded) || folded == "authorization" || folded == "proxy-authorization" {
			delete(h, name)
		}
	}
	stripOurCookies(h)
	h.Del("Http2-Settings")
}

// ourCookies are the names of the console's cookies. Browsers send them to every
// port of a host, so that they reach the gateway where it shares the console's name.
var ourCookies = []string{"claviger", "claviger-device", "__Host-claviger", "__Host-claviger-device", themeCookie}

func isOurCookie(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	return slices.Contains(ourCookies, strings.TrimSpace(name))
}

// stripOurCookies takes the console's cookies out of a request's headers, so that no
// upstream gets hold of a session; the caller's others stay as they were sent.
func stripOurCookies(h http.Header) {
	lines := h["Cookie"]
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		pairs := slices.DeleteFunc(strings.Split(line, ";"), isOurCookie)
		if rest := strings.TrimSpace(strings.Join(pairs, ";")); rest != "" {
			kept = append(kept, rest)
		}
	}
	h["Cookie"] = kept
	if len(kept) == 0 {
		delete(h, "Cookie")
	}
}

// writeBadGateway answers for an upstream that did not: 504 when it was too slow,
// 502 else. A caller that went away gets nothing.
func (s *Server) writeBadGateway(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return
	}
	p := problem{Status: http.StatusBadGateway, Type: "upstream-unreachable", Title: "The API cannot be reached", Detail: "Claviger let the request in, but the API behind it did not answer."}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		p = problem{Status: http.StatusGatewayTimeout, Type: "upstream-timeout", Title: "The API is too slow", Detail: "Claviger let the request in, but the API behind it did not answer in time."}
	}
	p.Reference = s.report(r, "upstream failed", err)
	s.writeProblem(w, r, p)
}
