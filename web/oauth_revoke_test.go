package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"

	"github.com/google/go-cmp/cmp"
)

// revoke asks for a revocation as the application's client, by Basic.
func (s till) revoke(t *testing.T, base, token string, more ...string) reply {
	t.Helper()
	return send(t, "POST", base+"/oauth/revoke", formBody, encode(append(more, "token", token)...), "Authorization", pair(s.appClient, s.appKey))
}

// done compares an answer with the one that every revocation has.
func done(t *testing.T, what string, r reply) {
	t.Helper()
	if r.Status != 200 || r.Body != "{}" || r.Header.Get("Content-Type") != jsonType || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: status %d, %q, %v", what, r.Status, r.Body, r.Header)
	}
}

// TestRFC7009_2_Revoked: the token opens nothing from the answer on, and others do.
func TestRFC7009_2_Revoked(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		token, other := s.clientToken().token(), s.clientToken().token()
		done(t, "live", s.revoke(t, base, token, "token_type_hint", "access_token"))
		if a := s.Call("GET", s.GatewayURL+"/acme/orders/backend/", "Authorization", "Bearer "+token); a.Status != 401 || !strings.Contains(a.Body, "was revoked on") {
			t.Errorf("revoked: status %d: %s", a.Status, a.Body)
		}
		if got := s.call("GET", "orders", other); got != 200 {
			t.Errorf("another one: status %d", got)
		}
		done(t, "again (section 2.2)", s.revoke(t, base, token))
	})
}

// TestRFC7009_2_2_UnknownTokenIs200, whatever the hint, and with a body that is
// JSON: one popular client throws on an empty one.
func TestRFC7009_2_2_UnknownTokenIs200(t *testing.T) {
	s := newTill(t)
	expired := s.clientToken("ttl", "1").token()
	s.Clock.Advance(time.Second)
	s.both(func(t *testing.T, base string) {
		for what, token := range map[string]string{"unknown": secret.Generate(secret.Access).Expose(), "no token of ours": "x", "a client's secret": s.appKey, "an API token": s.token, "expired": expired} {
			done(t, what, s.revoke(t, base, token))
			done(t, what+", hint", s.revoke(t, base, token, "token_type_hint", "refresh_token"))
			done(t, what+", unknown hint", s.revoke(t, base, token, "token_type_hint", "none of these"))
		}
		if got := s.call("GET", "orders", s.token); got != 200 {
			t.Errorf("an API token was revoked: status %d", got)
		}
	})
}

// TestRFC7009_2_1_OnlyItsOwn: "If this validation fails, the request is refused" and
// the token lives on.
func TestRFC7009_2_1_OnlyItsOwn(t *testing.T) {
	s := newTill(t)
	s.Organization("rival")
	s.Application("rival", "theirs")
	rival, err := s.Registry.IssueClient(t.Context(), s.Operator(), "rival", "theirs", access.Draft{Label: "theirs"})
	if err != nil {
		t.Fatal(err)
	}
	token, users := s.clientToken().token(), s.userToken("client_id", s.appClient, "client_secret", s.appKey).token()
	s.both(func(t *testing.T, base string) {
		for _, c := range [][2]string{{s.stockClient, s.stockK}, {s.orgClient, s.orgKey}, {rival.Credential.ID, rival.Secret.Expose()}} {
			refused(t, form(t, base+"/oauth/revoke", "token", token, "client_id", c[0], "client_secret", c[1]), 400, "invalid_grant")
		}
		refused(t, form(t, base+"/oauth/revoke", "token", users, "client_id", rival.Credential.ID, "client_secret", rival.Secret.Expose()), 400, "invalid_grant")
		refused(t, form(t, base+"/oauth/revoke", "token", token), 401, "invalid_client")
		if s.call("GET", "orders", token) != 200 || s.call("GET", "orders", users) != 200 {
			t.Error("a refused revocation revoked")
		}
	})
}

