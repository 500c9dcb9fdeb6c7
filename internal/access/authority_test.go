package access_test

import (
	"net/netip"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// client makes a client of an application of acme, or, where app is empty, of acme.
func (o *office) client(app string, d access.Draft) access.Issued {
	o.t.Helper()
	if d.Label == "" {
		d.Label = "a client"
	}
	issued, err := o.Registry.IssueClient(o.t.Context(), o.Operator(), "acme", app, d)
	if err != nil {
		o.t.Fatalf("make a client: %v", err)
	}
	return issued
}

// as asks for a client's own token.
func as(c access.Issued) access.Ask {
	return access.Ask{Grant: access.ClientCredentials, ClientID: c.Credential.ID, ClientSecret: c.Secret, Caller: desk, Agent: "test/1"}
}

// by asks for a token by username and password.
func by(username, password string) access.Ask {
	return access.Ask{Grant: access.PasswordGrant, Username: username, Password: secret.New(password), Caller: desk, Agent: "test/1"}
}

func at(ask access.Ask, org, app string) access.Ask {
	ask.Target = access.TokenTarget{Organization: org, Application: app}
	return ask
}

func (o *office) granted(ask access.Ask) access.Granted {
	o.t.Helper()
	g, err := o.Authority.Grant(o.t.Context(), ask)
	if err != nil {
		o.t.Fatalf("grant: %v", err)
	}
	return g
}

// refused returns the OAuth code of a refusal, "granted" where there is none.
func (o *office) refused(ask access.Ask) string {
	o.t.Helper()
	g, err := o.Authority.Grant(o.t.Context(), ask)
	if err == nil {
		return "granted"
	}
	if !g.Secret.IsZero() {
		o.t.Errorf("a refusal gives a token away: %v", err)
	}
	if e := access.AsOAuthError(err); e != nil {
		return e.Code
	}
	return err.Error()
}

// try presents a secret as a bearer token to the API backend of an application.
func (o *office) try(org, app, method string, s secret.Secret) access.Verdict {
	o.t.Helper()
	v, err := o.Verifier.Verify(o.t.Context(), access.Request{
		Organization: org, Application: app, API: "backend", WantAPI: true, Method: method, Caller: desk, Agent: "test/1",
		Presented: access.Presented{Way: access.WayBearer, Secret: s},
	})
	if err != nil {
		o.t.Fatalf("verify: %v", err)
	}
	return v
}

func (o *office) opens(what, org, app, method string, s secret.Secret, want access.Reason) access.Verdict {
	o.t.Helper()
	v := o.try(org, app, method, s)
	if v.Reason != want {
		o.t.Errorf("%s: %s on %s/%s: reason %d (%s), want %d", what, method, org, app, v.Reason, v.Description, want)
	}
	return v
}

func (o *office) switches(app string, d access.SwitchDraft) {
	o.t.Helper()
	if err := o.Registry.Switch(o.t.Context(), o.Operator(), "acme", app, d); err != nil {
		o.t.Fatalf("switch: %v", err)
	}
}

func to[T any](v T) *T { return &v }

// TestClientTokensReach: a token of an application's client opens that one alone,
// one of an organization's client all of it, or the one it was asked for.
func TestClientTokensReach(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	one, wide := o.client("orders", access.Draft{}), o.client("", access.Draft{})
	for name, c := range map[string]struct {
		ask                    access.Ask
		orders, billing, other access.Reason
	}{
		"application's":                       {as(one), access.Accepted, access.InvalidCredential, access.InvalidCredential},
		"application's, asked for there":      {at(as(one), "acme", "orders"), access.Accepted, access.InvalidCredential, access.InvalidCredential},
		"organization's":                      {as(wide), access.Accepted, access.Accepted, access.InvalidCredential},
		"organization's, asked for one of it": {at(as(wide), "acme", "billing"), access.InvalidCredential, access.Accepted, access.InvalidCredential},
	} {
		g := o.granted(c.ask)
		v := o.opens(name, "acme", "orders", "POST", g.Secret, c.orders)
		o.opens(name, "acme", "billing", "POST", g.Secret, c.billing)
		o.opens(name, "beta", "orders", "GET", g.Secret, c.other)
		if v.Accepted() && (v.Principal.Kind != access.KindAccessToken || v.Principal.Subject != c.ask.ClientID || v.Principal.Credential != g.Token.ID) {
			t.Errorf("%s: principal %+v", name, v.Principal)
		}
		if class, err := secret.Parse(g.Secret.Expose()); err != nil || class != secret.Access || g.ExpiresIn != 7*24*3600 || g.Scope != "*:read *:write" {
			t.Errorf("%s: granted %v for %d s, scope %q", name, err, g.ExpiresIn, g.Scope)
		}
	}
	managed := as(wide)
	managed.Target.Management = true
	o.opens("management", "acme", "billing", "POST", o.granted(managed).Secret, access.Accepted)
	ofOne := as(one)
	ofOne.Target.Management = true
	for name, c := range map[string]struct {
		ask  access.Ask
		want string
	}{
		"another application":                 {at(as(one), "acme", "billing"), access.InvalidClient},
		"another organization":                {at(as(wide), "beta", "orders"), access.InvalidClient},
		"no such application":                 {at(as(wide), "acme", "nothing"), access.InvalidClient},
		"no such organization":                {at(as(wide), "nothing", "orders"), access.InvalidClient},
		"management by application's":         {ofOne, access.UnauthorizedClient},
		"no client":                           {access.Ask{Grant: access.ClientCredentials}, access.InvalidClient},
		"no grant":                            {access.Ask{ClientID: one.Credential.ID, ClientSecret: one.Secret}, access.InvalidRequest},
		"a grant of others":                   {access.Ask{Grant: "authorization_code", ClientID: one.Credential.ID, ClientSecret: one.Secret}, access.UnsupportedGrantType},
		"another client's secret":             {access.Ask{Grant: access.ClientCredentials, ClientID: one.Credential.ID, ClientSecret: wide.Secret}, access.InvalidClient},
		"a token instead of a client secret":  {access.Ask{Grant: access.ClientCredentials, ClientID: one.Credential.ID, ClientSecret: o.Token("acme", "orders", "t", "").Secret}, access.InvalidClient},
		"an access token as a client secret":  {access.Ask{Grant: access.ClientCredentials, ClientID: one.Credential.ID, ClientSecret: o.granted(as(one)).Secret}, access.InvalidClient},
		"no secret":                           {access.Ask{Grant: access.ClientCredentials, ClientID: one.Credential.ID}, access.InvalidClient},
		"an unknown secret of the right form": {access.Ask{Grant: access.ClientCredentials, ClientID: one.Credential.ID, ClientSecret: secret.Generate(secret.Client)}, access.InvalidClient},
	} {
		if got := o.refused(c.ask); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestAccessTokensFollowTheirClient: pausing, revoking or the end of a client is
// felt by its tokens at the next request, and it gets no more.
func TestAccessTokensFollowTheirClient(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(o *office, id string) error
		want access.Reason
	}{
		"paused": {func(o *office, id string) error {
			_, err := o.Registry.Each(o.t.Context(), o.Operator(), "acme", "orders", access.PauseThem, []string{id})
			return err
		}, access.CredentialPaused},
		"revoked": {func(o *office, id string) error {
			_, err := o.Registry.Each(o.t.Context(), o.Operator(), "acme", "orders", access.RevokeThem, []string{id})
			return err
		}, access.CredentialRevoked},
		"replaced at once": {func(o *office, id string) error {
			_, err := o.Registry.Replace(o.t.Context(), o.Operator(), "acme", "orders", id, access.ReplaceDraft{End: "now"})
			return err
		}, access.CredentialRevoked},
		"expired": {func(o *office, _ string) error { o.Clock.Advance(24 * time.Hour); return nil }, access.CredentialExpired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			client := o.client("orders", access.Draft{Expires: "1d"})
			g := o.granted(as(client))
			o.opens("before", "acme", "orders", "POST", g.Secret, access.Accepted)
			if err := c.do(o, client.Credential.ID); err != nil {
				t.Fatal(err)
			}
			o.opens(name, "acme", "orders", "GET", g.Secret, c.want)
			if got := o.refused(as(client)); got != access.InvalidClient {
				t.Errorf("it gets another one: %s", got)
			}
			asker := o.client("orders", access.Draft{})
			if i, err := o.Authority.Introspect(t.Context(), asker.Credential, g.Secret); err != nil || i.Active {
				t.Errorf("introspection: %+v, %v", i, err)
			}
		})
	}
}

// TestClientAddresses: the list of a client holds for its requests for tokens, and
// for their use.
func TestClientAddresses(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	client := o.client("orders", access.Draft{Allow: []string{"192.0.2.0/24"}})
	g := o.granted(as(client))
	o.opens("from the desk", "acme", "orders", "POST", g.Secret, access.Accepted)
	for name, caller := range map[string]access.Caller{
		"elsewhere": {Address: netip.MustParseAddr("198.51.100.1")}, "unknown": {}, "through": {Through: netip.MustParseAddr("192.0.2.10")},
	} {
		ask := as(client)
		ask.Caller = caller
		if got := o.refused(ask); got != access.InvalidClient {
			t.Errorf("%s: %s", name, got)
		}
		v, err := o.Verifier.Verify(t.Context(), access.Request{
			Organization: "acme", Application: "orders", Caller: caller, Presented: access.Presented{Way: access.WayBearer, Secret: g.Secret},
		})
		if err != nil || v.Reason != access.AddressNotAllowed {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

// TestTokenLifetimes: seconds, the default or what was asked for, never above the
// maximum; changes concern new tokens only.
func TestTokenLifetimes(t *testing.T) {
	t.Parallel()
	o := newOffice(t, testkit.Limits(func(l *access.Limits) { l.DefaultTTL, l.MaxTTL = time.Hour, 2*time.Hour }))
	one, wide := o.client("orders", access.Draft{}), o.client("", access.Draft{})
	with := func(ask access.Ask, ttl int64) access.Ask { ask.TTL, ask.HasTTL = ttl, true; return ask }
	check := func(what string, ask access.Ask, want int64) access.Granted {
		t.Helper()
		if want == 0 {
			if got := o.refused(ask); got != access.InvalidRequest {
				t.Errorf("%s: %s", what, got)
			}
			return access.Granted{}
		}
		g := o.granted(ask)
		if g.ExpiresIn != want || !g.Token.ExpiresAt.Equal(o.Clock.Now().Add(time.Duration(want)*time.Second)) {
			t.Errorf("%s: %d s, until %s, want %d", what, g.ExpiresIn, g.Token.ExpiresAt, want)
		}
		return g
	}
	old := check("the configuration's default", as(one), 3600)
	check("the configuration's maximum", with(as(one), 7200), 7200)
	check("above it", with(as(one), 7201), 0)
	check("a second", with(as(one), 1), 1)
	check("none", with(as(one), 0), 0)
	check("less", with(as(one), -1), 0)
	check("endless", with(as(one), 1<<62), 0)
	o.switches("orders", access.SwitchDraft{MaxTTL: to(int64(600))})
	check("the default within the application's maximum", as(one), 600)
	check("above the application's maximum", with(as(one), 601), 0)
	o.switches("orders", access.SwitchDraft{DefaultTTL: to(int64(60)), MaxTTL: to(int64(90000))})
	check("the application's default", as(one), 60)
	check("the application's maximum", with(as(one), 90000), 90000)
	check("an organization's client, for no application", as(wide), 3600)
	check("an organization's client, for this one", at(as(wide), "acme", "orders"), 60)
	check("for another one", with(at(as(wide), "acme", "billing"), 7201), 0)
	o.Clock.Advance(time.Hour - time.Microsecond)
	o.opens("as long as it was issued for", "acme", "orders", "GET", old.Secret, access.Accepted)
	o.Clock.Advance(time.Microsecond)
	o.opens("over", "acme", "orders", "GET", old.Secret, access.CredentialExpired)
}

// TestScopesAreNarrowed (RFC 6749 §3.3): a request can ask for less, never for more.
func TestScopesAreNarrowed(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	full := o.client("orders", access.Draft{})
	reader := o.client("orders", access.Draft{Scopes: access.Scopes{{API: access.AnyAPI, Action: access.Read}}})
	for _, c := range []struct {
		client      access.Issued
		ask, scope  string
		read, write access.Reason
	}{
		{full, "", "*:read *:write", access.Accepted, access.Accepted},
		{full, "*:read", "*:read", access.Accepted, access.InsufficientScope},
		{full, "  backend:write   backend:write ", "backend:write", access.InsufficientScope, access.Accepted},
		{full, "oplog:read", "oplog:read", access.InsufficientScope, access.InsufficientScope},
		{reader, "", "*:read", access.Accepted, access.InsufficientScope},
		{reader, "backend:read", "backend:read", access.Accepted, access.InsufficientScope},
	} {
		ask := as(c.client)
		ask.Scope = c.ask
		g := o.granted(ask)
		if g.Scope != c.scope {
			t.Errorf("asked for %q: %q, want %q", c.ask, g.Scope, c.scope)
		}
		o.opens("scope "+c.scope, "acme", "orders", "GET", g.Secret, c.read)
		o.opens("scope "+c.scope, "acme", "orders", "DELETE", g.Secret, c.write)
	}
	for _, scope := range []string{"*:write", "*:read *:write", "backend:write", "all", "backend", "backend:admin", "BACKEND:read", ":read"} {
		ask := as(reader)
		ask.Scope = scope
		if got := o.refused(ask); got != access.InvalidScope {
			t.Errorf("a reader that asks for %q: %s", scope, got)
		}
	}
}
