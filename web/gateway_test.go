package web_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"claviger/internal/access"
	"claviger/internal/testkit"

	"github.com/google/go-cmp/cmp"
)

// recorder is a real upstream that keeps the last request it got.
type recorder struct {
	*httptest.Server
	mu     sync.Mutex
	header http.Header
	host   string
	uri    string
	method string
	calls  int
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	u := &recorder{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.header, u.host, u.uri, u.method = r.Header.Clone(), r.Host, r.RequestURI, r.Method
		u.calls++
		w.Header().Set("X-Auth-Subject", "the upstream")
		w.Header().Set("X_Auth_Kind", "the upstream")
		w.Header().Set("X-Upstream", "yes")
		_, _ = io.WriteString(w, "upstream")
	}))
	t.Cleanup(u.Close)
	return u
}

// last returns what the upstream got last and forgets it.
func (u *recorder) last() (header http.Header, uri, method string, calls int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	header, uri, method, calls = u.header, u.uri, u.method, u.calls
	u.header, u.uri, u.method, u.calls = nil, "", "", 0
	return header, uri, method, calls
}

// behind is a shop whose API "live" has a real upstream.
func behind(t *testing.T, options ...testkit.SiteOption) (shop, *recorder) {
	t.Helper()
	s, u := newShop(t, options...), newRecorder(t)
	s.live = s.API("acme", "orders", "live", u.URL+"/base")
	return s, u
}

// identityOf is what the upstream must see of the shop's token.
func (s shop) identityOf(id, label string) map[string][]string {
	return map[string][]string{
		"X-Auth-Organization": {"acme"}, "X-Auth-Application": {"orders"}, "X-Auth-Kind": {"token"}, "X-Auth-Credential": {id},
		"X-Auth-Label": {label}, "X-Auth-Subject": {id}, "X-Auth-Scope": {"*:read *:write"},
	}
}

// aliases returns every header that folds into one of ours (S1).
func aliases() []string {
	var out []string
	for _, name := range identityNames {
		for _, c := range "!#$%&'*+.^_`|~" {
			out = append(out, strings.ReplaceAll(name, "-", string(c)), strings.Replace(name, "-", string(c), 1), "X-Auth"+string(c)+name[7:])
		}
		out = append(out, name, strings.ToLower(name), strings.ToUpper(name))
	}
	return append(out, "X-Auth-Anything", "X-Forwarded-User", "X-Forwarded-Prefix", "X_Forwarded_Host", "X-Original-URI", "X-Real-IP", "Forwarded", "X-Rewrite-Url")
}

// foreign returns the headers that the upstream must not see, ours with a value
// that is not ours among them.
func foreign(h http.Header) []string {
	var out []string
	for name, values := range h {
		for _, value := range values {
			if strings.Contains(value, "spoofed") {
				out = append(out, name+": "+value)
			}
		}
	}
	return out
}

func identityIn(h http.Header) map[string][]string {
	out := map[string][]string{}
	for name, values := range h {
		if strings.HasPrefix(strings.ToLower(name), "x-auth") || strings.HasPrefix(strings.ToLower(name), "x_auth") {
			out[name] = values
		}
	}
	return out
}

// TestGatewayAliases sends every alias at once and each alone (S1, S2).
func TestGatewayAliases(t *testing.T) {
	s, u := behind(t)
	want := s.identityOf(s.tokenID, "till")
	lines := []string{"Authorization: Bearer " + s.token}
	for _, name := range aliases() {
		lines = append(lines, name+": spoofed", name+": spoofed again")
	}
	for _, set := range [][]string{lines, lines[:3], {lines[0], "X-Auth-Label: spoofed"}} {
		a := exchange(t, s.GatewayURL, rawRequest("GET", "/acme/orders/live/a", set...))
		header, _, _, _ := u.last()
		if a.Status != 200 {
			t.Fatalf("status %d: %s", a.Status, a.Body)
		}
		if bad := foreign(header); len(bad) > 0 {
			t.Errorf("the upstream sees %q", bad)
		}
		if diff := cmp.Diff(want, identityIn(header)); diff != "" {
			t.Errorf("identity (-want +got):\n%s", diff)
		}
	}
}

