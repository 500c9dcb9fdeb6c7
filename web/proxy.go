package web

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"claviger/internal/access"
)

// newTransport returns the gateway's connections to upstreams. It never uses a
// proxy of the environment: an upstream is reached directly or not at all.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second, Control: notLinkLocal}).DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           4096,
		MaxIdleConnsPerHost:    1024,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		DisableCompression:     true, // bodies pass as they are
	}
}

// metadataAddress is where machines of a cloud find their own credentials by IPv6; by IPv4
// it is a link-local address.
var metadataAddress = netip.MustParseAddr("fd00:ec2::254")

// notLinkLocal keeps the gateway from such addresses, whatever name led there: an admin
// of one organization names upstreams, and must not get at what this machine is trusted
// with (SSRF).
func notLinkLocal(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if ip := to.Addr().Unmap().WithZone(""); ip.IsLinkLocalUnicast() || ip == metadataAddress {
		return fmt.Errorf("%s is a link-local address, which is never an upstream: a cloud's machines get their credentials there", ip)
	}
	return nil
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

// proxy sends the request on. Hop-by-hop headers are resolved by ReverseProxy
// before Rewrite runs, so a caller cannot have the identity stripped (S3).
func (s *Server) proxy(w http.ResponseWriter, r *http.Request, p *passage) {
	upstream, err := url.Parse(p.verdict.API.Upstream)
	if err != nil {
		p.writeBadGateway(w, r, err)
		return
	}
	if own, ok := w.(*earlyWriter); ok {
		w = own.ResponseWriter // the answer is the upstream's, who may want the body
	}
	p.caller = http.NewResponseController(w)
	// Without this the server swallows what is left of a body as soon as an upstream
	// begins to answer, and the upstream takes what it got for the whole.
	_ = p.caller.EnableFullDuplex() // fails on HTTP/2, which is duplex
	rp := httputil.ReverseProxy{
		Transport:      s.transport,
		ErrorLog:       s.proxyLog,
		BufferPool:     &s.buffers,
		Rewrite:        func(out *httputil.ProxyRequest) { p.rewrite(out.Out, upstream) },
		ErrorHandler:   p.failed,
		ModifyResponse: p.answered,
	}
	ctx := p.begin(r.Context())
	defer p.end(ctx)
	rp.ServeHTTP(&callerWriter{ResponseWriter: w, passage: p, http2: r.ProtoMajor > 1}, r.WithContext(ctx))
	if p.body != nil && !p.hijacked && !p.body.whole.Load() {
		_ = p.caller.Flush() // before the end waits for what is left of the body
	}
}

// cleanAnswer removes from an upstream's headers what only we may say to a caller.
func cleanAnswer(h http.Header) {
	for name := range h {
		if strings.HasPrefix(foldHeader(name), "x-auth-") {
			delete(h, name)
		}
	}
	if cookies := h["Set-Cookie"]; len(cookies) > 0 {
		h["Set-Cookie"] = slices.DeleteFunc(cookies, isOurCookie)
		if len(h["Set-Cookie"]) == 0 {
			delete(h, "Set-Cookie")
		}
	}
}

// rewrite makes the request that the upstream sees: the rest of the path under the
// upstream's own, the query without credentials, no header that could pass for one
// of ours, and ours set.
func (p *passage) rewrite(out *http.Request, upstream *url.URL) {
	in := p.in
	out.URL.Scheme, out.URL.Host, out.Host = upstream.Scheme, upstream.Host, upstream.Host
	raw := upstream.EscapedPath() + p.target
	if raw == "" {
		raw = "/"
	}
	out.URL.RawPath = raw
	out.URL.Path, _ = url.PathUnescape(raw) // plainPath has unescaped it already
	out.URL.RawQuery = stripQuery(in.URL.RawQuery)
	out.URL.ForceQuery = false
	p.server.forward(out.Header, in, p.verdict, p.request.Caller)
	cleanHeaders(out.Trailer)
	if in.UserAgent() == "" {
		out.Header["User-Agent"] = nil // or the client would name itself
	}
}

// forward makes of a request's headers those that an upstream sees.
func (s *Server) forward(h http.Header, in *http.Request, v access.Verdict, caller access.Caller) {
	cleanHeaders(h)
	setIdentity(h, v.Principal)
	if caller.Known() {
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
var ourCookies = []string{"claviger", "claviger-device", "__Host-claviger", "__Host-claviger-device", "__Host-claviger-theme", themeCookie}

// isOurCookie reports whether a pair, which may have attributes behind it, is such a
// cookie when a browser sends it back. One without a name comes back as its value alone,
// which can look like a name and a value.
func isOurCookie(pair string) bool {
	name, value, _ := strings.Cut(pair, "=")
	if strings.TrimSpace(name) == "" {
		name, _, _ = strings.Cut(value, "=")
	}
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