// TestRFC7009_2_1_ClientAuthentication: one that is sent must be right, whatever the
// token; none is needed to give back one's own user's token.
func TestRFC7009_2_1_ClientAuthentication(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		token := s.clientToken().token()
		for _, subject := range []string{token, "x"} {
			r := send(t, "POST", base+"/oauth/revoke", formBody, encode("token", subject), "Authorization", pair(s.appClient, s.orgKey))
			refused(t, r, 401, "invalid_client")
			if r.Header.Get("WWW-Authenticate") == "" {
				t.Error("no challenge")
			}
			refused(t, form(t, base+"/oauth/revoke", "token", subject, "client_id", s.appClient, "client_secret", "x"), 401, "invalid_client")
			refused(t, send(t, "POST", base+"/oauth/revoke", formBody, encode("token", subject, "client_id", s.appClient, "client_secret", s.appKey), "Authorization", pair(s.appClient, s.appKey)), 400, "invalid_request")
		}
		refused(t, s.revoke(t, base, ""), 400, "invalid_request")
		refused(t, s.revoke(t, base, token, "token", token), 400, "invalid_request")
		if got := s.call("GET", "orders", token); got != 200 {
			t.Errorf("status %d after nothing but refusals", got)
		}
		users := s.userToken().token()
		done(t, "a user's, by its holder", form(t, base+"/oauth/revoke", "token", users))
		if got := s.call("GET", "orders", users); got != 401 {
			t.Errorf("given back: status %d", got)
		}
	})
}

// introspect asks what a token is.
func (s till) introspect(t *testing.T, base, token, id, key string) reply {
	t.Helper()
	return send(t, "POST", base+"/oauth/introspect", formBody, encode("token", token), "Authorization", pair(escaped(id), escaped(key)))
}

// TestRFC7662_2_1_CallerAuthenticates: "the authorization server MUST also require
// some form of authorization to access this endpoint".
func TestRFC7662_2_1_CallerAuthenticates(t *testing.T) {
	s := newTill(t)
	token := s.clientToken().token()
	s.both(func(t *testing.T, base string) {
		refused(t, form(t, base+"/oauth/introspect", "token", token), 401, "invalid_client")
		for _, header := range []string{pair(s.appClient, "x"), pair("", ""), pair(s.username, s.password), "Bearer " + token} {
			refused(t, send(t, "POST", base+"/oauth/introspect", formBody, encode("token", token), "Authorization", header), 401, "invalid_client")
		}
		if r := form(t, base+"/oauth/introspect", "token", token, "client_id", s.appClient, "client_secret", s.appKey, "token_type_hint", "refresh_token"); r.JSON["active"] != true {
			t.Errorf("authenticated in the body: %s", r.Body)
		}
		refused(t, form(t, base+"/oauth/introspect", "client_id", s.appClient, "client_secret", s.appKey), 400, "invalid_request")
	})
}

