package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// This file keeps what a security review found from coming back.

// ourCookies are the cookies of the console, over HTTP and over HTTPS.
var ourCookies = []string{"claviger", "claviger-device", "claviger-theme", "__Host-claviger", "__Host-claviger-device", "__Host-claviger-theme"}

// TestConsoleCookiesReachNoUpstream: browsers send them to every port of a host; they
// are not for the APIs. All others pass as they were sent.
func TestConsoleCookiesReachNoUpstream(t *testing.T) {
	s, u := behind(t)
	plain := []string{`a=b; q="x y"; clav=1; xclaviger=2; Claviger=3; c=d=e;bare`}
	var all []string
	for _, name := range ourCookies {
		all = append(all, name+"=stolen")
	}
	for _, c := range []struct{ sent, want []string }{
		{[]string{"a=b"}, []string{"a=b"}},
		{plain, plain},
		{all, nil},
		{[]string{strings.Join(all, "; ")}, nil},
		{[]string{strings.Join(all, ";")}, nil},
		{[]string{"claviger=stolen; a=b"}, []string{"a=b"}},
		{[]string{"a=b; claviger=stolen"}, []string{"a=b"}},
		{[]string{"a=b; __Host-claviger=stolen; c=d"}, []string{"a=b; c=d"}},
		{[]string{"a=b;claviger-device=stolen;  c=d", "claviger=stolen", "e=f"}, []string{"a=b;  c=d", "e=f"}},
		{[]string{"a=claviger; b=__Host-claviger=1"}, []string{"a=claviger; b=__Host-claviger=1"}},
		{[]string{"\tclaviger=stolen; claviger = stolen; claviger"}, nil},
	} {
		lines := []string{"Authorization: Bearer " + s.token}
		for _, line := range c.sent {
			lines = append(lines, "Cookie: "+line)
		}
		if a := exchange(t, s.GatewayURL, rawRequest("GET", "/acme/orders/live/a", lines...)); a.Status != 200 {
			t.Fatalf("%q: status %d: %s", c.sent, a.Status, a.Body)
		}
		header, _, _, _ := u.last()
		echo := echoOf(t, exchange(t, s.GatewayURL, rawRequest("GET", "/acme/orders/backend/a", lines...)).Body)
		for what, got := range map[string]http.Header{"the upstream": header, "the echo": echo.Headers} {
			if diff := cmp.Diff(c.want, got["Cookie"]); diff != "" {
				t.Errorf("%q: %s sees (-want +got):\n%s", c.sent, what, diff)
			}
		}
	}
}

// TestSessionReachesNoUpstream: the cookies of somebody who is really signed in.
func TestSessionReachesNoUpstream(t *testing.T) {
	s, u := behind(t)
	s.User(member, "acme", access.Member)
	v := s.SignedIn(member)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.GatewayURL+"/acme/orders/live/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	held := v.Jar.Cookies(request.URL)
	if len(held) < 2 {
		t.Fatalf("the browser sends the gateway %v: this proves nothing", held)
	}
	response, err := v.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	header, _, _, calls := u.last()
	if calls != 1 || header["Cookie"] != nil {
		t.Errorf("%d calls, the upstream sees %q", calls, header["Cookie"])
	}
}

// TestUpstreamSetsNoConsoleCookies: what would overwrite a session is dropped from an
// upstream's answer, all else comes through in its order.
func TestUpstreamSetsNoConsoleCookies(t *testing.T) {
	s := newShop(t)
	sent := make(chan []string, 1)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header()["Set-Cookie"] = <-sent }))
	t.Cleanup(upstream.Close)
	s.API("acme", "orders", "live", upstream.URL)
	var ours []string
	for _, name := range ourCookies {
		ours = append(ours, name+"=planted; Path=/", name+"=; Max-Age=0", "="+name+"=planted; Path=/", " = "+name+" =planted")
	}
	others := []string{"a=b; Path=/; HttpOnly", "clav=1", "a=c", "b=claviger=1", "=a=claviger"}
	for _, c := range []struct{ sent, want []string }{
		{nil, nil}, {others, others}, {ours, nil}, {append(append([]string{others[0]}, ours...), others[1:]...), others},
	} {
		sent <- c.sent
		a := s.Call("GET", s.GatewayURL+"/acme/orders/live/", "Authorization", "Bearer "+s.token)
		if diff := cmp.Diff(c.want, a.Header["Set-Cookie"]); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.sent, diff)
		}
	}
}

