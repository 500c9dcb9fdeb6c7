package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// The descriptions B, C and D of the product, by their own words.

// TestDescriptionB_TokenRequests: JSON or form, client or user, at the application's
// endpoint and at the organization's.
func TestDescriptionB_TokenRequests(t *testing.T) {
	s := newTill(t)
	s.User("boss@acme.example", "acme", access.Admin)
	s.both(func(t *testing.T, base string) {
		for _, c := range []struct {
			path   string
			fields []string
			user   string
		}{
			{"/acme/orders/token", []string{"grant_type", "client_credentials", "client_id", s.appClient, "client_secret", s.appKey}, ""},
			{"/acme/orders/token", []string{"grant_type", "client_credentials", "client_id", s.orgClient, "client_secret", s.orgKey}, ""},
			{"/acme/orders/token", []string{"grant_type", "password", "username", member, "password", testkit.Password}, member},
			{"/acme/orders/token", []string{"grant_type", "password", "username", member, "password", testkit.Password, "client_id", s.appClient, "client_secret", s.appKey}, member},
			{"/management/token", []string{"grant_type", "client_credentials", "client_id", s.orgClient, "client_secret", s.orgKey}, ""},
			{"/management/token", []string{"grant_type", "password", "username", "boss@acme.example", "password", testkit.Password}, "boss@acme.example"},
		} {
			fields := make([]any, len(c.fields))
			for i, f := range c.fields {
				fields[i] = f
			}
			for _, r := range []reply{form(t, base+c.path, c.fields...), jsonBody(t, base+c.path, fields...), jsonBody(t, base+c.path, append(fields, "ttl", nil, "more", map[string]any{"a": 1})...)} {
				if r.Status != 200 || r.number("expires_in") != 604800 || s.call("POST", "orders", r.token()) != 200 {
					t.Errorf("%s %q: status %d: %s", c.path, c.fields, r.Status, r.Body)
				}
				user, _ := r.JSON["user"].(map[string]any)
				if email, _ := user["email"].(string); email != c.user {
					t.Errorf("%s %q: the user is %v, want %q", c.path, c.fields, r.JSON["user"], c.user)
				}
			}
		}
		if r := form(t, base+"/acme/orders/token", "grant_type", "client_credentials", "client_id", s.orgClient, "client_secret", s.orgKey); s.call("GET", "stock", r.token()) != 401 {
			t.Error("a token that was asked for orders opens stock")
		}
	})
}

// TestDescriptionB_FailureIsInvalidGrant: 400 {"error":"invalid_grant",…} for whoever
// asks wrongly, and nothing of what was sent in the answer.
func TestDescriptionB_FailureIsInvalidGrant(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		for _, c := range []struct {
			path   string
			fields []any
		}{
			{"/acme/orders/token", []any{"grant_type", "password", "username", member, "password", "wrong"}},
			{"/acme/orders/token", []any{"grant_type", "password", "username", "nobody@acme.example", "password", "wrong"}},
			{"/acme/orders/token", []any{"grant_type", "client_credentials", "client_id", s.appClient, "client_secret", s.orgKey}},
			{"/acme/orders/token", []any{"grant_type", "client_credentials", "client_id", s.stockClient, "client_secret", s.stockK}},
			{"/acme/orders/token", []any{"grant_type", "client_credentials"}},
			{"/acme/nowhere/token", []any{"grant_type", "client_credentials", "client_id", s.orgClient, "client_secret", s.orgKey}},
			{"/nobody/orders/token", []any{"grant_type", "client_credentials", "client_id", s.orgClient, "client_secret", s.orgKey}},
			{"/acme/stock/token", []any{"grant_type", "password", "username", member, "password", testkit.Password, "client_id", s.appClient, "client_secret", s.appKey}},
			{"/management/token", []any{"grant_type", "client_credentials", "client_id", s.orgClient, "client_secret", s.appKey}},
			{"/management/token", []any{"grant_type", "password", "username", member, "password", testkit.Password}}, // neither owner nor admin
		} {
			r := jsonBody(t, base+c.path, c.fields...)
			refused(t, r, 400, "invalid_grant")
			for i := 1; i < len(c.fields); i += 2 {
				if text := c.fields[i].(string); len(text) > 12 && text != "client_credentials" && strings.Contains(r.Body, text) {
					t.Errorf("%s echoes %q: %s", c.path, text, r.Body)
				}
			}
		}
		refused(t, jsonBody(t, base+"/management/token", "grant_type", "client_credentials", "client_id", s.appClient, "client_secret", s.appKey), 400, "unauthorized_client")
		refused(t, jsonBody(t, base+"/acme/stock/token", "grant_type", "password", "username", member, "password", testkit.Password), 400, "unauthorized_client")
		for _, body := range []string{"[]", "{", `"x"`, `{"grant_type":["password"]}`, `{"grant_type":"password","username":{"a":1}}`, "{}", "null"} {
			refused(t, send(t, "POST", base+"/acme/orders/token", jsonType, body), 400, "invalid_request")
		}
	})
}

