package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// escaped form-encodes every byte of a text, as strict clients may.
func escaped(text string) string {
	var b strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&b, "%%%02X", text[i])
	}
	return b.String()
}

// TestRFC6749_2_3_1_BasicIsFormEncoded: id and secret are form-encoded before they
// are joined; what has nothing to encode may stand as it is.
func TestRFC6749_2_3_1_BasicIsFormEncoded(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		for _, header := range []string{
			pair(s.appClient, s.appKey), pair(escaped(s.appClient), escaped(s.appKey)), strings.Replace(pair(s.appClient, s.appKey), "Basic", "bASIC", 1),
			pair(strings.ReplaceAll(s.appClient, "_", "%5f"), strings.ReplaceAll(s.appKey, "_", "%5F")),
		} {
			if r := send(t, "POST", base+"/oauth/token", formBody, "grant_type=client_credentials", "Authorization", header); r.Status != 200 || s.call("GET", "orders", r.token()) != 200 {
				t.Errorf("%s: status %d: %s", header, r.Status, r.Body)
			}
		}
		for _, header := range []string{
			pair(s.appClient, s.appKey+"x"), pair(s.appClient, ""), pair("", s.appKey), pair(s.orgClient, s.appKey), pair("%zz", s.appKey), pair(s.appClient, "%"),
			"Basic !", "Basic", "Bearer " + s.appKey, pair(s.username, s.password), pair(s.appClient, s.token),
		} {
			r := send(t, "POST", base+"/oauth/token", formBody, "grant_type=client_credentials", "Authorization", header)
			refused(t, r, 401, "invalid_client")
			if r.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: no challenge (RFC 6749 section 5.2)", header)
			}
		}
	})
}

// TestRFC6749_2_3_1_InTheBody: client_id and client_secret.
func TestRFC6749_2_3_1_InTheBody(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		if r := form(t, base+"/oauth/token", "grant_type", "client_credentials", "client_id", s.orgClient, "client_secret", s.orgKey); r.Status != 200 {
			t.Errorf("status %d: %s", r.Status, r.Body)
		}
		for _, fields := range [][]string{
			{"client_id", s.appClient}, {"client_secret", s.appKey}, {"client_id", s.appClient, "client_secret", s.orgKey}, {"client_id", "cli_nobody", "client_secret", s.appKey}, {},
		} {
			refused(t, form(t, base+"/oauth/token", append(fields, "grant_type", "client_credentials")...), 401, "invalid_client")
		}
	})
}

// TestRFC6749_2_3_1_NotInTheURI: "parameters can only be transmitted in the
// request-body and MUST NOT be included in the request URI".
func TestRFC6749_2_3_1_NotInTheURI(t *testing.T) {
	s := newTill(t)
	s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
	s.both(func(t *testing.T, base string) {
		query := encode("client_id", s.appClient, "client_secret", s.appKey)
		refused(t, form(t, base+"/oauth/token?"+query, "grant_type", "client_credentials"), 401, "invalid_client")
		refused(t, form(t, base+"/oauth/token?grant_type=client_credentials&"+query), 400, "invalid_request")
	})
}

// TestRFC6749_2_3_OneMethod: "The client MUST NOT use more than one authentication
// method in each request." Naming itself again is none.
func TestRFC6749_2_3_OneMethod(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		header := pair(s.appClient, s.appKey)
		for _, body := range []string{
			encode("client_id", s.appClient, "client_secret", s.appKey), encode("client_secret", s.appKey), encode("client_id", s.orgClient), encode("client_secret", "x"),
		} {
			refused(t, send(t, "POST", base+"/oauth/token", formBody, "grant_type=client_credentials&"+body, "Authorization", header), 400, "invalid_request")
		}
		if r := send(t, "POST", base+"/oauth/token", formBody, "grant_type=client_credentials&client_id="+s.appClient, "Authorization", header); r.Status != 200 {
			t.Errorf("the same client_id beside Basic: status %d: %s", r.Status, r.Body)
		}
		refused(t, send(t, "POST", base+"/oauth/token", formBody, "grant_type=client_credentials", "Authorization", header, "Authorization", header), 401, "invalid_client")
	})
}