// TestGatewayUpgradesToNothingElse: over h2c a caller would talk to the upstream past
// us (RFC 9113 §3.1). What asks for it goes on as a plain request.
func TestGatewayUpgradesToNothingElse(t *testing.T) {
	s, u := behind(t)
	const settings = "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"
	for _, lines := range [][]string{
		{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", settings},
		{"Connection: Upgrade", "Upgrade: h2c", settings},
		{"Connection: upgrade, http2-settings", "Upgrade: H2C", settings},
		{"Connection: Upgrade", "Upgrade: h2c, websocket", settings},
		{"Connection: Upgrade", "Upgrade: websocket, h2c", settings},
		{"Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket", settings},
		{"Connection: Upgrade", "Upgrade: TLS/1.2"},
		{"Connection: Upgrade", "Upgrade: websocket2"},
		{settings},
	} {
		for _, api := range []string{"live", "backend"} {
			request := "GET /acme/orders/" + api + "/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + s.token + "\r\n" + strings.Join(lines, "\r\n") + "\r\nConnection: close\r\n\r\n"
			a := exchange(t, s.GatewayURL, request)
			header, _, _, calls := u.last()
			if api == "backend" {
				header, calls = echoOf(t, a.Body).Headers, calls+1
			}
			if a.Status != 200 || calls != 1 {
				t.Fatalf("%q: status %d, %d calls: %s", lines, a.Status, calls, a.Body)
			}
			for _, name := range []string{"Upgrade", "Connection", "Http2-Settings"} {
				if header[name] != nil {
					t.Errorf("%q: %s sees %s: %q", lines, api, name, header[name])
				}
			}
		}
	}
}

// TestVerifyStraySlash: an address with a slash too many, asked at by a proxy that
// names the method in a header, turns no write into a read; and no read into more.
func TestVerifyStraySlash(t *testing.T) {
	s := newShop(t)
	for _, c := range []struct {
		method, path string
		headers      []string
		want         int // for a token that may only read
	}{
		{"GET", "/", nil, 200},
		{"GET", "/", []string{"X-Original-Method", "DELETE"}, 403},
		{"GET", "/", []string{"X-Forwarded-Method", "POST"}, 403},
		{"GET", "/", []string{"X-Original-Method", "GET"}, 200},
		{"GET", "/", []string{"X-Original-Method", ""}, 200},
		{"GET", "/", []string{"X-Original-Method", "QUERY"}, 403},
		{"GET", "/", []string{"X-Original-Method", "GET", "X-Original-Method", "DELETE"}, 403},
		{"GET", "/", []string{"X-Original-Method", "GET", "X-Forwarded-Method", "DELETE"}, 403},
		{"GET", "/?a=1", []string{"X-Original-Method", "DELETE"}, 403},
		{"POST", "/", []string{"X-Original-Method", "GET"}, 403},
		{"DELETE", "/", nil, 403},
		{"GET", "/a", []string{"X-Original-Method", "DELETE"}, 200}, // Envoy's: its own method counts
		{"GET", "/a/", []string{"X-Forwarded-Method", "POST"}, 200},
		{"DELETE", "/a", []string{"X-Original-Method", "GET"}, 403},
	} {
		a := s.Call(c.method, s.ConsoleURL+"/verify/acme/orders/backend"+c.path, append(c.headers, "Authorization", "Bearer "+s.reader)...)
		if a.Status != c.want {
			t.Errorf("%s %s %q: status %d, want %d: %s", c.method, c.path, c.headers, a.Status, c.want, a.Body)
		}
	}
}

// TestNewUpstreamTakesElevation: the form leads to the elevation and comes back filled
// in; the echo needs none.
func TestNewUpstreamTakesElevation(t *testing.T) {
	c := newConsole(t)
	c.User("ann@example.com", "acme", access.Admin)
	v := c.SignedIn("ann@example.com")
	before := c.state()
	sent := values("name", "Live & real", "slug", "live", "upstream", "http://127.0.0.1:9/base")
	a := v.Send(ordersPath+"/apis", sent)
	if answered(a) != "up" || !strings.HasPrefix(a.Location, "/elevate?") || c.state() != before {
		t.Fatalf("status %d, to %s, changed %v", a.Status, a.Location, c.state() != before)
	}
	landed := elevateFrom(t, v, a.Location)
	if landed.Status != http.StatusSeeOther || landed.Location != ordersPath+"/apis/new" {
		t.Fatalf("landed at %d %s", landed.Status, landed.Location)
	}
	form := v.Get(landed.Location).Page(t).Form("form.form")
	for name := range sent {
		if form.Get(name) != sent.Get(name) {
			t.Errorf("%s is %q, was %q", name, form.Get(name), sent.Get(name))
		}
	}
	if a := v.Send(ordersPath+"/apis", form); a.Status != http.StatusSeeOther || a.Location != ordersPath {
		t.Errorf("elevated: status %d, to %s", a.Status, a.Location)
	}
	if e := c.Events("acme")[0]; e.Act != access.ActCreateAPI || e.ElevationID == "" || e.Reason != testkit.Reason {
		t.Errorf("recorded %+v", e)
	}
	plain := c.SignedIn("ann@example.com")
	if a := plain.Post(ordersPath+"/apis", "name", "Echo", "slug", "second", "upstream", access.EchoUpstream); a.Status != http.StatusSeeOther || a.Location != ordersPath {
		t.Errorf("the echo: status %d, to %s", a.Status, a.Location)
	}
	if a := plain.Post(ordersPath+"/apis", "name", "x", "slug", "x", "upstream", "nonsense"); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong one: status %d, to %s", a.Status, a.Location)
	}
}