// TestDescriptionB_TTL: in seconds; the application's default, what is asked for,
// never above the maximum; a change concerns new tokens only.
func TestDescriptionB_TTL(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		ask := func(ttl any) reply {
			return jsonBody(t, base+"/acme/orders/token", "grant_type", "client_credentials", "client_id", s.appClient, "client_secret", s.appKey, "ttl", ttl)
		}
		set := func(usual, most int64) {
			if err := s.Registry.Switch(t.Context(), s.Operator(), "acme", "orders", access.SwitchDraft{DefaultTTL: &usual, MaxTTL: &most}); err != nil {
				t.Fatal(err)
			}
		}
		set(7*86400, 30*86400)
		old := ask(nil)
		set(600, 3600)
		if r := ask(nil); r.number("expires_in") != 600 {
			t.Errorf("by default %s", r.Body)
		}
		for _, ttl := range []any{60, "60", 3600, 1} {
			if r := ask(ttl); r.Status != 200 || r.number("expires_in") > 3600 || r.number("expires_in") < 1 {
				t.Errorf("ttl %v: status %d: %s", ttl, r.Status, r.Body)
			}
		}
		for _, ttl := range []any{0, -1, 3601, 604800000, "0", "1h", 1.5, 1e30, "9223372036854775808", true, []int{60}} {
			r := ask(ttl)
			refused(t, r, 400, "invalid_request")
			if !strings.Contains(r.text("error_description"), "ttl") {
				t.Errorf("ttl %v: %s", ttl, r.Body)
			}
		}
		short := ask(60)
		s.Clock.Advance(60*time.Second - time.Microsecond)
		if got := s.call("GET", "orders", short.token()); got != 200 {
			t.Errorf("a moment before its end: status %d", got)
		}
		s.Clock.Advance(time.Hour)
		if got := s.call("GET", "orders", short.token()); got != 401 {
			t.Errorf("after its end: status %d", got)
		}
		if got := s.call("GET", "orders", old.token()); got != 200 || old.number("expires_in") != 604800 {
			t.Errorf("a token of before the change: status %d, %d s", got, old.number("expires_in"))
		}
	})
}

// TestDescriptionB_TokenRequestInTheQuery counts only where query credentials are
// on, and only of that application.
func TestDescriptionB_TokenRequestInTheQuery(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		query := "?" + encode("grant_type", "client_credentials", "client_id", s.appClient, "client_secret", s.appKey)
		s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = false })
		refused(t, send(t, "POST", base+"/acme/orders/token"+query, "", ""), 400, "invalid_request")
		s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
		if r := send(t, "POST", base+"/acme/orders/token"+query, "", ""); r.Status != 200 || s.call("GET", "orders", r.token()) != 200 {
			t.Errorf("switched on: status %d: %s", r.Status, r.Body)
		}
		refused(t, form(t, base+"/acme/orders/token"+query, "client_id", s.appClient), 400, "invalid_request")
		refused(t, send(t, "POST", base+"/acme/stock/token?"+encode("grant_type", "client_credentials", "client_id", s.orgClient, "client_secret", s.orgKey), "", ""), 400, "invalid_request")
		refused(t, send(t, "GET", base+"/acme/orders/token"+query, "", ""), 405, "invalid_request")
	})
	s.nothingLogged()
}

// nothingLogged asks that no secret of the till is in the site's log.
func (s till) nothingLogged() {
	s.t.Helper()
	log := s.Log.String()
	if !strings.Contains(log, `"listener":"gateway"`) {
		s.t.Error("nothing was logged at all")
	}
	for name, text := range map[string]string{
		"a client's secret": s.appKey, "an organization's": s.orgKey, "a token": s.token, "a Basic password": s.password, "a password": testkit.Password,
		"a password in a query": url.QueryEscape(testkit.Password), "an access token": "clava_", "a personal token": "clavp_",
	} {
		if strings.Contains(log, text) {
			s.t.Errorf("%s is in the log", name)
		}
	}
}