// TestGatewayConnectionCannotStripIdentity (S3), nor bring anything else down.
func TestGatewayConnectionCannotStripIdentity(t *testing.T) {
	s, u := behind(t)
	for _, api := range []string{"live", "backend"} {
		for _, line := range []string{"X-Auth-Subject", "x-auth-subject, X-Auth-Kind, close", "keep-alive, X-Auth-Subject", "Authorization", "X-Private, X-Auth-Label"} {
			request := fmt.Sprintf("GET /acme/orders/%s/a HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\nConnection: close\r\nX-Private: mine\r\nAuthorization: Bearer %s\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\nTe: gzip\r\nProxy-Authorization: Basic YTpi\r\n\r\n", api, line, s.token)
			a := exchange(t, s.GatewayURL, request)
			if a.Status != 200 {
				t.Fatalf("%s, Connection: %s: status %d", api, line, a.Status)
			}
			header, _, _, _ := u.last()
			if api == "backend" {
				header = echoOf(t, a.Body).Headers
			}
			if diff := cmp.Diff(s.identityOf(s.tokenID, "till"), identityIn(header)); diff != "" {
				t.Errorf("%s, Connection: %s (-want +got):\n%s", api, line, diff)
			}
			for _, name := range []string{"Authorization", "Proxy-Authorization", "Connection", "Keep-Alive", "Proxy-Connection", "Te"} {
				if header.Get(name) != "" {
					t.Errorf("%s, Connection: %s: the upstream sees %s: %q", api, line, name, header.Get(name))
				}
			}
			if private := header.Get("X-Private"); (private == "") != strings.Contains(line, "X-Private") {
				t.Errorf("%s, Connection: %s: X-Private is %q", api, line, private)
			}
		}
	}
}

// echoed is what the echo API answers.
type echoed struct {
	Method, Path, Query, Body string
	Headers                   http.Header
}

func echoOf(t testing.TB, body string) echoed {
	t.Helper()
	var e echoed
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("no echo: %v: %.200s", err, body)
	}
	return e
}

// TestGatewayOneCredentialOnce (S5): whichever comes first or last.
func TestGatewayOneCredentialOnce(t *testing.T) {
	s, u := behind(t)
	s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
	good := "Authorization: Bearer " + s.token
	for _, c := range []struct {
		name, target string
		lines        []string
		want         int
	}{
		{"one", "/x", []string{good}, 200},
		{"one in the query", "/x?access_token=" + s.token, nil, 200},
		{"twice the same", "/x", []string{good, good}, 401},
		{"good and bad", "/x", []string{good, "Authorization: Bearer x"}, 401},
		{"bad and good", "/x", []string{"authorization: Bearer x", good}, 401},
		{"good and empty", "/x", []string{good, "Authorization:"}, 401},
		{"joined", "/x", []string{good + ", " + pair(s.username, s.password)}, 401},
		{"two schemes", "/x", []string{good, "Authorization: " + pair(s.username, s.password)}, 401},
		{"header and query", "/x?access_token=" + s.token, []string{good}, 401},
		{"twice in the query", "/x?access_token=" + s.token + "&access_token=" + s.token, nil, 401},
		{"folded by an obsolete line fold", "/x", []string{good, " more"}, 401},
		{"an alias is no credential", "/x", []string{"Authorization_: Bearer " + s.token}, 401},
		{"Proxy-Authorization is none", "/x", []string{"Proxy-Authorization: Bearer " + s.token}, 401},
	} {
		a := exchange(t, s.GatewayURL, rawRequest("GET", "/acme/orders/live"+c.target, c.lines...))
		_, _, _, calls := u.last()
		if a.Status != c.want && (c.want == 200 || a.Status != 400) { // net/http itself refuses what is no HTTP
			t.Errorf("%s: status %d, want %d", c.name, a.Status, c.want)
		}
		if calls != map[bool]int{true: 1}[c.want == 200] {
			t.Errorf("%s: the upstream was called %d times", c.name, calls)
		}
	}
}