// slowHash takes half a second to check, and cheapHash nothing.
const (
	slowHash  = "$argon2id$v=19$m=65536,t=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"
	cheapHash = "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"
)

// crowd fills the queue of password checks until the function it returns is called.
func crowd(t *testing.T, p *secret.Passwords) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	for range 64 { // 32 for each of the two slots
		wait.Go(func() {
			for ctx.Err() == nil {
				_, _, _ = p.Check(ctx, slowHash, secret.New("wrong"))
			}
		})
	}
	leave = func() { cancel(); wait.Wait() }
	gone, stop := context.WithCancel(context.Background())
	stop()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if _, _, err := p.Check(gone, cheapHash, secret.New("wrong")); errors.Is(err, secret.ErrBusy) {
			return leave
		}
		runtime.Gosched()
	}
	leave()
	t.Fatal("the queue never fills")
	return nil
}

// TestBusyIsTooManyRequests: sign-in and password grant say when to come again, and
// nothing that is read needs a password.
func TestBusyIsTooManyRequests(t *testing.T) {
	s := newTill(t)
	v := s.SignedIn(member)
	leave := crowd(t, s.Accounts.Passwords)
	stranger := s.Visitor().Post("/sign-in", "email", member, "password", testkit.Password)
	grant := form(t, s.GatewayURL+"/oauth/token", "grant_type", "password", "username", member, "password", testkit.Password)
	unknown := s.Visitor().Post("/sign-in", "email", "nobody@acme.example", "password", "wrong")
	page, call := v.Get("/orgs/acme"), s.call("GET", "orders", s.token)
	_, _, checked := s.Accounts.Passwords.Check(t.Context(), cheapHash, secret.New("wrong"))
	leave()
	if !errors.Is(checked, secret.ErrBusy) {
		t.Errorf("Check: %v", checked)
	}
	for who, a := range map[string]testkit.Answer{"a user": stranger, "nobody": unknown} {
		if a.Status != http.StatusTooManyRequests || a.Header.Get("Retry-After") != "2" || !strings.Contains(a.Page(t).Text(), "Try again in a moment") {
			t.Errorf("sign-in of %s: status %d, Retry-After %q", who, a.Status, a.Header.Get("Retry-After"))
		}
	}
	refused(t, grant, http.StatusTooManyRequests, "invalid_grant")
	if grant.Header.Get("Retry-After") != "2" {
		t.Errorf("grant: Retry-After %q", grant.Header.Get("Retry-After"))
	}
	if page.Status != http.StatusOK || call != http.StatusOK {
		t.Errorf("a page: status %d, a call: status %d", page.Status, call)
	}
	s.SignedIn(member)
}

