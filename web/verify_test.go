package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// exchange sends a request as it stands, without a client that would clean it, and
// returns the answer. "Host: localhost" becomes the server's own.
func exchange(t testing.TB, baseURL, request string) testkit.Answer {
	t.Helper()
	u, err := url.Parse(baseURL)
	if err != nil {
		t.Fatal(err)
	}
	request = strings.Replace(request, "Host: localhost", "Host: "+u.Host, 1)
	connection, err := net.DialTimeout("tcp", u.Host, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("read the answer to %.200q: %v", request, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("read the body of the answer to %.200q: %v", request, err)
	}
	return testkit.Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}
}

// rawRequest writes a request by hand; lines are header lines.
func rawRequest(method, target string, lines ...string) string {
	head := method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
	for _, line := range lines {
		head += line + "\r\n"
	}
	return head + "\r\n"
}

// shop is a site with one secured application, its Basic credentials and a token.
type shop struct {
	*testkit.Site
	app                access.Application
	live               access.API // with a real upstream, where there is one
	token              string
	tokenID            string
	reader             string // a token that may only read
	username, password string
}

func newShop(t *testing.T, options ...testkit.SiteOption) shop {
	t.Helper()
	s := shop{Site: testkit.Server(t, options...)}
	s.Organization("acme")
	s.app = s.Application("acme", "orders")
	issued := s.Token("acme", "orders", "till", "")
	s.token, s.tokenID = issued.Secret.Expose(), issued.Credential.ID
	s.reader = s.Token("acme", "orders", "reader", "*:read").Secret.Expose()
	s.username, s.password = s.Basic("acme", "orders")
	return s
}

func TestVerifyOriginalMethod(t *testing.T) {
	s := newShop(t)
	for _, c := range []struct {
		name    string
		headers []string
		want    int // for a token that may only read
	}{
		{"none: a write", nil, 403},
		{"Traefik and Caddy, reading", []string{"X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/a"}, 200},
		{"Traefik and Caddy, writing", []string{"X-Forwarded-Method", "POST", "X-Forwarded-Uri", "/a"}, 403},
		{"nginx, reading", []string{"X-Original-Method", "HEAD", "X-Original-URI", "/a"}, 200},
		{"nginx, writing", []string{"X-Original-Method", "DELETE", "X-Original-URI", "/a"}, 403},
		{"OPTIONS reads", []string{"X-Original-Method", "OPTIONS"}, 200},
		{"methods are case-sensitive", []string{"X-Original-Method", "get"}, 403},
		{"an unknown method writes", []string{"X-Original-Method", "QUERY"}, 403},
		{"both pairs agree", []string{"X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/a", "X-Original-Method", "GET", "X-Original-Uri", "/a"}, 200},
		{"methods differ", []string{"X-Forwarded-Method", "GET", "X-Original-Method", "POST"}, 401},
		{"methods differ the other way", []string{"X-Forwarded-Method", "POST", "X-Original-Method", "GET"}, 401},
		{"URIs differ", []string{"X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/a", "X-Original-Method", "GET", "X-Original-Uri", "/b"}, 401},
		{"a method twice", []string{"X-Forwarded-Method", "GET", "X-Forwarded-Method", "GET"}, 401},
		{"nginx's method twice", []string{"X-Original-Method", "GET", "X-Original-Method", "POST"}, 401},
		{"a URI twice", []string{"X-Original-Method", "GET", "X-Original-Uri", "/a", "X-Original-Uri", "/a"}, 401},
		{"one pair cleared by the proxy", []string{"X-Forwarded-Method", "", "X-Forwarded-Uri", "", "X-Original-Method", "GET", "X-Original-Uri", "/a"}, 200},
		{"only a URI: a write", []string{"X-Original-Uri", "/a"}, 403},
		{"an override counts for nothing", []string{"X-Original-Method", "POST", "X-Http-Method-Override", "GET"}, 403},
		{"folded names count for nothing", []string{"X_Original_Method", "GET"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.Call("GET", s.ConsoleURL+"/verify/acme/orders/backend", append(c.headers, "Authorization", "Bearer "+s.reader)...)
			if a.Status != c.want {
				t.Errorf("status %d, want %d: %s", a.Status, c.want, a.Body)
			}
		})
	}
}

