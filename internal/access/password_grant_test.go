package access_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// TestPasswordGrantSwitch: off by default, on for one application, and the tokens
// of other applications of the user are not opened by it.
func TestPasswordGrantSwitch(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.User("ann@example.com", "acme", access.Member)
	o.User("bob@example.com", "beta", access.Owner)
	ann, bob := by("ann@example.com", testkit.Password), by("bob@example.com", testkit.Password)
	offered := func(want bool) {
		t.Helper()
		if on, err := o.Authority.PasswordGrantOffered(t.Context()); on != want || err != nil {
			t.Errorf("offered in the metadata: %v, %v", on, err)
		}
	}
	offered(false)
	for name, ask := range map[string]access.Ask{"anywhere": ann, "there": at(ann, "acme", "orders")} {
		if got := o.refused(ask); got != access.UnauthorizedClient {
			t.Errorf("off, asked %s: %s", name, got)
		}
	}
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	offered(true)
	g := o.granted(ann)
	v := o.opens("on", "acme", "orders", "POST", g.Secret, access.Accepted)
	if v.Principal.Subject != "ann@example.com" || v.Principal.Kind != access.KindAccessToken {
		t.Errorf("principal %+v", v.Principal)
	}
	o.opens("off there", "acme", "billing", "GET", g.Secret, access.WayOff)
	o.opens("no member there", "beta", "orders", "GET", g.Secret, access.InvalidCredential)
	bound := o.granted(at(ann, "acme", "orders"))
	o.opens("bound", "acme", "orders", "POST", bound.Secret, access.Accepted)
	o.opens("bound elsewhere", "acme", "billing", "GET", bound.Secret, access.InvalidCredential)
	for name, c := range map[string]struct {
		ask  access.Ask
		want string
	}{
		"off in that application":  {at(ann, "acme", "billing"), access.UnauthorizedClient},
		"no member there":          {at(bob, "acme", "orders"), access.InvalidGrant},
		"no such application":      {at(ann, "acme", "nothing"), access.InvalidGrant},
		"no such organization":     {at(ann, "nothing", "orders"), access.InvalidGrant},
		"off in all of bob's":      {bob, access.InvalidGrant}, // as for a wrong password: nothing tells a right one
		"no username":              {by("", testkit.Password), access.InvalidRequest},
		"no password":              {by("ann@example.com", ""), access.InvalidRequest},
		"a personal token for it":  {by("ann@example.com", secret.Generate(secret.Personal).Expose()), access.InvalidGrant},
		"a client that is no such": {access.Ask{Grant: access.PasswordGrant, ClientID: "cli_x", Username: "ann@example.com", Password: secret.New(testkit.Password)}, access.InvalidClient},
		"client of another's place": {func() access.Ask {
			a := as(o.client("billing", access.Draft{}))
			b := ann
			b.ClientID, b.ClientSecret = a.ClientID, a.ClientSecret
			return b
		}(), access.UnauthorizedClient},
	} {
		if got := o.refused(c.ask); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(false)})
	o.opens("switched off afterwards", "acme", "orders", "GET", g.Secret, access.WayOff)
	offered(false)
}

// TestUserTokensFollowTheUser: role, membership and the user's being there are felt
// at the next request.
func TestUserTokensFollowTheUser(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	o.User("ann@example.com", "acme", access.Member)
	o.User("ann@example.com", "beta", access.Member) // who cannot be disabled from the console
	free := o.granted(by("ann@example.com", testkit.Password))
	bound := o.granted(at(by("ann@example.com", testkit.Password), "acme", "orders"))
	both := func(what, method string, ofFree, ofBound access.Reason) {
		t.Helper()
		o.opens(what+", for any", "acme", "orders", method, free.Secret, ofFree)
		o.opens(what+", bound", "acme", "orders", method, bound.Secret, ofBound)
	}
	both("a member", "POST", access.Accepted, access.Accepted)
	role := func(r access.Role) {
		t.Helper()
		if _, err := o.Accounts.ChangeRole(ctx, op, "acme", "ann@example.com", r); err != nil {
			t.Fatal(err)
		}
	}
	role(access.Viewer)
	both("a viewer", "POST", access.InsufficientScope, access.InsufficientScope)
	both("a viewer", "GET", access.Accepted, access.Accepted)
	ask := at(by("ann@example.com", testkit.Password), "acme", "orders")
	if g := o.granted(ask); g.Scope != "*:read" {
		t.Errorf("a viewer is told %q", g.Scope)
	}
	ask.Scope = "*:write"
	if got := o.refused(ask); got != access.InvalidScope {
		t.Errorf("a viewer who asks to write: %s", got)
	}
	role(access.Admin)
	both("an admin", "DELETE", access.Accepted, access.Accepted)
	if _, err := o.Accounts.RemoveMember(ctx, op, "acme", "ann@example.com"); err != nil {
		t.Fatal(err)
	}
	both("removed", "GET", access.InvalidCredential, access.UserGone)
	o.User("ann@example.com", "acme", access.Member)
	if _, err := o.Accounts.DisableUser(ctx, op, "ann@example.com"); err != nil {
		t.Fatal(err)
	}
	both("disabled", "GET", access.UserGone, access.UserGone)
	if got := o.refused(by("ann@example.com", testkit.Password)); got != access.InvalidGrant {
		t.Errorf("disabled, asks again: %s", got)
	}
}