// TestSigningInAgainEndsTheSessionBefore: what a browser had as its session is worth
// nothing any more, other browsers keep theirs.
func TestSigningInAgainEndsTheSessionBefore(t *testing.T) {
	c := newConsole(t)
	c.User("ann@example.com", "acme", access.Admin)
	v, other := c.SignedIn("ann@example.com"), c.SignedIn("ann@example.com")
	old := c.Visitor()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.ConsoleURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	old.Jar.SetCookies(request.URL, v.Jar.Cookies(request.URL))
	if a := v.Post("/sign-in", "email", "ann@example.com", "password", "wrong"); a.Status != http.StatusUnprocessableEntity || old.Get(ordersPath).Status != http.StatusOK {
		t.Errorf("a wrong password ends the session: status %d", a.Status)
	}
	if a := v.Post("/sign-in", "email", "ann@example.com", "password", testkit.Password); a.Status != http.StatusSeeOther {
		t.Fatalf("sign in again: status %d", a.Status)
	}
	for who, at := range map[string]struct {
		*testkit.Visitor
		want string
	}{"the session before": {old, "in"}, "the new one": {v, "200"}, "another browser": {other, "200"}} {
		if got := answered(at.Get(ordersPath)); got != at.want {
			t.Errorf("%s: %s, want %s", who, got, at.want)
		}
	}
}

// TestParametersInDisguise: an encoded name of a credential's parameter is refused on
// both listeners, alone and beside a good credential.
func TestParametersInDisguise(t *testing.T) {
	s := newShop(t)
	s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
	for _, query := range []string{"access%5Ftoken=" + s.token, "%61ccess_token=" + s.token, "a=1&access_toke%6e=", "%63lient_id=a&client_secret=b", "client_id=a&client%5fsecret=b"} {
		for _, headers := range [][]string{nil, {"Authorization", "Bearer " + s.token}} {
			for _, url := range []string{s.GatewayURL + "/acme/orders/backend/x?" + query, s.ConsoleURL + "/verify/acme/orders/backend/x?" + query} {
				if a := s.Call("GET", url, headers...); a.Status != http.StatusUnauthorized || !strings.Contains(a.Body, "invalid_token") {
					t.Errorf("%q at %s: status %d", headers, url, a.Status)
				}
			}
			if a := s.Call("GET", s.ConsoleURL+"/verify/acme/orders/backend", append(headers, "X-Original-Method", "GET", "X-Original-Uri", "/x?"+query)...); a.Status != http.StatusUnauthorized {
				t.Errorf("%q in %s of the original: status %d", headers, query, a.Status)
			}
		}
	}
	if a := s.Call("GET", s.GatewayURL+"/acme/orders/backend/x?access_token="+s.token); a.Status != http.StatusOK {
		t.Errorf("the plain name: status %d", a.Status)
	}
}

// TestIntrospectionOfAnAddressList answers as for what is not active, and no word more.
func TestIntrospectionOfAnAddressList(t *testing.T) {
	s := newTill(t)
	for _, allow := range [][]string{nil, {"127.0.0.0/8"}} {
		issued, err := s.Registry.IssueToken(t.Context(), s.Operator(), "acme", "orders", access.Draft{Label: "listed", Allow: allow})
		if err != nil {
			t.Fatal(err)
		}
		r := s.introspect(t, s.ConsoleURL, issued.Secret.Expose(), s.appClient, s.appKey)
		if active := r.JSON["active"] == true; active != (allow == nil) || !active && r.Body != `{"active":false}` {
			t.Errorf("allowed from %v: %s", allow, r.Body)
		}
		if status := s.call("GET", "orders", issued.Secret.Expose()); status != http.StatusOK {
			t.Errorf("allowed from %v: the gateway answers %d", allow, status)
		}
	}
}