// TestGatewayPaths (S6): what servers read differently is refused, all else arrives
// as it was sent.
func TestGatewayPaths(t *testing.T) {
	s, u := behind(t)
	for target, want := range map[string]string{ // "" = refused as ambiguous
		"/acme/orders/live":                    "/base",
		"/acme/orders/live/":                   "/base/",
		"/acme/orders/live/a/b":                "/base/a/b",
		"/acme/orders/live/a/?x=1&y=%20":       "/base/a/?x=1&y=%20",
		"/acme/orders/live/a%2Fb":              "/base/a%2Fb",
		"/acme/orders/live/a%20b":              "/base/a%20b",
		"/acme/orders/live/%C3%BC":             "/base/%C3%BC",
		"/acme/orders/live/a;b=c":              "/base/a;b=c",
		"/acme/orders/live/a+b@c:d":            "/base/a+b@c:d",
		"/acme/orders/live/%7Euser":            "/base/%7Euser",
		"/acme/orders/live/...":                "/base/...",
		"/acme/orders/live/a%2Fb?c=%2F..%2F":   "/base/a%2Fb?c=%2F..%2F",
		"/acme/orders/live//a":                 "",
		"//acme/orders/live/a":                 "",
		"/acme//orders/live/a":                 "",
		"/acme/orders/live/a//":                "",
		"/acme/orders/live/../live/a":          "",
		"/acme/orders/live/./a":                "",
		"/acme/orders/live/.":                  "",
		"/acme/orders/live/..":                 "",
		"/acme/orders/live/%2e%2e/a":           "",
		"/acme/orders/live/.%2e/a":             "",
		"/acme/orders/live/%2E/a":              "",
		"/acme/orders/live/..;/a":              "",
		"/acme/orders/live/..;x=y/a":           "",
		"/acme/orders/live/%2e%2e%3bx/a":       "",
		"/acme/orders/live/a%2F..%2F..%2Fb":    "",
		"/acme/orders/live/..%2Fa":             "",
		"/acme/orders/live/..%5Ca":             "",
		`/acme/orders/live/..\a`:               "",
		"/acme/orders/live/a%00":               "",
		"/acme/orders/live/a%0d%0aX-Evil:%201": "",
		"/acme/orders/live/a%7f":               "",
		"/acme/orders/backend/../live/a":       "",
		"/acme/orders/live/....//a":            "",
	} {
		a := exchange(t, s.GatewayURL, rawRequest("GET", target, "Authorization: Bearer "+s.token))
		_, uri, _, calls := u.last()
		if uri != want {
			t.Errorf("%s arrives as %q, want %q", target, uri, want)
		}
		if want == "" && (a.Status != 400 || calls != 0 || !strings.Contains(a.Body, "path-not-plain")) {
			t.Errorf("%s: status %d, %d calls: %s", target, a.Status, calls, a.Body)
		}
	}
	// A fragment has no place in a request; what comes after it must not become a path.
	exchange(t, s.GatewayURL, rawRequest("GET", "/acme/orders/live/a#/../../b", "Authorization: Bearer "+s.token))
	if _, uri, _, _ := u.last(); uri != "" {
		t.Errorf("a fragment arrives as %q", uri)
	}
	// And in absolute form, as proxies are asked.
	exchange(t, s.GatewayURL, rawRequest("GET", "http://elsewhere.test/acme/orders/live/a", "Authorization: Bearer "+s.token))
	if _, uri, _, _ := u.last(); uri != "/base/a" {
		t.Errorf("the absolute form arrives as %q", uri)
	}
}

// TestGatewayStripsTheCredential from header and query, and leaves the rest alone.
func TestGatewayStripsTheCredential(t *testing.T) {
	s, u := behind(t)
	s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
	for _, c := range []struct {
		target, want string
		lines        []string
	}{
		{"/x?a=%20+1&b", "/base/x?a=%20+1&b", []string{"Authorization: Bearer " + s.token}},
		{"/x", "/base/x", []string{"Authorization: " + pair(s.username, s.password)}},
		{"/x?a=1&access_token=" + s.token + "&b=2", "/base/x?a=1&b=2", nil},
	} {
		a := exchange(t, s.GatewayURL, rawRequest("GET", "/acme/orders/live"+c.target, append(c.lines, "X-Custom: kept", "Cookie: a=b")...))
		header, uri, _, _ := u.last()
		if a.Status != 200 || uri != c.want {
			t.Errorf("%s: status %d, arrives as %q, want %q", c.target, a.Status, uri, c.want)
		}
		if header.Get("Authorization") != "" || header.Get("X-Custom") != "kept" || header.Get("Cookie") != "a=b" {
			t.Errorf("%s: headers %v", c.target, header)
		}
	}
	if a := exchange(t, s.GatewayURL, rawRequest("GET", "/acme/orders/live/x?%61ccess_token="+s.token)); a.Status != 401 {
		t.Errorf("a credential under a name in disguise: status %d, want 401", a.Status)
	}
	if log := s.Log.String(); strings.Contains(log, s.token) || strings.Contains(log, s.password) {
		t.Error("a secret is in the log")
	}
}