// TestDescriptionB_QueryCredentials at the gateway and through forward-auth, from
// every original URI; refused in words where they are off, stripped, not logged.
func TestDescriptionB_QueryCredentials(t *testing.T) {
	s := newTill(t)
	access1 := s.clientToken().token()
	queries := map[string]string{
		"token": encode("access_token", s.token), "access-token": encode("access_token", access1),
		"client":     encode("client_id", s.appClient, "client_secret", s.appKey),
		"org client": encode("client_id", s.orgClient, "client_secret", s.orgKey),
		"personal":   encode("access_token", s.personal(member, "q").Secret.Expose()),
	}
	for name, query := range queries {
		check := func(want int) {
			t.Helper()
			verify := s.ConsoleURL + "/verify/acme/orders/backend"
			uri := "/things?a=1&" + query + "&b=2"
			for way, a := range map[string]testkit.Answer{
				"gateway": s.Call("GET", s.GatewayURL+"/acme/orders/backend"+uri),
				"nginx":   s.Call("GET", verify, "X-Original-Method", "GET", "X-Original-URI", uri),
				"Traefik": s.Call("GET", verify, "X-Forwarded-Method", "GET", "X-Forwarded-Uri", uri),
				"Envoy":   s.Call("GET", verify+uri),
			} {
				if a.Status != want {
					t.Errorf("%s, %s: status %d, want %d: %s", name, way, a.Status, want, a.Body)
				}
				if want == 401 && !strings.Contains(a.Body, "query string are switched off") {
					t.Errorf("%s, %s: it does not say so: %s", name, way, a.Body)
				}
				if way == "gateway" && want == 200 {
					if got := echoOf(t, a.Body).Query; got != "a=1&b=2" {
						t.Errorf("%s: the upstream sees the query %q", name, got)
					}
				}
			}
		}
		s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = false })
		check(401)
		s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
		check(200)
	}
	s.nothingLogged()
}

// TestDescriptionB_JSONBodyWithGet is what its clients send; it goes through as any
// other.
func TestDescriptionB_JSONBodyWithGet(t *testing.T) {
	s := newTill(t)
	const body = `{"ql":"select *"}`
	r := send(t, "GET", s.GatewayURL+"/acme/orders/backend/things", jsonType, body, "Authorization", "Bearer "+s.token)
	if r.Status != 200 || r.text("method") != "GET" || r.text("body") != body {
		t.Errorf("gateway: status %d: %s", r.Status, r.Body)
	}
	if r := send(t, "GET", s.ConsoleURL+"/verify/acme/orders/backend", jsonType, body, "Authorization", "Bearer "+s.token, "X-Original-Method", "GET"); r.Status != 200 {
		t.Errorf("verify: status %d", r.Status)
	}
}

// TestDescriptionB_OpenSandbox: a new organization's sandbox asks for nothing, every
// other application does.
func TestDescriptionB_OpenSandbox(t *testing.T) {
	s := newTill(t)
	if a := s.Call("POST", s.GatewayURL+"/acme/sandbox/echo/"); a.Status != http.StatusOK {
		t.Errorf("sandbox: status %d: %s", a.Status, a.Body)
	}
	if a := s.Call("GET", s.ConsoleURL+"/verify/acme/sandbox"); a.Status != 200 || a.Header.Get("X-Auth-Kind") != "anonymous" {
		t.Errorf("sandbox: status %d, %v", a.Status, a.Header)
	}
	if a := s.Call("GET", s.ConsoleURL+"/verify/acme/orders"); a.Status != 401 {
		t.Errorf("orders: status %d", a.Status)
	}
}

// TestDescriptionC_Authorization: username and password, form or JSON, no grant_type
// needed, a client optional; the token is exactly its user's.
func TestDescriptionC_Authorization(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		url, body := base+"/authorization", encode("username", member, "password", testkit.Password)
		for name, r := range map[string]reply{
			"form":                 form(t, url, "username", member, "password", testkit.Password),
			"JSON":                 jsonBody(t, url, "username", member, "password", testkit.Password),
			"with a grant_type":    form(t, url, "username", member, "password", testkit.Password, "grant_type", "password"),
			"with a client":        form(t, url, "username", member, "password", testkit.Password, "client_id", s.appClient, "client_secret", s.appKey),
			"with a client, Basic": send(t, "POST", url, formBody, body, "Authorization", pair(s.orgClient, s.orgKey)),
			"with Basic of naught": send(t, "POST", url, formBody, body, "Authorization", pair("", "")),
		} {
			if r.Status != 200 || r.text("token_type") != "Bearer" || r.number("expires_in") != 604800 || s.call("POST", "orders", r.token()) != 200 {
				t.Errorf("%s: status %d: %s", name, r.Status, r.Body)
			}
		}
		refused(t, form(t, url, "username", member, "password", "wrong"), 400, "invalid_grant")
		refused(t, form(t, url, "username", member), 400, "invalid_request")
		refused(t, form(t, url, "username", member, "password", testkit.Password, "client_id", s.appClient, "client_secret", "x"), 401, "invalid_client")
		if r := send(t, "POST", url, formBody, body, "Authorization", pair(s.appClient, "x")); r.Header.Get("WWW-Authenticate") == "" {
			t.Error("no challenge to a client that came by Basic")
		}
	})
	s.nothingLogged()
}

