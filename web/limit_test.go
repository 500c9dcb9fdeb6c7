package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// limited is a token of acme/orders with a limit.
func limited(t *testing.T, c *console, rate, burst string) access.Issued {
	t.Helper()
	issued, err := c.Registry.IssueToken(t.Context(), c.Operator(), "acme", "orders", access.Draft{Label: "limited", Limit: access.LimitDraft{Rate: rate, Burst: burst}})
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// told is what an answer tells of a limit.
func told(a testkit.Answer) string {
	return strings.Join([]string{strings.Join(a.Header.Values("RateLimit-Policy"), "+"), strings.Join(a.Header.Values("RateLimit"), "+"), a.Header.Get("Retry-After"), a.Header.Get("X-Auth-Reason")}, " | ")
}

// TestLimitOnTheWire: 2 a second. The third is 429 at the gateway and 403 on /verify,
// with all that a caller or a proxy needs; a second later all is well.
func TestLimitOnTheWire(t *testing.T) {
	c := newConsole(t)
	for _, door := range []struct {
		url    string
		status int
		reason string
	}{
		{c.GatewayURL + "/acme/orders/backend/items", http.StatusTooManyRequests, ""},
		{c.ConsoleURL + "/verify/acme/orders/backend", http.StatusForbidden, "rate-limited"},
	} {
		token := limited(t, c, "2", "2").Secret.Expose()
		call := func(status int, want string) testkit.Answer {
			t.Helper()
			a := c.Call("GET", door.url, "Authorization", "Bearer "+token, "X-Forwarded-Method", "GET")
			if a.Status != status || told(a) != want {
				t.Errorf("%s: %d, %s; want %d, %s", door.url, a.Status, told(a), status, want)
			}
			return a
		}
		call(200, `"credential";q=2;w=1 | "credential";r=1;t=1 |  | `)
		call(200, `"credential";q=2;w=1 | "credential";r=0;t=1 |  | `)
		a := call(door.status, `"credential";q=2;w=1 | "credential";r=0;t=1 | 1 | `+door.reason)
		if a.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(a.Body, `"type":"urn:claviger:problem:rate-limited"`) || !strings.Contains(a.Body, "2 a second, bursts of 2") || a.Header.Get("Www-Authenticate") != "" {
			t.Errorf("%s: %v %s", door.url, a.Header, a.Body)
		}
		c.Clock.Advance(time.Second)
		call(200, `"credential";q=2;w=1 | "credential";r=1;t=1 |  | `)
		c.Clock.Advance(time.Second)
	}
	free := c.Token("acme", "orders", "free", "").Secret.Expose()
	if a := c.Call("GET", c.GatewayURL+"/acme/orders/backend/", "Authorization", "Bearer "+free); a.Status != 200 || told(a) != " |  |  | " {
		t.Errorf("without a limit: %d, %s", a.Status, told(a))
	}
}

// TestLimitBesideAnUpstreams: an upstream's own headers pass, but where the credential
// has a limit: then ours stand there, once, whatever the upstream says before or instead.
func TestLimitBesideAnUpstreams(t *testing.T) {
	c := newConsole(t)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("RateLimit", `"theirs";r=7;t=7`)
		w.Header().Set("RateLimit-Policy", `"theirs";q=7;w=7`)
		w.Header().Set("X-Auth-Reason", "forged")
		if r.URL.Path == "/early" {
			w.Header().Set("Link", "</x>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
		}
		if r.Header.Get("Upgrade") != "" {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.WriteHeader(http.StatusSwitchingProtocols)
			connection, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = connection.Close()
		}
	}))
	t.Cleanup(upstream.Close)
	c.API("acme", "orders", "real", upstream.URL)
	gone := httptest.NewServer(http.NotFoundHandler())
	c.API("acme", "orders", "gone", gone.URL)
	gone.Close()
	own, free := limited(t, c, "1", "100").Secret.Expose(), c.Token("acme", "orders", "free", "").Secret.Expose()
	for _, r := range []struct {
		path, token string
		status      int
		want        string
	}{
		{"/real/", free, 200, `"theirs";q=7;w=7 | "theirs";r=7;t=7 |  | `},
		{"/real/", own, 200, `"credential";q=100;w=100 | "credential";r=99;t=1 |  | `},
		{"/real/early", own, 200, `"credential";q=100;w=100 | "credential";r=98;t=2 |  | `},
		{"/gone/", own, 502, `"credential";q=100;w=100 | "credential";r=97;t=3 |  | `},
		{"/nowhere/", own, 404, `"credential";q=100;w=100 | "credential";r=97;t=3 |  | `},
		{"/real/socket", own, 101, `"credential";q=100;w=100 | "credential";r=96;t=4 |  | `},
	} {
		headers := []string{"Authorization", "Bearer " + r.token, "X-Auth-Reason", "forged"}
		if r.status == http.StatusSwitchingProtocols {
			headers = append(headers, "Connection", "Upgrade", "Upgrade", "websocket")
		}
		a := c.Call("GET", c.GatewayURL+"/acme/orders"+r.path, headers...)
		if a.Status != r.status || told(a) != r.want {
			t.Errorf("%s: %d, %s; want %d, %s", r.path, a.Status, told(a), r.status, r.want)
		}
	}
}