// TestGatewayResponse: what the upstream calls itself is no identity, and its own
// headers come through.
func TestGatewayResponse(t *testing.T) {
	s, _ := behind(t)
	a := s.Call("GET", s.GatewayURL+"/acme/orders/live/a", "Authorization", "Bearer "+s.token)
	if a.Body != "upstream" || a.Header.Get("X-Upstream") != "yes" {
		t.Errorf("answer %q, headers %v", a.Body, a.Header)
	}
	if left := identityIn(a.Header); len(left) > 0 {
		t.Errorf("the answer has %v", left)
	}
}

// TestGatewayDefaultAPI: what names no API goes whole to the default one, judged by
// that one's scopes; what names one goes there.
func TestGatewayDefaultAPI(t *testing.T) {
	s, u := behind(t)
	authorization := "Authorization: Bearer " + s.token
	if a := exchange(t, s.GatewayURL, rawRequest("GET", "/acme/orders/users/1", authorization)); a.Status != 404 {
		t.Errorf("no default: status %d", a.Status)
	}
	s.changeApplication(t, func(app *access.Application) { app.DefaultAPI = s.live.ID })
	for target, want := range map[string]string{
		"/acme/orders/users/1":       "/base/users/1",
		"/acme/orders/users/1?q=%2F": "/base/users/1?q=%2F",
		"/acme/orders/":              "/base/",
		"/acme/orders":               "/base",
		"/acme/orders/live/users":    "/base/users",
		"/acme/orders/Live/users":    "/base/Live/users",
		"/acme/orders/l%69ve/users":  "/base/l%69ve/users",
	} {
		exchange(t, s.GatewayURL, rawRequest("GET", target, authorization))
		if _, uri, _, _ := u.last(); uri != want {
			t.Errorf("%s arrives as %q, want %q", target, uri, want)
		}
	}
	other := "Authorization: Bearer " + s.Token("acme", "orders", "other", "backend:read backend:write").Secret.Expose()
	if a := exchange(t, s.GatewayURL, rawRequest("GET", "/acme/orders/users/1", other)); a.Status != 403 {
		t.Errorf("a token for another API: status %d", a.Status)
	}
}

// TestEchoEqualsUpstream: the built-in upstream shows what a real one sees.
func TestEchoEqualsUpstream(t *testing.T) {
	s, u := behind(t)
	lines := []string{
		"Authorization: Bearer " + s.token, "User-Agent: till/1", "Accept: */*", "X-Custom: a", "X-Custom: b", "X_Auth_Subject: spoofed", "X-Forwarded-For: 1.2.3.4",
		"X-Forwarded-Proto: gopher", "Te: trailers", "Upgrade-Insecure-Requests: 1", "Connection: X-Private", "X-Private: 1", "Proxy-Authenticate: x", "Cookie: a=b",
	}
	for _, set := range [][]string{lines, {lines[0]}} {
		exchange(t, s.GatewayURL, rawRequest("GET", "/acme/orders/live/a%2Fb/?x=1&access_tok=2", set...))
		real, uri, method, _ := u.last()
		e := echoOf(t, exchange(t, s.GatewayURL, rawRequest("GET", "/acme/orders/backend/a%2Fb/?x=1&access_tok=2", set...)).Body)
		delete(real, "Accept-Encoding") // of the connection to the upstream
		if diff := cmp.Diff(real, e.Headers); diff != "" {
			t.Errorf("headers (-upstream +echo):\n%s", diff)
		}
		if got := e.Method + " /base" + e.Path + "?" + e.Query; got != method+" "+uri {
			t.Errorf("echo %q, upstream %q", got, method+" "+uri)
		}
	}
}