// TestDescriptionC_QueryString of the POST counts only where query credentials are on.
func TestDescriptionC_QueryString(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		url := base + "/authorization?" + encode("username", member, "password", testkit.Password)
		s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = false })
		refused(t, send(t, "POST", url, "", ""), 400, "invalid_request")
		s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
		if r := send(t, "POST", url, "", ""); r.Status != 200 || s.call("GET", "orders", r.token()) != 200 {
			t.Errorf("switched on: status %d: %s", r.Status, r.Body)
		}
		refused(t, form(t, url, "username", member), 400, "invalid_request")
		refused(t, send(t, "GET", url, "", ""), 405, "invalid_request")
	})
	s.nothingLogged()
}

// TestDescriptionC_FollowsItsUser: lowered, removed, disabled: the next request feels
// it; and back again.
func TestDescriptionC_FollowsItsUser(t *testing.T) {
	s := newTill(t)
	s.Organization("rival")
	s.Application("rival", "theirs")
	token := form(t, s.ConsoleURL+"/authorization", "username", member, "password", testkit.Password).token()
	expect := func(what string, read, write int) {
		t.Helper()
		if r, w := s.call("GET", "orders", token), s.call("POST", "orders", token); r != read || w != write {
			t.Errorf("%s: read %d, write %d, want %d, %d", what, r, w, read, write)
		}
	}
	expect("a member", 200, 200)
	if got := s.call("GET", "stock", token); got != 401 {
		t.Errorf("an application without the password grant: status %d", got)
	}
	if a := s.Call("GET", s.GatewayURL+"/rival/theirs/backend/", "Authorization", "Bearer "+token); a.Status != 401 {
		t.Errorf("another organization: status %d", a.Status)
	}
	s.setRole(member, access.Viewer)
	expect("a viewer", 200, 403)
	s.setRole(member, access.Admin)
	expect("an admin", 200, 200)
	s.setSwitches(t, func(w *access.Switches) { w.PasswordGrant = false })
	expect("the grant is off", 401, 401)
	s.setSwitches(t, func(w *access.Switches) { w.PasswordGrant = true })
	expect("the grant is on again", 200, 200)
	if _, err := s.Accounts.RemoveMember(t.Context(), s.Operator(), "acme", member); err != nil {
		t.Fatal(err)
	}
	expect("removed", 401, 401)
	refused(t, form(t, s.ConsoleURL+"/authorization", "username", member, "password", testkit.Password), 400, "invalid_grant")
}

// TestDescriptionD_PersonalToken: in place of a password with one's email, whose plus
// is a plus, or as Bearer; with no other name.
func TestDescriptionD_PersonalToken(t *testing.T) {
	s := newTill(t)
	text := s.personal(member, "laptop").Secret.Expose()
	for header, want := range map[string]int{
		pair(member, text): 200, pair(strings.ToLower(member), text): 200, pair(strings.ToUpper(member), text): 200, "Bearer " + text: 200, "bearer " + text: 200,
		pair(strings.Replace(member, "+", " ", 1), text): 401, pair(strings.Replace(member, "+", "%2B", 1), text): 401, pair("mia@acme.example", text): 401,
		pair("", text): 401, pair(member, testkit.Password): 401, pair(member, text+"x"): 401, pair(text, ""): 401,
	} {
		for _, app := range []string{"orders", "stock"} {
			gateway, verify := s.GatewayURL+"/acme/"+app+"/backend/", s.ConsoleURL+"/verify/acme/"+app
			for _, url := range []string{gateway, verify} {
				if a := s.Call("GET", url, "Authorization", header); a.Status != want {
					t.Errorf("%s with %s: status %d, want %d: %s", url, header, a.Status, want, a.Body)
				}
			}
		}
	}
	a := s.Call("GET", s.ConsoleURL+"/verify/acme/orders", "Authorization", pair(strings.ToUpper(member), text))
	if a.Header.Get("X-Auth-Kind") != "personal" || a.Header.Get("X-Auth-Subject") != member || a.Header.Get("X-Auth-Label") != "laptop" {
		t.Errorf("identity %v", a.Header)
	}
	s.nothingLogged()
}
