package access_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// TestIntrospection (RFC 7662): a client learns of what opens its own application
// or organization, and of nothing else; nor of what is not active.
func TestIntrospection(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx := t.Context()
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	p := o.hire("ann@example.com", access.Viewer)
	personal, err := o.Accounts.IssuePersonal(ctx, p.actor(), "acme", access.Draft{Label: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	orders, billing, wide := o.client("orders", access.Draft{}), o.client("billing", access.Draft{}), o.client("", access.Draft{})
	foreign, err := o.Registry.IssueClient(ctx, o.Operator(), "beta", "", access.Draft{Label: "theirs"})
	if err != nil {
		t.Fatal(err)
	}
	_, basic := o.Basic("acme", "orders")
	spent := o.granted(as(orders))
	if err := o.Authority.RevokeToken(ctx, orders.Credential, spent.Secret, desk, ""); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		token                         secret.Secret
		orders, billing, wide, theirs bool
	}{
		"application's token":      {o.Token("acme", "orders", "t", "").Secret, true, false, true, false},
		"application's access":     {o.granted(as(orders)).Secret, true, false, true, false},
		"organization's access":    {o.granted(as(wide)).Secret, true, true, true, false},
		"user's access":            {o.granted(by("ann@example.com", testkit.Password)).Secret, true, false, true, false}, // the grant is off in billing
		"personal":                 {personal.Secret, true, true, true, false},
		"revoked":                  {spent.Secret, false, false, false, false},
		"client secret":            {orders.Secret, false, false, false, false},
		"basic password":           {secret.New(basic), false, false, false, false},
		"unknown":                  {secret.Generate(secret.Access), false, false, false, false},
		"nothing":                  {secret.Secret{}, false, false, false, false},
		"something else than ours": {secret.New("ey.ey.ey"), false, false, false, false},
	} {
		for of, want := range map[*access.Issued]bool{&orders: c.orders, &billing: c.billing, &wide: c.wide, &foreign: c.theirs} {
			i, err := o.Authority.Introspect(ctx, of.Credential, c.token)
			if err != nil || i.Active != want {
				t.Errorf("%s, asked by %s of %s: %v, %v, want %v", name, of.Credential.Label, of.Credential.ApplicationID, i.Active, err, want)
			}
			if i.Active != (i.Reason == access.Accepted) || name == "revoked" && of == &orders && i.Reason != access.CredentialRevoked {
				t.Errorf("%s, asked by %s: active %v, because of %s", name, of.Credential.Label, i.Active, i.Reason)
			}
			if !i.Active && (i.Principal.Kind != "" || i.Token.ID != "" || !i.ExpiresAt.IsZero()) {
				t.Errorf("%s: not active, and yet %+v", name, i)
			}
		}
	}
	i, err := o.Authority.Introspect(ctx, wide.Credential, personal.Secret)
	if err != nil || i.Principal.Subject != "ann@example.com" || i.Principal.ScopeList() != "*:read" || !i.ExpiresAt.Equal(personal.Credential.ExpiresAt) {
		t.Errorf("a viewer's personal token: %+v, %v", i, err)
	}
}

// TestRevocation (RFC 7009 §2.1): by the client it was issued to, and of a user's
// token by whoever holds it; anything else is left alone.
func TestRevocation(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx := t.Context()
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	o.User("ann@example.com", "acme", access.Member)
	own, another, foreign := o.client("orders", access.Draft{}), o.client("orders", access.Draft{}), o.client("", access.Draft{})
	none := access.Issued{}
	code := func(err error) string {
		if e := access.AsOAuthError(err); e != nil {
			return e.Code
		}
		return fmt.Sprint(err)
	}
	const fine = "<nil>"
	byUser := func() access.Granted { return o.granted(by("ann@example.com", testkit.Password)) }
	viaClient := func() access.Granted {
		ask := by("ann@example.com", testkit.Password)
		ask.ClientID, ask.ClientSecret = own.Credential.ID, own.Secret
		return o.granted(ask)
	}
	for name, c := range map[string]struct {
		token  func() access.Granted
		client access.Issued
		want   string
		left   access.Reason
	}{
		"its own":                         {func() access.Granted { return o.granted(as(own)) }, own, fine, access.CredentialRevoked},
		"another client's":                {func() access.Granted { return o.granted(as(own)) }, another, access.InvalidGrant, access.Accepted},
		"by the organization's client":    {func() access.Granted { return o.granted(as(own)) }, foreign, access.InvalidGrant, access.Accepted},
		"a client's, without a client":    {func() access.Granted { return o.granted(as(own)) }, none, access.InvalidClient, access.Accepted},
		"a user's, by its holder":         {byUser, none, fine, access.CredentialRevoked},
		"a user's, by the client it used": {viaClient, own, fine, access.CredentialRevoked},
	} {
		g := c.token()
		if got := code(o.Authority.RevokeToken(ctx, c.client.Credential, g.Secret, desk, "test/1")); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		o.opens(name, "acme", "orders", "GET", g.Secret, c.left)
		if c.left == access.CredentialRevoked {
			if err := o.Authority.RevokeToken(ctx, c.client.Credential, g.Secret, desk, "test/1"); err != nil {
				t.Errorf("%s again: %v", name, err)
			}
		}
	}
	token := o.Token("acme", "orders", "t", "")
	before := state(t, o.Store)
	for name, s := range map[string]secret.Secret{
		"an API token": token.Secret, "unknown": secret.Generate(secret.Access), "none of ours": secret.New("x"), "none": {}, "a client's secret": own.Secret,
	} {
		if err := o.Authority.RevokeToken(ctx, own.Credential, s, desk, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if state(t, o.Store) != before {
		t.Error("something was revoked that is no access token")
	}
}

// TestIssueIsTallied: tokens that are issued and revoked by programs are one Event a
// client or account and minute, of the client's organization.
func TestIssueIsTallied(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx := t.Context()
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	ann := o.User("ann@example.com", "acme", access.Member)
	client, other := o.client("orders", access.Draft{Label: "nightly"}), o.client("", access.Draft{Label: "wide"})
	o.Clock.Advance(o.Clock.Now().Truncate(time.Minute).Add(time.Minute).Sub(o.Clock.Now()))
	events := o.count()
	var last access.Granted
	for range 3 {
		last = o.granted(as(client))
		o.Clock.Advance(time.Second)
	}
	o.granted(as(other))
	users := o.granted(by("ann@example.com", testkit.Password))
	for _, revoke := range []error{o.Authority.RevokeToken(ctx, client.Credential, last.Secret, desk, "test/1"), o.Authority.RevokeToken(ctx, access.Credential{}, users.Secret, desk, "test/1")} {
		if revoke != nil {
			t.Fatal(revoke)
		}
	}
	if err := o.Accounts.SealTallies(ctx); err != nil || o.count() != events {
		t.Fatalf("sealed within the minute: %d events, %v", o.count()-events, err)
	}
	o.Clock.Advance(time.Minute)
	if err := o.Accounts.SealTallies(ctx); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range o.since(events) {
		got[string(e.Act)+" "+e.ActorName] = fmt.Sprint(e.Count, " ", e.ActorID, e.OrganizationID, e.ApplicationID, e.TargetID)
		if e.Address != "192.0.2.10" || strings.Contains(fmt.Sprint(e), "clava_") {
			t.Errorf("event %+v", e)
		}
	}
	c, w := client.Credential, other.Credential
	want := map[string]string{
		"access-token.issue client “nightly”":  fmt.Sprint(3, " ", c.OrganizationID, c.ApplicationID, c.ID),
		"access-token.issue client “wide”":     fmt.Sprint(1, " ", w.OrganizationID, w.ID),
		"access-token.issue ann@example.com":   fmt.Sprint(1, " ", ann.ID),
		"access-token.revoke client “nightly”": fmt.Sprint(1, " ", c.OrganizationID, c.ApplicationID, c.ID),
		"access-token.revoke ann@example.com":  fmt.Sprint(1, " ", ann.ID),
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("recorded\n%v, want\n%v", got, want)
	}
	if !chained(o.since(0)) {
		t.Error("the chain is broken")
	}
}

// TestNoTokenWithoutItsTally: where the issue cannot be counted there is no token.
func TestNoTokenWithoutItsTally(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	client := o.client("orders", access.Draft{})
	before := state(t, o.Store)
	if g, err := o.deaf().Authority.Grant(t.Context(), as(client)); err == nil {
		t.Errorf("granted: %+v", g.Token)
	}
	if state(t, o.Store) != before {
		t.Error("a token without its record")
	}
	g := o.granted(as(client))
	if err := o.deaf().Authority.RevokeToken(t.Context(), client.Credential, g.Secret, desk, ""); err == nil {
		t.Error("revoked without its record")
	}
	o.opens("after a revocation that failed", "acme", "orders", "GET", g.Secret, access.Accepted)
}
