package web_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
	"claviger/web"
)

// anotherServer is one beside that of a site, which browsers reach at base and which logs elsewhere.
func anotherServer(s *testkit.Site, base string, log slog.Handler) *web.Server {
	return web.New(web.Options{
		Registry: s.Registry, Accounts: s.Accounts, Verifier: s.Verifier, Authority: s.Authority, Keys: s.Keys, Clock: s.Clock,
		ConsoleURL: base, GatewayURL: base, Log: slog.New(log),
	})
}

// TestHeadersOfEveryAnswer: what the console answers runs nothing and is framed by nobody,
// whatever it is, and over https binds browsers to https. What /verify answers may
// become the answer of another host, and binds nobody.
func TestHeadersOfEveryAnswer(t *testing.T) {
	c := newConsole(t)
	for base, secure := range map[string]bool{"https://console.example": true, "http://console.example": false} {
		server := anotherServer(c.Site, base, slog.DiscardHandler)
		for _, request := range []string{
			"GET /sign-in", "GET /nowhere", "GET /orgs", "POST /sign-in", "GET /healthz", "GET /readyz", "GET /static/none.css", "TRACE /sign-in",
			"GET /.well-known/oauth-authorization-server", "POST /oauth/token", "GET /oauth/token", "POST /authorization", "GET /verify/acme/orders", "GET /healthz/x",
		} {
			method, path, _ := strings.Cut(request, " ")
			w := httptest.NewRecorder()
			server.Console().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, base+path, nil))
			h, verify := w.Header(), strings.HasPrefix(path, "/verify")
			if policy := h.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
				t.Errorf("%s%s: Content-Security-Policy %q", base, request, policy)
			}
			if h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s%s may be sniffed", base, request)
			}
			if lasting := h.Get("Strict-Transport-Security"); (lasting == "max-age=31536000") != (secure && !verify) {
				t.Errorf("%s%s: Strict-Transport-Security %q", base, request, lasting)
			}
			if kind := h.Get("Content-Type"); w.Body.Len() > 0 && !strings.Contains(kind, "json") && !strings.HasSuffix(kind, "; charset=utf-8") {
				t.Errorf("%s%s: Content-Type %q", base, request, kind)
			}
		}
	}
}

// TestTraceGoesNowhere: neither listener answers it with what was sent.
func TestTraceGoesNowhere(t *testing.T) {
	s, _ := behind(t)
	for _, path := range []string{"/acme/orders/live/a", "/acme/orders/backend/a"} {
		for _, method := range []string{"TRACE", "CONNECT"} {
			a := exchange(t, s.GatewayURL, rawRequest(method, path, "Authorization: Bearer "+s.token))
			if a.Status != http.StatusMethodNotAllowed || strings.Contains(a.Body, s.token) || !strings.Contains(a.Body, "method-not-allowed") || !strings.Contains(a.Header.Get("Allow"), "POST") {
				t.Errorf("%s %s: %d %q %s", method, path, a.Status, a.Header, a.Body)
			}
		}
	}
	if a := exchange(t, s.ConsoleURL, rawRequest("TRACE", "/sign-in")); a.Status < 400 {
		t.Errorf("TRACE /sign-in: %d", a.Status)
	}
}

// TestRefusedActsAreLogged: what a member may not do leaves a line that says who tried,
// and nothing that they sent; strangers cannot fill the log.
func TestRefusedActsAreLogged(t *testing.T) {
	c := newConsole(t)
	c.User("ann@example.com", "acme", access.Viewer)
	var log bytes.Buffer
	server := anotherServer(c.Site, c.ConsoleURL, slog.NewTextHandler(&log, nil))
	send := func(form url.Values, cookies ...*http.Cookie) *http.Response {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.ConsoleURL+"/orgs/acme/apps", strings.NewReader(form.Encode()))
		if form.Has("email") {
			r.URL.Path = "/sign-in"
		}
		r.Header.Set("Content-Type", formType)
		for _, cookie := range cookies {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		server.Console().ServeHTTP(w, r)
		return w.Result()
	}
	if send(url.Values{"slug": {"canary"}}); strings.Contains(log.String(), "refused") {
		t.Errorf("a stranger's: %s", &log)
	}
	in := send(url.Values{"email": {"ann@example.com"}, "password": {testkit.Password}})
	if a := send(url.Values{"slug": {"canary"}}, in.Cookies()...); a.StatusCode != http.StatusForbidden {
		t.Fatalf("a viewer's: %d", a.StatusCode)
	}
	line := log.String()
	for _, want := range []string{"msg=refused", "user=usr_", "session=ses_", `route="POST /orgs/{org}/apps"`, "status=403"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %q", want, line)
		}
	}
	if strings.Contains(line, "canary") || strings.Count(line, "refused") != 1 {
		t.Errorf("too much in %q", line)
	}
}

// TestEndingSessionsAsksThePassword: the page stands in for the act until the password
// was given, and then the act is done and the session has another token.
func TestEndingSessionsAsksThePassword(t *testing.T) {
	c := newConsole(t)
	c.User("ann@example.com", "acme", access.Admin)
	here, there := c.SignedIn("ann@example.com"), c.SignedIn("ann@example.com")
	id := here.Get("/profile/sessions").Page(t).One("input[name=id]").Attr("value")
	c.Clock.Advance(6 * time.Minute)
	for _, sent := range []struct {
		password []string
		status   int
	}{{nil, 422}, {[]string{"password", ""}, 422}, {[]string{"password", "wrong"}, 422}, {[]string{"password", testkit.Password}, 303}} {
		if a := here.Post("/profile/sessions/end", append([]string{"id", id}, sent.password...)...); a.Status != sent.status {
			t.Errorf("with %q: %d, want %d", sent.password, a.Status, sent.status)
		} else if a.Status == 422 && (!strings.Contains(a.Body, `name="password"`) || !strings.Contains(a.Body, id) || strings.Contains(a.Body, "aria-invalid") != (sent.password != nil)) {
			t.Errorf("with %q: %s", sent.password, a.Body)
		}
	}
	if a := there.Get("/profile"); a.Status != http.StatusSeeOther {
		t.Errorf("the ended session: %d", a.Status)
	}
	if a := here.Get("/profile"); a.Status != http.StatusOK {
		t.Errorf("this session, with its new token: %d", a.Status)
	}
	c.Clock.Advance(6 * time.Minute)
	if a := here.Get("/profile/revoke"); !strings.Contains(a.Body, `name="password"`) {
		t.Error("the page that revokes everything does not ask for the password")
	}
	if a := here.Post("/profile/revoke"); a.Status != 422 {
		t.Errorf("revoke everything without it: %d", a.Status)
	}
	if a := here.Post("/profile/revoke", "password", testkit.Password); a.Location != "/sign-in" {
		t.Errorf("revoke everything with it: %d %s", a.Status, a.Location)
	}
}