// TestRFC6749_3_2_PostOnly: "The client MUST use the HTTP POST method".
func TestRFC6749_3_2_PostOnly(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		for _, path := range []string{"/oauth/token", "/oauth/introspect", "/oauth/revoke", "/authorization", "/management/token", "/acme/orders/token"} {
			for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"} {
				query := encode("grant_type", "client_credentials", "client_id", s.appClient, "client_secret", s.appKey)
				r := send(t, method, base+path+"?"+query, "", "")
				if r.Status != 405 || r.Header.Get("Allow") != "POST" || r.token() != "" {
					t.Errorf("%s %s: status %d, Allow %q: %s", method, path, r.Status, r.Header.Get("Allow"), r.Body)
				}
				if method == "GET" && (!strings.Contains(r.text("error_description"), "POST") || strings.Contains(r.Body, s.appKey)) {
					t.Errorf("%s %s says %s", method, path, r.Body)
				}
			}
		}
	})
}

// TestRFC6749_3_2_Parameters: none more than once; an empty one counts as left out;
// an unknown one is ignored.
func TestRFC6749_3_2_Parameters(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		good := encode("grant_type", "client_credentials", "client_id", s.appClient, "client_secret", s.appKey)
		for _, again := range []string{"grant_type=client_credentials", "client_id=" + s.appClient, "client_secret=" + s.appKey, "scope=%2A:read&scope=%2A:read", "ttl=60&ttl=60"} {
			refused(t, send(t, "POST", base+"/oauth/token", formBody, good+"&"+again), 400, "invalid_request")
		}
		for _, more := range []string{"&audience=x&resource=y&ünknown=%C3%BC", "&scope=", "&ttl=", "&username=&password=", "&nonce=1&state=2"} {
			if r := send(t, "POST", base+"/oauth/token", formBody, good+more); r.Status != 200 || r.number("expires_in") != 604800 || r.text("scope") != "*:read *:write" {
				t.Errorf("%s: status %d: %s", more, r.Status, r.Body)
			}
		}
		refused(t, send(t, "POST", base+"/oauth/token", formBody, strings.Replace(good, "grant_type=client_credentials", "grant_type=", 1)), 400, "invalid_request")
		if r := send(t, "POST", base+"/oauth/token", formBody+";charset=UTF-8", good); r.Status != 200 {
			t.Errorf("with a charset: status %d", r.Status)
		}
	})
}

// TestRFC6749_3_2_FormOnly: the token endpoint takes forms, and no body that breaks
// off, is too large or is no form.
func TestRFC6749_3_2_FormOnly(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		good := encode("grant_type", "client_credentials", "client_id", s.appClient, "client_secret", s.appKey)
		for name, c := range map[string]struct{ kind, body string }{
			"JSON":           {jsonType, `{"grant_type":"client_credentials","client_id":"` + s.appClient + `","client_secret":"` + s.appKey + `"}`},
			"no type":        {"", good},
			"text":           {"text/plain", good},
			"broken escapes": {formBody, good + "&x=%zz"},
			"semicolons":     {formBody, strings.ReplaceAll(good, "&", ";")},
			"too large":      {formBody, good + "&x=" + strings.Repeat("x", 70<<10)},
			"nothing":        {formBody, ""},
		} {
			t.Run(name, func(t *testing.T) {
				refused(t, send(t, "POST", base+"/oauth/token", c.kind, c.body), 400, "invalid_request")
			})
		}
	})
}

