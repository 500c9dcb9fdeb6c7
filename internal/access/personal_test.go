package access_test

import (
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

func (p *person) personal(org string, d access.Draft) access.Issued {
	p.t.Helper()
	if d.Label == "" {
		d.Label = "laptop"
	}
	issued, err := p.Accounts.IssuePersonal(p.t.Context(), p.actor(), org, d)
	if err != nil {
		p.t.Fatalf("make a personal token: %v", err)
	}
	return issued
}

// TestPersonalExpiry (description D): 1 to 365 days, a year by default, within the
// configuration's limit.
func TestPersonalExpiry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		longest time.Duration
		text    string
		days    int // 0 = refused
	}{
		{0, "", 365},
		{0, "1d", 1},
		{0, "90d", 90},
		{0, "365d", 365},
		{0, "366d", 0},
		{0, "never", 0},
		{0, "0d", 0},
		{0, "2001-01-01", 0},
		{0, "year", 0},
		{30 * 24 * time.Hour, "", 30},
		{30 * 24 * time.Hour, "30d", 30},
		{30 * 24 * time.Hour, "31d", 0},
		{1000 * 24 * time.Hour, "", 365},
		{1000 * 24 * time.Hour, "366d", 0},
	} {
		o := newOffice(t, testkit.Limits(func(l *access.Limits) { l.MaxLifetime = c.longest }))
		p := o.hire("ann@example.com", access.Viewer)
		issued, err := o.Accounts.IssuePersonal(t.Context(), p.actor(), "acme", access.Draft{Label: "x", Expires: c.text})
		if c.days == 0 {
			if access.KindOf(err) != access.Invalid || fields(err)[0] != "expires" || !issued.Secret.IsZero() {
				t.Errorf("%q within %s: %v", c.text, c.longest, err)
			}
			continue
		}
		if want := o.Clock.Now().AddDate(0, 0, c.days); err != nil || !issued.Credential.ExpiresAt.Equal(want) {
			t.Errorf("%q within %s: until %s, %v, want %s", c.text, c.longest, issued.Credential.ExpiresAt, err, want)
		}
	}
}

// TestPersonalTokensFollowTheUser: role ∩ scopes at each request, in both ways of
// use, in every application of the organization and in no other.
func TestPersonalTokensFollowTheUser(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	p := o.hire("ann+ci@example.com", access.Viewer)
	full := p.personal("acme", access.Draft{Label: "full"})
	reader := p.personal("acme", access.Draft{Label: "reader", Scopes: access.Scopes{{API: access.AnyAPI, Action: access.Read}}})
	o.opens("a viewer's", "acme", "billing", "GET", full.Secret, access.Accepted)
	o.opens("a viewer's", "acme", "billing", "POST", full.Secret, access.InsufficientScope)
	o.opens("elsewhere", "beta", "orders", "GET", full.Secret, access.InvalidCredential)
	if _, err := o.Accounts.ChangeRole(ctx, op, "acme", "ann+ci@example.com", access.Owner); err != nil {
		t.Fatal(err)
	}
	o.User("other@example.com", "acme", access.Owner)
	o.opens("an owner's", "acme", "orders", "POST", full.Secret, access.Accepted)
	o.opens("an owner's that reads", "acme", "orders", "POST", reader.Secret, access.InsufficientScope)
	for name, want := range map[string]access.Reason{
		"ann+ci@example.com": access.Accepted, "ANN+ci@Example.com": access.Accepted, "ann ci@example.com": access.InvalidCredential,
		"other@example.com": access.InvalidCredential, "": access.InvalidCredential,
	} {
		v, err := o.Verifier.Verify(ctx, access.Request{Organization: "acme", Application: "orders", Presented: access.Presented{Way: access.WayBasic, Name: name, Secret: full.Secret}})
		if err != nil || v.Reason != want {
			t.Errorf("Basic as %q: %+v, %v", name, v, err)
		}
	}
	if _, err := o.Accounts.RemoveMember(ctx, op, "acme", "ann+ci@example.com"); err != nil {
		t.Fatal(err)
	}
	o.opens("removed", "acme", "orders", "GET", full.Secret, access.CredentialRevoked)
	o.User("ann+ci@example.com", "acme", access.Member)
	o.opens("came back", "acme", "orders", "GET", full.Secret, access.CredentialRevoked)
	fresh := p.personal("acme", access.Draft{Label: "fresh"})
	if _, err := o.Accounts.DisableUser(ctx, op, "ann+ci@example.com"); err != nil {
		t.Fatal(err)
	}
	o.opens("disabled", "acme", "orders", "GET", fresh.Secret, access.UserGone)
}