// TestVerifyEnvoyKeepsItsOwnMethod asks that in Envoy's form only the request's own
// method and query count, whatever the headers say.
func TestVerifyEnvoyKeepsItsOwnMethod(t *testing.T) {
	s := newShop(t)
	s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
	for _, c := range []struct {
		method, path string
		headers      []string
		want         int
	}{
		{"GET", "/a", nil, 200},
		{"POST", "/a", nil, 403},
		{"GET", "/", nil, 200},
		{"POST", "/a", []string{"X-Forwarded-Method", "GET", "X-Original-Method", "GET"}, 403},
		{"GET", "/a", []string{"X-Forwarded-Method", "POST", "X-Original-Method", "PUT"}, 200},
		{"GET", "/a", []string{"X-Forwarded-Uri", "/a?access_token=" + s.token}, 200},
		{"GET", "/a?access_token=" + s.token, nil, 401}, // and the header: two methods
	} {
		a := s.Call(c.method, s.ConsoleURL+"/verify/acme/orders/backend"+c.path, append(c.headers, "Authorization", "Bearer "+s.reader)...)
		if a.Status != c.want {
			t.Errorf("%s %s %q: status %d, want %d", c.method, c.path, c.headers, a.Status, c.want)
		}
	}
}

// TestVerifyQueryIsTheOriginalOne asks that without a path of the caller's own the
// query of /verify itself is not read.
func TestVerifyQueryIsTheOriginalOne(t *testing.T) {
	s := newShop(t)
	s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
	for _, path := range []string{"/verify/acme/orders", "/verify/acme/orders/backend"} {
		if a := s.Call("GET", s.ConsoleURL+path+"?access_token="+s.token, "X-Original-Method", "GET"); a.Status != 401 || strings.Contains(a.Body, "invalid_token") {
			t.Errorf("%s: its own query: status %d: %s", path, a.Status, a.Body)
		}
		if a := s.Call("GET", s.ConsoleURL+path, "X-Original-Method", "GET", "X-Original-Uri", "/x?a=1&access_token="+s.token); a.Status != 200 {
			t.Errorf("%s: the original query: status %d: %s", path, a.Status, a.Body)
		}
		if a := s.Call("GET", s.ConsoleURL+path, "X-Original-Method", "GET", "X-Original-Uri", "/x?access_token="+s.token, "Authorization", "Bearer "+s.token); a.Status != 401 {
			t.Errorf("%s: two methods: status %d", path, a.Status)
		}
	}
}

// setSwitches changes the switches of the shop's application.
func (s shop) setSwitches(t *testing.T, change func(*access.Switches)) {
	t.Helper()
	s.changeApplication(t, func(app *access.Application) { change(&app.Switches) })
}