// TestRFC6749_3_3_Scope: narrowed by request, never widened; the answer says what it
// is.
func TestRFC6749_3_3_Scope(t *testing.T) {
	s := newTill(t)
	reader := s.client("orders", "reader", "backend:read")
	s.both(func(t *testing.T, base string) {
		for _, c := range []struct {
			id, key, ask, scope, refusal string
			writes                       int
		}{
			{s.appClient, s.appKey, "", "*:read *:write", "", 200},
			{s.appClient, s.appKey, "*:read", "*:read", "", 403},
			{s.appClient, s.appKey, "backend:read backend:write", "backend:read backend:write", "", 200},
			{s.appClient, s.appKey, "*:admin", "", "invalid_scope", 0},
			{s.appClient, s.appKey, "openid profile", "", "invalid_scope", 0},
			{s.appClient, s.appKey, `"`, "", "invalid_scope", 0},
			{reader.Credential.ID, reader.Secret.Expose(), "", "backend:read", "", 403},
			{reader.Credential.ID, reader.Secret.Expose(), "backend:read", "backend:read", "", 403},
			{reader.Credential.ID, reader.Secret.Expose(), "*:read", "", "invalid_scope", 0},
			{reader.Credential.ID, reader.Secret.Expose(), "backend:read backend:write", "", "invalid_scope", 0},
		} {
			r := form(t, base+"/oauth/token", "grant_type", "client_credentials", "client_id", c.id, "client_secret", c.key, "scope", c.ask)
			if c.refusal != "" {
				refused(t, r, 400, c.refusal)
				continue
			}
			if r.Status != 200 || r.text("scope") != c.scope || s.call("GET", "orders", r.token()) != 200 || s.call("POST", "orders", r.token()) != c.writes {
				t.Errorf("%q: status %d, scope %q, want %q", c.ask, r.Status, r.text("scope"), c.scope)
			}
		}
	})
}

// TestRFC6749_4_3_Password: with and without a client; a wrong client is refused
// though the password is right, and the password is not spent on it.
func TestRFC6749_4_3_Password(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		right := []string{"grant_type", "password", "username", member, "password", testkit.Password}
		for _, fields := range [][]string{
			right,
			append(right[:6:6], "client_id", s.appClient, "client_secret", s.appKey),
			append(right[:6:6], "client_id", s.orgClient, "client_secret", s.orgKey),
			{"grant_type", "password", "username", strings.ToUpper(member), "password", testkit.Password}, // emails are folded
		} {
			r := form(t, base+"/oauth/token", fields...)
			if r.Status != 200 || r.text("token_type") != "Bearer" || r.JSON["refresh_token"] != nil || s.call("POST", "orders", r.token()) != 200 {
				t.Errorf("%q: status %d: %s", fields[6:], r.Status, r.Body)
			}
		}
		for _, more := range [][]string{
			{"client_id", s.appClient, "client_secret", s.orgKey}, {"client_id", s.appClient}, {"client_secret", "x"}, {"client_secret", s.appKey}, {"client_id", "x", "client_secret", "y"},
		} {
			refused(t, form(t, base+"/oauth/token", append(right[:len(right):len(right)], more...)...), 401, "invalid_client")
		}
		for _, fields := range [][]string{{"username", member}, {"password", testkit.Password}, {"username", "", "password", testkit.Password}, {"username", member, "password", ""}} {
			refused(t, form(t, base+"/oauth/token", append(fields, "grant_type", "password")...), 400, "invalid_request")
		}
	})
}

// TestRFC6749_5_1_ScopeIsTrue: a user's token that was got through a limited client
// may do what the answer says, and no more.
func TestRFC6749_5_1_ScopeIsTrue(t *testing.T) {
	s := newTill(t)
	reader := s.client("orders", "reader", "backend:read")
	for ask, want := range map[string]string{"": "backend:read", "backend:read": "backend:read"} {
		r := s.userToken("client_id", reader.Credential.ID, "client_secret", reader.Secret.Expose(), "scope", ask)
		if r.text("scope") != want || s.call("GET", "orders", r.token()) != 200 || s.call("POST", "orders", r.token()) != 403 {
			t.Errorf("%q: scope %q, and it writes with %d", ask, r.text("scope"), s.call("POST", "orders", r.token()))
		}
	}
	s.setRole(member, access.Viewer)
	r := s.userToken("client_id", s.appClient, "client_secret", s.appKey)
	if r.text("scope") != "*:read" {
		t.Errorf("a viewer's scope %q", r.text("scope"))
	}
	s.setRole(member, access.Member) // and the token follows: what the role was is not frozen in
	if got := s.call("POST", "orders", r.token()); got != 200 {
		t.Errorf("promoted: status %d", got)
	}
}

func (s till) setRole(email string, role access.Role) {
	s.t.Helper()
	if _, err := s.Accounts.ChangeRole(s.t.Context(), s.Operator(), "acme", email, role); err != nil {
		s.t.Fatal(err)
	}
}