// TestRFC7662_2_2_Active: what the fields hold, for each kind of token.
func TestRFC7662_2_2_Active(t *testing.T) {
	s := newTill(t)
	client, user, personal := s.clientToken("scope", "*:read", "ttl", "60"), s.userToken(), s.personal(member, "laptop")
	idOf := func(token string) string {
		var id string
		if err := s.Store.View(t.Context(), func(tx access.ReadTx) error {
			found, err := tx.AccessTokenByDigests(s.Keys.Digests(secret.New(token)))
			id = found.ID
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return id
	}
	now := float64(s.Clock.Now().Unix())
	s.both(func(t *testing.T, base string) {
		for name, c := range map[string]struct {
			token string
			want  map[string]any
		}{
			"a client's":   {client.token(), map[string]any{"scope": "*:read", "client_id": s.appClient, "sub": s.appClient, "exp": now + 60, "jti": idOf(client.token()), "kind": "access-token"}},
			"a user's":     {user.token(), map[string]any{"scope": "*:read *:write", "sub": member, "username": member, "exp": now + 604800, "jti": idOf(user.token()), "kind": "access-token"}},
			"an API token": {s.token, map[string]any{"scope": "*:read *:write", "sub": s.tokenID, "exp": now + 90*86400, "jti": s.tokenID, "kind": "token"}},
			"a personal token": {personal.Secret.Expose(), map[string]any{
				"scope": "*:read *:write", "sub": member, "username": member, "exp": now + 365*86400, "jti": personal.Credential.ID, "kind": "personal",
			}},
		} {
			r := s.introspect(t, base, c.token, s.appClient, s.appKey)
			c.want["active"], c.want["token_type"], c.want["iat"], c.want["iss"] = true, "Bearer", now, s.ConsoleURL
			if diff := cmp.Diff(c.want, r.JSON); diff != "" || r.Status != 200 || r.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: status %d (-want +got):\n%s", name, r.Status, diff)
			}
		}
	})
}

// TestRFC7662_2_2_NotActive: exactly {"active":false} for all else, so that nothing
// is told of it (section 4).
func TestRFC7662_2_2_NotActive(t *testing.T) {
	s := newTill(t)
	stock := form(t, s.ConsoleURL+"/oauth/token", "grant_type", "client_credentials", "client_id", s.stockClient, "client_secret", s.stockK).token()
	revoked, expired, personal := s.clientToken().token(), s.clientToken("ttl", "1").token(), s.personal(member, "x").Secret.Expose()
	done(t, "revoke", s.revoke(t, s.ConsoleURL, revoked))
	s.Clock.Advance(time.Second)
	user := s.userToken().token()
	tokens := map[string]string{
		"unknown": secret.Generate(secret.Access).Expose(), "no token of ours": "x", "revoked": revoked, "expired": expired, "of another application": stock,
		"a client's secret": s.appKey, "a Basic password": s.password,
	}
	s.both(func(t *testing.T, base string) {
		for name, token := range tokens {
			if r := s.introspect(t, base, token, s.appClient, s.appKey); r.Status != 200 || r.Body != `{"active":false}` || r.Header.Get("Content-Type") != jsonType {
				t.Errorf("%s: status %d: %s", name, r.Status, r.Body)
			}
		}
		if r := s.introspect(t, base, stock, s.orgClient, s.orgKey); r.JSON["active"] != true {
			t.Errorf("to the organization's client: %s", r.Body)
		}
	})
	off := false
	if err := s.Registry.Switch(t.Context(), s.Operator(), "acme", "orders", access.SwitchDraft{PasswordGrant: &off}); err != nil {
		t.Fatal(err)
	}
	if r := s.introspect(t, s.ConsoleURL, user, s.appClient, s.appKey); r.Body != `{"active":false}` {
		t.Errorf("the password grant is off: %s", r.Body)
	}
	if r := s.introspect(t, s.ConsoleURL, personal, s.appClient, s.appKey); r.JSON["active"] != true {
		t.Errorf("a personal token: %s", r.Body)
	}
	if _, err := s.Accounts.DisableUser(t.Context(), s.Operator(), member); err != nil {
		t.Fatal(err)
	}
	if r := s.introspect(t, s.ConsoleURL, personal, s.appClient, s.appKey); r.Body != `{"active":false}` {
		t.Errorf("a disabled user's personal token: %s", r.Body)
	}
}

// TestRFC8414_2_Metadata on both listeners: one issuer, whoever is asked, and the
// password grant only where it is on somewhere.
func TestRFC8414_2_Metadata(t *testing.T) {
	s := newTill(t)
	want := map[string]any{
		"issuer": s.ConsoleURL, "token_endpoint": s.ConsoleURL + "/oauth/token", "introspection_endpoint": s.ConsoleURL + "/oauth/introspect",
		"revocation_endpoint": s.ConsoleURL + "/oauth/revoke", "response_types_supported": []any{}, "grant_types_supported": []any{"client_credentials", "password"},
		"token_endpoint_auth_methods_supported":         []any{"client_secret_basic", "client_secret_post"},
		"introspection_endpoint_auth_methods_supported": []any{"client_secret_basic", "client_secret_post"},
		"revocation_endpoint_auth_methods_supported":    []any{"client_secret_basic", "client_secret_post", "none"},
	}
	check := func(t *testing.T, base string) {
		t.Helper()
		const path = "/.well-known/oauth-authorization-server"
		r := send(t, "GET", base+path, "", "")
		if diff := cmp.Diff(want, r.JSON); diff != "" || r.Status != 200 || r.Header.Get("Content-Type") != jsonType {
			t.Errorf("status %d, %v (-want +got):\n%s", r.Status, r.Header, diff)
		}
		if r := send(t, "HEAD", base+path, "", ""); r.Status != 200 || r.Body != "" {
			t.Errorf("HEAD: status %d", r.Status)
		}
		if r := send(t, "POST", base+path, "", ""); r.Status != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST: status %d", r.Status)
		}
	}
	s.both(check)
	s.setSwitches(t, func(w *access.Switches) { w.PasswordGrant = false })
	want["grant_types_supported"] = []any{"client_credentials"}
	s.both(check)
}