func (s shop) changeApplication(t *testing.T, change func(*access.Application)) {
	t.Helper()
	err := s.Store.Update(t.Context(), func(tx access.Tx) error {
		app, err := tx.ApplicationByID(s.app.ID)
		if err != nil {
			return err
		}
		change(&app)
		return tx.UpdateApplication(app)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestVerifyAnswersFourStatusesOnly sends odd requests as they stand. nginx makes a
// 500 of any other status.
func TestVerifyAnswersFourStatusesOnly(t *testing.T) {
	s := newShop(t)
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "X"}
	targets := []string{
		"/verify", "/verify/", "/verify//", "/verify///", "/verify/acme", "/verify/acme/", "/verify//acme/orders", "/verify/acme//orders", "/verify/acme/orders",
		"/verify/acme/orders/", "/verify/acme/orders//", "/verify/acme/orders//backend", "/verify/acme/orders/backend", "/verify/acme/orders/backend/",
		"/verify/acme/orders/backend//", "/verify/acme/orders/backend/..", "/verify/acme/orders/backend/../", "/verify/acme/orders/backend/../../x",
		"/verify/../verify/acme/orders", "/verify/./acme/orders", "/verify/..", "/verify/../../../etc/passwd", "/verify/acme/orders/./backend",
		"/verify/acme%2Forders", "/verify/acme/orders%2Fbackend", "/verify/acme/orders/backend%2F", "/verify/acme/orders/back%65nd", "/verify/%61cme/orders/backend",
		"/verify/acme/orders/backend/%2e%2e/x", "/verify/acme/orders/backend/%00", "/verify/acme/orders/backend/a;b", "/verify/acme/orders/backend;x",
		"/verify/acme/orders/backend?", "/verify/acme/orders/backend?%zz", "/verify/acme/orders/backend/?a=%zz&;;", "/verify?x", "/verify/acme/orders?access_token=1",
		"/verify/acme/orders/backend#x", `/verify/acme/orders/backend\x`, "/verify/acme/orders/token", "/verify/ACME/orders", "/verify/acme/orders/backend/" + strings.Repeat("x/", 2000),
		"/verify/" + strings.Repeat("a", 10000), "/verify/acme/orders/ü", "http://localhost/verify/acme/orders", "/verify/verify/verify/verify", "/verify/acme/orders/BACKEND",
	}
	extra := [][]string{
		nil,
		{"Authorization: Bearer " + s.token},
		{"Authorization: Bearer " + s.token, "X-Original-Method: GET", "X-Original-URI: " + strings.Repeat("/", 5000)},
		{"Authorization: ", "X-Original-Method: \t", "X-Original-URI: %zz?%zz=%zz"},
		{"Content-Length: 3", "Authorization: Basic !", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Te: trailers"},
	}
	seen := map[int]int{}
	for _, method := range methods {
		for _, target := range targets {
			for _, lines := range extra {
				request := rawRequest(method, target, lines...)
				if strings.Contains(request, "Content-Length") {
					request += "abc"
				}
				a := exchange(t, s.ConsoleURL, request)
				seen[a.Status]++
				if a.Status != 200 && a.Status != 401 && a.Status != 403 {
					t.Errorf("%s %.100s %q: status %d", method, target, lines, a.Status)
				}
				if a.Status != 200 && method != "HEAD" && a.Header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("%s %.100s: Content-Type %q", method, target, a.Header.Get("Content-Type"))
				}
			}
		}
	}
	if seen[200] == 0 || seen[401] == 0 || seen[403] == 0 {
		t.Errorf("not every status was seen: %v", seen)
	}
}

// TestVerifyPathsAreNotDecoded asks that what names an application in another
// spelling is another name, and that odd paths let nothing in.
func TestVerifyPathsAreNotDecoded(t *testing.T) {
	s := newShop(t)
	authorization := "Authorization: Bearer " + s.token
	for target, want := range map[string]int{
		"/verify/acme/orders":                    200,
		"/verify/acme/orders/backend":            200,
		"/verify/acme/orders/backend/":           200,
		"/verify/acme/orders/":                   403,
		"/verify/acme/orders//":                  403,
		"/verify/acme/orders//backend":           403,
		"/verify/acme/orders/token":              403,
		"/verify/acme/orders/back%65nd":          403,
		"/verify/acme/orders/BACKEND":            403,
		"/verify/acme/orders%2Fbackend":          401,
		"/verify/%61cme/orders":                  401,
		"/verify//acme/orders":                   401,
		"/verify/acme//orders":                   401,
		"/verify/acme":                           401,
		"/verify/acme/":                          401,
		"/verify":                                401,
		"/verify/":                               401,
		"/verify/../verify/acme/orders/backend":  401,
		"/verify/./acme/orders/backend":          401,
		"/verify/acme/orders/../orders/backend/": 403,
	} {
		if a := exchange(t, s.ConsoleURL, rawRequest("GET", target, authorization)); a.Status != want {
			t.Errorf("%s: status %d, want %d", target, a.Status, want)
		}
	}
}

// TestBasicDisabledWhateverThePassword: a username is no secret.
func TestBasicDisabledWhateverThePassword(t *testing.T) {
	s := newShop(t)
	if err := s.Registry.DisableBasic(t.Context(), s.Operator(), "acme", "orders", "orders"); err != nil {
		t.Fatal(err)
	}
	const want = "Basic is disabled for this application: use a token"
	for _, password := range []string{s.password, "", "x", ":", s.token, strings.Repeat("p", 1000)} {
		for _, url := range []string{s.ConsoleURL + "/verify/acme/orders", s.GatewayURL + "/acme/orders/backend/"} {
			a := s.Call("GET", url, "Authorization", pair(s.username, password))
			if a.Status != 401 || !strings.Contains(a.Body, `"detail":"`+want+`"`) || len(a.Header.Values("WWW-Authenticate")) != 1 {
				t.Errorf("%.20q: status %d, challenges %q: %s", password, a.Status, a.Header.Values("WWW-Authenticate"), a.Body)
			}
		}
	}
	if a := s.Call("GET", s.ConsoleURL+"/verify/acme/orders", "Authorization", pair("app_other", s.password)); strings.Contains(a.Body, "disabled") {
		t.Errorf("another username: %s", a.Body)
	}
}

// TestRevocationIsSeenByTheNextRequest: nothing is remembered.
func TestRevocationIsSeenByTheNextRequest(t *testing.T) {
	s := newShop(t)
	call := func() int {
		return s.Call("GET", s.ConsoleURL+"/verify/acme/orders", "Authorization", "Bearer "+s.token).Status
	}
	for i := range 20 {
		if got := call(); got != 200 {
			t.Fatalf("round %d: status %d before the pause", i, got)
		}
		if _, err := s.Registry.Each(t.Context(), s.Operator(), "acme", "orders", access.PauseThem, []string{s.tokenID}); err != nil {
			t.Fatal(err)
		}
		if got := call(); got != 401 {
			t.Fatalf("round %d: status %d while paused", i, got)
		}
		if _, err := s.Registry.Each(t.Context(), s.Operator(), "acme", "orders", access.ResumeThem, []string{s.tokenID}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Registry.Each(t.Context(), s.Operator(), "acme", "orders", access.RevokeThem, []string{s.tokenID}); err != nil {
		t.Fatal(err)
	}
	if got := call(); got != 401 {
		t.Errorf("status %d after the revocation", got)
	}
}

// TestTokenExpiresByTheClock walks over the very moment.
func TestTokenExpiresByTheClock(t *testing.T) {
	s := newShop(t)
	issued, err := s.Registry.IssueToken(t.Context(), s.Operator(), "acme", "orders", access.Draft{Label: "day", Expires: "1d"})
	if err != nil {
		t.Fatal(err)
	}
	authorization := "Bearer " + issued.Secret.Expose()
	for _, step := range []struct {
		by   time.Duration
		want int
	}{{24*time.Hour - time.Microsecond, 200}, {time.Microsecond, 401}, {365 * 24 * time.Hour, 401}} {
		s.Clock.Advance(step.by)
		a := s.Call("GET", s.ConsoleURL+"/verify/acme/orders", "Authorization", authorization)
		if a.Status != step.want {
			t.Errorf("after %s more: status %d, want %d", step.by, a.Status, step.want)
		}
		if want := fmt.Sprintf("expired on %s", issued.Credential.ExpiresAt.Format("2 January 2006")); step.want == 401 && !strings.Contains(a.Body, want) {
			t.Errorf("no %q in %s", want, a.Body)
		}
	}
}

// TestUseIsNotedWithWhereFrom: behind a proxy that is not trusted the caller is
// unknown, whatever it is said to be, and a list of addresses refuses it (S4).
func TestUseIsNotedWithWhereFrom(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []testkit.SiteOption
		want    string
		status  int // for a token that is limited to 203.0.113.0/24
	}{
		{"no trusted proxy", nil, "through 127.0.0.1", 403},
		{"another trusted proxy", []testkit.SiteOption{testkit.TrustedProxies("10.0.0.0/8")}, "through 127.0.0.1", 403},
		{"trusted", []testkit.SiteOption{testkit.TrustedProxies("127.0.0.0/8")}, "203.0.113.9", 200},
	} {
		s := newShop(t, c.options...)
		issued, err := s.Registry.IssueToken(t.Context(), s.Operator(), "acme", "orders", access.Draft{Label: "office", Allow: []string{"203.0.113.0/24"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, url := range []string{s.ConsoleURL + "/verify/acme/orders/backend", s.GatewayURL + "/acme/orders/backend/"} {
			a := s.Call("GET", url, "Authorization", "Bearer "+issued.Secret.Expose(), "X-Forwarded-For", "203.0.113.9", "X-Original-Method", "GET")
			if a.Status != c.status {
				t.Errorf("%s: %s: status %d, want %d", c.name, url, a.Status, c.status)
			}
		}
		s.Call("GET", s.ConsoleURL+"/verify/acme/orders/backend", "Authorization", "Bearer "+s.token, "X-Forwarded-For", "203.0.113.9")
		s.FlushUses()
		var use access.LastUse
		if err := s.Store.View(t.Context(), func(tx access.ReadTx) error {
			uses, err := tx.LastUses([]string{s.tokenID})
			use = uses[s.tokenID]
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if use.Address != c.want {
			t.Errorf("%s: used from %q, want %q", c.name, use.Address, c.want)
		}
	}
}