// TestRFC6749_4_3_2_WrongPassword, unknown user, disabled user, no member: one and
// the same invalid_grant.
func TestRFC6749_4_3_2_WrongPassword(t *testing.T) {
	s := newTill(t)
	s.Organization("rival")
	s.User("gone@acme.example", "acme", access.Member)
	s.User("other@rival.example", "rival", access.Member)
	if _, err := s.Accounts.DisableUser(t.Context(), s.Operator(), "gone@acme.example"); err != nil {
		t.Fatal(err)
	}
	personal := s.personal(member, "d").Secret.Expose()
	s.both(func(t *testing.T, base string) {
		seen := map[string]bool{}
		for _, c := range [][2]string{
			{member, "wrong horse battery staple"},
			{"nobody@acme.example", testkit.Password},
			{"gone@acme.example", testkit.Password},
			{"other@rival.example", testkit.Password},
			{member, personal},
			{s.username, s.password},
			{member, s.appKey},
		} {
			r := form(t, base+"/oauth/token", "grant_type", "password", "username", c[0], "password", c[1], "client_id", s.appClient, "client_secret", s.appKey)
			refused(t, r, 400, "invalid_grant")
			seen[r.Body] = true
			if strings.Contains(r.Body, c[0]) || strings.Contains(r.Body, c[1]) {
				t.Errorf("what was sent is echoed: %s", r.Body)
			}
		}
		if len(seen) != 1 {
			t.Errorf("refusals differ: %v", seen)
		}
	})
}

// personal makes a personal token for a user of acme.
func (s till) personal(email, label string) access.Issued {
	s.t.Helper()
	issued := access.Issued{Secret: secret.Generate(secret.Personal)}
	prefix, last4 := secret.Shown(issued.Secret)
	err := s.Store.Update(s.t.Context(), func(tx access.Tx) error {
		user, err := tx.UserByEmail(access.FoldEmail(email))
		if err != nil {
			return err
		}
		now := s.Clock.Now()
		issued.Credential = access.Credential{
			ID: fmt.Sprintf("crd_%s", secret.RandomText(20)), OrganizationID: s.app.OrganizationID, UserID: user.ID, Kind: access.KindPersonal, Label: label,
			Prefix: prefix, Last4: last4, Digest: s.Keys.Digest(issued.Secret), CreatedAt: now, CreatedBy: email, ExpiresAt: now.Add(365 * 24 * time.Hour),
		}
		return tx.InsertCredential(issued.Credential)
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return issued
}

// TestRFC6749_4_4_ClientCredentials: an application's client opens that one, an
// organization's all of its applications; no refresh token (§4.4.3).
func TestRFC6749_4_4_ClientCredentials(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		for _, c := range []struct {
			id, key       string
			orders, stock int
		}{{s.appClient, s.appKey, 200, 401}, {s.stockClient, s.stockK, 401, 200}, {s.orgClient, s.orgKey, 200, 200}} {
			r := form(t, base+"/oauth/token", "grant_type", "client_credentials", "client_id", c.id, "client_secret", c.key)
			if r.Status != 200 || r.JSON["refresh_token"] != nil {
				t.Fatalf("status %d: %s", r.Status, r.Body)
			}
			if orders, stock := s.call("POST", "orders", r.token()), s.call("POST", "stock", r.token()); orders != c.orders || stock != c.stock {
				t.Errorf("orders %d, stock %d, want %+v", orders, stock, c)
			}
		}
	})
}

// TestRFC6749_5_1_Answer: its members, in JSON, kept by no cache.
func TestRFC6749_5_1_Answer(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		for _, r := range []reply{
			form(t, base+"/oauth/token", "grant_type", "client_credentials", "client_id", s.appClient, "client_secret", s.appKey),
			form(t, base+"/oauth/token", "grant_type", "password", "username", member, "password", testkit.Password),
			form(t, base+"/authorization", "username", member, "password", testkit.Password),
			form(t, base+"/acme/orders/token", "grant_type", "client_credentials", "client_id", s.appClient, "client_secret", s.appKey),
			form(t, base+"/management/token", "grant_type", "client_credentials", "client_id", s.orgClient, "client_secret", s.orgKey),
		} {
			if r.Status != 200 || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Pragma") != "no-cache" || r.Header.Get("Content-Type") != jsonType {
				t.Errorf("status %d, headers %v", r.Status, r.Header)
			}
			if class, err := secret.Parse(r.token()); err != nil || class != secret.Access || r.text("token_type") != "Bearer" || r.number("expires_in") != 604800 {
				t.Errorf("answer %s", r.Body)
			}
		}
	})
}