// TestRestrictedClientForUsers: a user's token that a restricted client asked for
// may do no more than the client says, as the answer says.
func TestRestrictedClientForUsers(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	o.User("ann@example.com", "acme", access.Member)
	client := o.client("orders", access.Draft{Scopes: access.Scopes{{API: access.AnyAPI, Action: access.Read}}})
	ask := by("ann@example.com", testkit.Password)
	ask.ClientID, ask.ClientSecret = client.Credential.ID, client.Secret
	g := o.granted(ask)
	if g.Scope != "*:read" || g.Token.CredentialID != "" || g.Token.UserID == "" {
		t.Errorf("granted %q: %+v", g.Scope, g.Token)
	}
	o.opens("read", "acme", "orders", "GET", g.Secret, access.Accepted)
	o.opens("write", "acme", "orders", "POST", g.Secret, access.InsufficientScope)
	ask.Scope = "*:write"
	if got := o.refused(ask); got != access.InvalidScope {
		t.Errorf("more than the client may: %s", got)
	}
	ask.Scope, ask.ClientSecret = "", secret.Generate(secret.Client)
	if got := o.refused(ask); got != access.InvalidClient {
		t.Errorf("a wrong client beside a right password: %s", got)
	}
}

// TestManagementTokens (description B): an organization's client, or an owner or admin.
func TestManagementTokens(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	for email, role := range map[string]access.Role{"o@example.com": access.Owner, "a@example.com": access.Admin, "m@example.com": access.Member, "v@example.com": access.Viewer} {
		o.User(email, "acme", role)
		ask := by(email, testkit.Password)
		ask.Target.Management = true
		want := "granted"
		if !role.Reaches(access.Admin) {
			want = access.InvalidGrant
		}
		if got := o.refused(ask); got != want {
			t.Errorf("%s: %s, want %s", role, got, want)
		}
	}
}

// TestPasswordGrantSharesTheThrottle (S8): sign-in, elevation and password grants
// have ten verdicts together, and known and unknown users are told the same.
func TestPasswordGrantSharesTheThrottle(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	p := o.hire("ann@example.com", access.Admin)
	o.Clock.Advance(6 * time.Minute)
	elevate := func() error {
		v := p.visit()
		_, err := o.Accounts.Elevate(t.Context(), v, v.Actor(desk, "test/1"), access.ElevationDraft{
			Organization: "acme", Reason: testkit.Reason, Minutes: 15, Password: secret.New("wrong"),
		})
		return err
	}
	grant := func(email string, n int) *access.OAuthError {
		t.Helper()
		ask := by(email, "wrong")
		ask.Caller = access.Caller{Address: netip.AddrFrom4([4]byte{198, 51, 100, byte(n)})}
		_, err := o.Authority.Grant(t.Context(), ask)
		e := access.AsOAuthError(err)
		if e == nil {
			t.Fatalf("%s: %v", email, err)
		}
		return e
	}
	for i := range 3 {
		if err := elevate(); access.KindOf(err) != access.Invalid {
			t.Errorf("elevation %d: %v", i+1, err)
		}
		if err := o.attempt("ann@example.com", "wrong", "", ""); access.KindOf(err) != access.Unauthenticated {
			t.Errorf("sign-in %d: %v", i+1, err)
		}
	}
	for i := range 4 {
		if e := grant("Ann@Example.com", i); e.Code != access.InvalidGrant || e.RetryAfter != 0 {
			t.Errorf("grant %d: %+v", i+1, e)
		}
	}
	if e := grant("ann@example.com", 9); e.RetryAfter <= 0 || e.RetryAfter > 15*time.Minute {
		t.Errorf("the eleventh: %+v", e)
	}
	if _, err := o.Authority.Grant(t.Context(), by("ann@example.com", testkit.Password)); access.AsOAuthError(err) == nil || access.AsOAuthError(err).RetryAfter == 0 {
		t.Errorf("the right password: %v", err)
	}
	if err := o.attempt("ann@example.com", testkit.Password, "203.0.113.1", ""); access.KindOf(err) != access.RateLimited {
		t.Errorf("the right password at the sign-in: %v", err)
	}
	o.Clock.Advance(15 * time.Minute)
	texts := map[string][]string{}
	for _, email := range []string{"ann@example.com", "nobody@example.com"} {
		for i := range 12 {
			e := grant(email, i)
			texts[email] = append(texts[email], fmt.Sprint(e.Code, e.Description, e.RetryAfter))
		}
	}
	if known, unknown := fmt.Sprint(texts["ann@example.com"]), fmt.Sprint(texts["nobody@example.com"]); known != unknown {
		t.Errorf("who exists can be told:\n%s\n%s", known, unknown)
	}
}

// TestRightPasswordsAreNotCounted: a program that asks often is not locked out.
func TestRightPasswordsAreNotCounted(t *testing.T) {
	t.Parallel()
	o := newOffice(t, testkit.Limits(func(l *access.Limits) { l.PasswordAttempts = 2 }))
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	o.User("ann@example.com", "acme", access.Member)
	for i := range 4 {
		if got := o.refused(by("ann@example.com", testkit.Password)); got != "granted" {
			t.Fatalf("grant %d: %s", i+1, got)
		}
	}
}

// TestUnknownUsersTakeAsLong: an unknown user costs the same password check.
func TestUnknownUsersTakeAsLong(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	o.User("ann@example.com", "acme", access.Member)
	took := func(email string) time.Duration {
		start := time.Now()
		if got := o.refused(by(email, "wrong")); got != access.InvalidGrant {
			t.Fatalf("%s: %s", email, got)
		}
		return time.Since(start)
	}
	known, unknown := time.Hour, time.Hour
	for range 9 { // in turn: what else the machine does is in the way of both
		known, unknown = min(known, took("ann@example.com")), min(unknown, took("nobody@example.com"))
	}
	if unknown < known/3 || known < unknown/3 {
		t.Errorf("known %s, unknown %s", known, unknown)
	}
}