// TestGatewayStreams: a large body goes through in both directions while it comes.
func TestGatewayStreams(t *testing.T) {
	s := newShop(t)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		controller := http.NewResponseController(w)
		_ = controller.EnableFullDuplex()
		w.WriteHeader(http.StatusOK)
		_ = controller.Flush()
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(upstream.Close)
	s.API("acme", "orders", "live", upstream.URL)
	const size = 64 << 20
	body, feed := io.Pipe()
	go func() {
		chunk := make([]byte, 1<<16)
		for range size / len(chunk) {
			if _, err := feed.Write(chunk); err != nil {
				return
			}
		}
		_ = feed.Close()
	}()
	request, err := http.NewRequestWithContext(t.Context(), "POST", s.GatewayURL+"/acme/orders/live/", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if n, err := io.Copy(io.Discard, response.Body); n != size || err != nil {
		t.Errorf("%d bytes came back, want %d (%v)", n, size, err)
	}
}

// TestGatewayUpstreamDown: a problem with a reference that the log explains, and
// neither the upstream's address nor a secret in it.
func TestGatewayUpstreamDown(t *testing.T) {
	s := newShop(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	s.API("acme", "orders", "down", "http://"+address)
	s.API("acme", "orders", "nameless", "http://no-such-host.invalid")
	for _, api := range []string{"down", "nameless"} {
		a := s.Call("GET", s.GatewayURL+"/acme/orders/"+api+"/", "Authorization", "Bearer "+s.token)
		var problem struct{ Type, Reference string }
		if err := json.Unmarshal([]byte(a.Body), &problem); err != nil || a.Status != 502 || a.Header.Get("Content-Type") != "application/problem+json" {
			t.Fatalf("%s: status %d (%v): %s", api, a.Status, err, a.Body)
		}
		if problem.Type != "urn:claviger:problem:upstream-unreachable" || problem.Reference == "" || !strings.Contains(s.Log.String(), problem.Reference) {
			t.Errorf("%s: %s", api, a.Body)
		}
		if strings.Contains(a.Body, address) || strings.Contains(s.Log.String(), s.token) {
			t.Errorf("%s: too much is told: %s", api, a.Body)
		}
	}
}

// TestGatewayUpgrade: a WebSocket's handshake and what follows go through, with the
// identity and without the credential (RFC 6455 §1.3).
func TestGatewayUpgrade(t *testing.T) {
	s := newShop(t)
	seen := make(chan http.Header, 1)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Clone()
		connection, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = connection.Close() }()
		_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
		line, _ := buffered.ReadString('\n')
		_, _ = io.WriteString(connection, "echo "+line)
	}))
	t.Cleanup(upstream.Close)
	s.API("acme", "orders", "live", upstream.URL)
	u, err := url.Parse(s.GatewayURL)
	if err != nil {
		t.Fatal(err)
	}
	connection, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	_, _ = fmt.Fprintf(connection, "GET /acme/orders/live/socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, X-Auth-Subject\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nX-Auth-Subject: spoofed\r\nAuthorization: Bearer %s\r\n\r\n", s.token)
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Sec-Websocket-Accept") == "" {
		t.Fatalf("answer %v (%v)", response, err)
	}
	_, _ = io.WriteString(connection, "hello\n")
	if line, err := reader.ReadString('\n'); line != "echo hello\n" {
		t.Errorf("got %q (%v)", line, err)
	}
	header := <-seen
	if diff := cmp.Diff(s.identityOf(s.tokenID, "till"), identityIn(header)); diff != "" || header.Get("Authorization") != "" {
		t.Errorf("the upstream sees %v (-want +got):\n%s", header, diff)
	}
	// It is counted as what it was, no answer that broke off.
	_ = connection.Close()
	if !isLogged(s.Log, `"route":"/{org}/{app}/{api}","status":101`) {
		t.Errorf("the log knows of no WebSocket: %s", s.Log)
	}
}