// TestRFC6749_5_2_Errors: each code, 400 but for a client that failed.
func TestRFC6749_5_2_Errors(t *testing.T) {
	s := newTill(t)
	client := []string{"client_id", s.appClient, "client_secret", s.appKey}
	s.both(func(t *testing.T, base string) {
		for _, c := range []struct {
			status int
			code   string
			fields []string
		}{
			{400, "invalid_request", client},
			{400, "unsupported_grant_type", append(client[:4:4], "grant_type", "authorization_code", "code", "x")},
			{400, "unsupported_grant_type", append(client[:4:4], "grant_type", "refresh_token", "refresh_token", "x")},
			{400, "unsupported_grant_type", append(client[:4:4], "grant_type", "Password")},
			{401, "invalid_client", []string{"grant_type", "client_credentials"}},
			{400, "invalid_grant", []string{"grant_type", "password", "username", "nobody@acme.example", "password", "x"}},
			{400, "invalid_scope", append(client[:4:4], "grant_type", "client_credentials", "scope", "everything")},
			{400, "unauthorized_client", []string{"grant_type", "password", "username", member, "password", testkit.Password, "client_id", s.stockClient, "client_secret", s.stockK}},
		} {
			refused(t, form(t, base+"/oauth/token", c.fields...), c.status, c.code)
		}
	})
}

// TestClientStates: a client that is paused, revoked, expired or used from elsewhere
// gets nothing, and its tokens open nothing from then on.
func TestClientStates(t *testing.T) {
	s := newTill(t)
	ask := func() reply {
		return form(t, s.GatewayURL+"/oauth/token", "grant_type", "client_credentials", "client_id", s.appClient, "client_secret", s.appKey)
	}
	before := s.clientToken().token()
	each := func(verb access.Verb) {
		if _, err := s.Registry.Each(t.Context(), s.Operator(), "acme", "orders", verb, []string{s.appClient}); err != nil {
			t.Fatal(err)
		}
	}
	each(access.PauseThem)
	refused(t, ask(), 401, "invalid_client")
	if got := s.call("GET", "orders", before); got != 401 {
		t.Errorf("paused: status %d", got)
	}
	each(access.ResumeThem)
	if r := ask(); r.Status != 200 || s.call("GET", "orders", before) != 200 {
		t.Errorf("resumed: status %d", r.Status)
	}
	each(access.RevokeThem)
	refused(t, ask(), 401, "invalid_client")
	if got := s.call("GET", "orders", before); got != 401 {
		t.Errorf("revoked: status %d", got)
	}
	limited, err := s.Registry.IssueClient(t.Context(), s.Operator(), "acme", "orders", access.Draft{Label: "far", Allow: []string{"198.51.100.0/24"}, Expires: "1d"})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, form(t, s.ConsoleURL+"/oauth/token", "grant_type", "client_credentials", "client_id", limited.Credential.ID, "client_secret", limited.Secret.Expose()), 401, "invalid_client")
	day, err := s.Registry.IssueClient(t.Context(), s.Operator(), "acme", "orders", access.Draft{Label: "day", Expires: "1d"})
	if err != nil {
		t.Fatal(err)
	}
	dayAsk := []string{"grant_type", "client_credentials", "client_id", day.Credential.ID, "client_secret", day.Secret.Expose()}
	token := form(t, s.ConsoleURL+"/oauth/token", dayAsk...).token()
	s.Clock.Advance(24*time.Hour - time.Microsecond)
	if got := s.call("GET", "orders", token); got != http.StatusOK {
		t.Errorf("before its client expires: status %d", got)
	}
	s.Clock.Advance(time.Microsecond)
	if got := s.call("GET", "orders", token); got != http.StatusUnauthorized {
		t.Errorf("after its client expired: status %d", got)
	}
	refused(t, form(t, s.ConsoleURL+"/oauth/token", dayAsk...), 401, "invalid_client")
}