// TestEditBounds: the form on a credential's page, what the page says then, and that it
// asks back before the last caller is shut out.
func TestEditBounds(t *testing.T) {
	c, v := elevatedConsole(t)
	token := c.Token("acme", "orders", "partner", "")
	page := managePage + "/tokens/" + token.Credential.ID
	for _, at := range []string{page, managePage} {
		form := page
		if at == managePage {
			form = managePage + "/basic"
		}
		form += "/restrict"
		if before := v.Get(at).Page(t); !before.Has(`a[href="`+form+`"]`) || !strings.Contains(before.Text(), "no limit") {
			t.Errorf("%s leads to no form, or tells of no limit", at)
		}
		if a := v.Post(form, "allow", "10.0.0.0/8\n127.0.0.1", "rate", "10", "burst", "20"); a.Status != http.StatusSeeOther || a.Location != at {
			t.Errorf("%s: %d %s", form, a.Status, a.Location)
		}
		if after := v.Get(at).Page(t).Text(); !strings.Contains(after, "at most 10 requests a second, bursts of 20 · on each node") || !strings.Contains(after, "127.0.0.1/32") {
			t.Errorf("%s does not tell of it: %s", at, after)
		}
		if kept := v.Get(form).Page(t).Form("form.form"); strings.TrimSpace(kept.Get("allow")) != "10.0.0.0/8\n127.0.0.1/32" || kept.Get("rate") != "10" || kept.Get("burst") != "20" || kept.Has("sure") {
			t.Errorf("%s begins with %v", form, kept)
		}
	}
	if a := c.Call("GET", c.GatewayURL+"/acme/orders/backend/", "Authorization", "Bearer "+token.Secret.Expose()); a.Status != 200 {
		t.Fatalf("from 127.0.0.1: %d", a.Status)
	}
	before := c.state()
	a := v.Post(page+"/restrict", "allow", "10.0.0.0/8", "rate", "10", "burst", "20")
	form := a.Page(t)
	if a.Status != http.StatusUnprocessableEntity || !form.Has("#restrict-sure") || !strings.Contains(form.One("#restrict-sure-error").Text(), "last used from 127.0.0.1") || form.Form("form.form").Has("sure") || c.state() != before {
		t.Errorf("the last caller is shut out: %d %s", a.Status, form.Text())
	}
	if a := v.Post(page+"/restrict", "allow", "10.0.0.0/8", "rate", "10", "burst", "20", "sure", "yes"); a.Status != http.StatusSeeOther {
		t.Errorf("and it is known: %d %s", a.Status, a.Body)
	}
	if text := v.Get(page).Page(t).Text(); !strings.Contains(text, "changed the bounds of the token “partner” (10.0.0.0/8 127.0.0.1/32 → 10.0.0.0/8)") {
		t.Errorf("its history: %s", text)
	}
	made := v.Post(managePage+"/tokens", "label", "made", "scope", "*:read", "expires", "90d", "rate", "3", "nonce", "n")
	if made.Status != http.StatusOK || c.Events("acme")[0].Detail["limit"] != "3 a second, bursts of 3" {
		t.Errorf("made with a limit: %d, %v", made.Status, c.Events("acme")[0].Detail)
	}
}