// TestPersonalForms: a repeated form makes one, for one organization and user; a
// scope can name no API, and no stranger's organization will do.
func TestPersonalForms(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p, q := o.hire("ann@example.com", access.Viewer), o.hire("bob@example.com", access.Viewer)
	o.User("ann@example.com", "beta", access.Viewer)
	first := p.personal("acme", access.Draft{Nonce: "n"})
	before := state(t, o.Store)
	if again := p.personal("acme", access.Draft{Nonce: "n"}); !again.Already || !again.Secret.IsZero() || again.Credential.ID != first.Credential.ID || state(t, o.Store) != before {
		t.Errorf("again: %+v", again)
	}
	for name, issued := range map[string]access.Issued{"elsewhere": p.personal("beta", access.Draft{Nonce: "n"}), "another's": q.personal("acme", access.Draft{Nonce: "n"})} {
		if issued.Already {
			t.Errorf("%s is a repetition", name)
		}
	}
	for name, c := range map[string]struct {
		org   string
		draft access.Draft
		want  access.ErrorKind
	}{
		"no label":               {"acme", access.Draft{}, access.Invalid},
		"a secret for a label":   {"acme", access.Draft{Label: first.Secret.Expose()}, access.Invalid},
		"a scope that names one": {"acme", access.Draft{Label: "x", Scopes: access.Scopes{{API: "backend", Action: access.Read}}}, access.Invalid},
		"unknown organization":   {"gamma", access.Draft{Label: "x"}, access.NotFound},
	} {
		if _, err := o.Accounts.IssuePersonal(t.Context(), p.actor(), c.org, c.draft); access.KindOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := o.Accounts.IssuePersonal(t.Context(), q.actor(), "beta", access.Draft{Label: "x"}); access.KindOf(err) != access.NotFound {
		t.Errorf("no member: %v", err)
	}
}

// TestOwnAndPeoplesTokens: everybody sees and revokes their own, admins those of
// their organization, all or none.
func TestOwnAndPeoplesTokens(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	p, q := o.hire("ann@example.com", access.Viewer), o.hire("bob@example.com", access.Admin)
	o.User("ann@example.com", "beta", access.Viewer)
	one, two, there := p.personal("acme", access.Draft{Label: "one"}), p.personal("acme", access.Draft{Label: "two"}), p.personal("beta", access.Draft{Label: "there"})
	bobs := q.personal("acme", access.Draft{Label: "bob's"})
	o.opens("used", "acme", "orders", "GET", one.Secret, access.Accepted)
	o.FlushUses()
	own, err := o.Accounts.Profile(ctx, p.actor())
	if err != nil || len(own.Tokens) != 3 || len(own.Organizations) != 2 {
		t.Errorf("profile: %d tokens, %d organizations, %v", len(own.Tokens), len(own.Organizations), err)
	}
	for _, u := range own.Tokens {
		if used := u.Credential.ID == one.Credential.ID; used == u.LastUse.At.IsZero() {
			t.Errorf("%s was last used %s", u.Credential.Label, u.LastUse.At)
		}
	}
	list := func(by string) []string {
		t.Helper()
		page, err := o.Registry.PeoplesTokens(ctx, q.actor(), "acme", by, access.CredentialFilter{Live: true})
		if err != nil {
			t.Fatal(err)
		}
		out := []string{}
		for _, u := range page.Tokens {
			out = append(out, page.Users[u.Credential.UserID].Email+" "+u.Credential.Label)
		}
		return out
	}
	if got := list(""); len(got) != 3 {
		t.Errorf("members' tokens: %v", got)
	}
	if got := list(bobs.Credential.UserID); len(got) != 1 || got[0] != "bob@example.com bob's" {
		t.Errorf("bob's: %v", got)
	}
	token := o.Token("acme", "orders", "t", "").Credential.ID
	before := state(t, o.Store)
	for name, id := range map[string]string{"bob's": bobs.Credential.ID, "a token": token, "none": "per_x"} {
		if _, err := o.Accounts.RevokeOwn(ctx, p.actor(), []string{one.Credential.ID, id}); access.KindOf(err) != access.NotFound {
			t.Errorf("ann revokes %s: %v", name, err)
		}
	}
	for name, id := range map[string]string{"of beta": there.Credential.ID, "a token": token, "none": "per_x"} {
		if _, err := o.Registry.EachPersonal(ctx, op, "acme", access.RevokeThem, []string{one.Credential.ID, id}); access.KindOf(err) != access.NotFound {
			t.Errorf("an admin of acme revokes one %s: %v", name, err)
		}
	}
	if _, err := o.Accounts.RevokeOwn(ctx, op, []string{one.Credential.ID}); access.KindOf(err) != access.Unauthenticated {
		t.Errorf("an operator's own: %v", err)
	}
	if state(t, o.Store) != before {
		t.Fatal("something was revoked by an act that failed")
	}
	events := o.count()
	done, err := o.Accounts.RevokeOwn(ctx, p.actor(), []string{one.Credential.ID, there.Credential.ID, one.Credential.ID})
	made := o.since(events)
	if err != nil || len(done) != 2 || len(made) != 2 || made[0].Act != access.ActRevokePersonal || made[1].OrganizationID != there.Credential.OrganizationID {
		t.Errorf("revoked %d, recorded %+v, %v", len(done), made, err)
	}
	events = o.count()
	ids := []string{two.Credential.ID, bobs.Credential.ID}
	for _, verb := range []access.Verb{access.PauseThem, access.ResumeThem, access.RevokeThem} {
		if done, err := o.Registry.EachPersonal(ctx, op, "acme", verb, ids); err != nil || len(done) != 2 {
			t.Errorf("%s: %d, %v", verb, len(done), err)
		}
		want := map[access.Verb]access.Reason{access.PauseThem: access.CredentialPaused, access.ResumeThem: access.Accepted, access.RevokeThem: access.CredentialRevoked}[verb]
		o.opens(string(verb), "acme", "orders", "GET", two.Secret, want)
	}
	if n := len(o.since(events)); n != 6 {
		t.Errorf("%d events, want one a credential and act", n)
	}
	if got := list(""); len(got) != 0 {
		t.Errorf("live ones left: %v", got)
	}
}

// TestRevokeEverything: a user's tokens, access tokens and sessions end at once; an
// admin's reach is the personal tokens of the one organization.
func TestRevokeEverything(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]bool{"by oneself": true, "by an admin": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
			p, q := o.hire("ann@example.com", access.Member), o.hire("bob@example.com", access.Member)
			o.User("ann@example.com", "beta", access.Member)
			phone := o.signIn("ann@example.com")
			here, there, bobs := p.personal("acme", access.Draft{}), p.personal("beta", access.Draft{}), q.personal("acme", access.Draft{})
			granted := o.granted(by("ann@example.com", testkit.Password))
			events := o.count()
			var got access.Revocation
			var err error
			want, left := access.Revocation{Personal: 2, AccessTokens: 1, SignedOut: own}, access.CredentialRevoked
			if own {
				got, err = o.Accounts.RevokeOwnEverything(t.Context(), p.visit(), p.actor(), access.Proof{})
			} else {
				want.Personal, left = 1, access.Accepted
				_, got, err = o.Accounts.RevokeEverything(t.Context(), o.Operator(), "acme", "ann@example.com")
			}
			if err != nil || got != want {
				t.Errorf("revoked %+v, %v, want %+v", got, err, want)
			}
			made := o.since(events)
			if last := made[len(made)-1]; len(made) != want.Personal+1 || last.Act != access.ActRevokeEverything || last.TargetName != "ann@example.com" {
				t.Errorf("recorded %+v", made)
			}
			o.opens("in acme", "acme", "orders", "GET", here.Secret, access.CredentialRevoked)
			o.opens("in beta", "beta", "orders", "GET", there.Secret, left)
			o.opens("the access token", "acme", "orders", "GET", granted.Secret, access.CredentialRevoked)
			o.opens("bob's", "acme", "orders", "GET", bobs.Secret, access.Accepted)
			for _, token := range []secret.Secret{p.token, phone.token} {
				// An organization leaves alone the sessions of somebody who belongs to another.
				if _, err := o.Accounts.Authenticate(t.Context(), token); (access.KindOf(err) == access.Unauthenticated) != own || !own && err != nil {
					t.Errorf("signed out: %v, want %v", err, own)
				}
			}
			q.visit()
		})
	}
}
