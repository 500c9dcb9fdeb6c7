package access_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// This file keeps what a security review found from coming back.

// openInvites returns how many open invitations of acme there are.
func (o *office) openInvites() int {
	o.t.Helper()
	page, err := o.Registry.MembersPage(o.t.Context(), o.Operator(), "acme")
	if err != nil {
		o.t.Fatalf("list the members: %v", err)
	}
	return len(page.Invites)
}

// membersOf returns the roles of an organization's members, by email.
func (o *office) membersOf(org string) map[string]access.Role {
	o.t.Helper()
	page, err := o.Registry.MembersPage(o.t.Context(), o.Operator(), org)
	if err != nil {
		o.t.Fatalf("list the members: %v", err)
	}
	out := map[string]access.Role{}
	for _, m := range page.Members {
		out[m.User.EmailKey] = m.Membership.Role
	}
	return out
}

// actsOf counts events by their act.
func actsOf(events []access.Event) map[access.Act]int {
	out := map[access.Act]int{}
	for _, e := range events {
		out[e.Act]++
	}
	return out
}

// TestInvitationsOfThoseWhoLeave: an invitation from before is no way back in, nor up
// to the role that somebody was lowered from; only the one's whose they are end.
func TestInvitationsOfThoseWhoLeave(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(o *office) error{
		"removed": func(o *office) error {
			return second(o.Accounts.RemoveMember(o.t.Context(), o.Operator(), "acme", "ann@example.com"))
		},
		"lowered": func(o *office) error {
			return second(o.Accounts.ChangeRole(o.t.Context(), o.Operator(), "acme", "ann@example.com", access.Viewer))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			older, others := o.invite("Ann@Example.com", access.Admin), o.invite("bob@example.com", access.Member)
			o.User("ann@example.com", "acme", access.Admin) // by another way than the invitation
			if err := act(o); err != nil {
				t.Fatal(err)
			}
			if n := o.openInvites(); n != 1 {
				t.Errorf("%d invitations are open, want bob's alone", n)
			}
			if _, err := o.accept(older.Token, testkit.Password); access.KindOf(err) != access.NotFound {
				t.Errorf("the older invitation: %v", err)
			}
			if role := o.membersOf("acme")["ann@example.com"]; role.Reaches(access.Member) {
				t.Errorf("ann is %s", role)
			}
			if _, err := o.accept(others.Token, "a long new password"); err != nil {
				t.Errorf("bob's invitation: %v", err)
			}
		})
	}
}

// TestInvitationsOfMakersWhoLeave: who was removed or lowered invites nobody, and what
// is refused makes neither a user nor a member.
func TestInvitationsOfMakersWhoLeave(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		role   access.Role // of the invitation
		become access.Role // of its maker, who was an owner; empty = removed
		holds  bool
	}{
		{"as it was", access.Owner, access.Owner, true},
		{"removed", access.Viewer, "", false},
		{"lowered to member", access.Viewer, access.Member, false},
		{"lowered below the invitation", access.Owner, access.Admin, false},
		{"lowered, but not below it", access.Admin, access.Admin, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.User("boss@example.com", "acme", access.Owner)
			maker := o.hire("maker@example.com", access.Owner)
			maker.elevate("acme")
			invited, err := o.Registry.Invite(t.Context(), maker.actor(), "acme", "cleo@example.com", c.role)
			if err != nil {
				t.Fatal(err)
			}
			if c.become == "" {
				_, err = o.Accounts.RemoveMember(t.Context(), o.Operator(), "acme", "maker@example.com")
			} else {
				_, err = o.Accounts.ChangeRole(t.Context(), o.Operator(), "acme", "maker@example.com", c.become)
			}
			if err != nil {
				t.Fatal(err)
			}
			before := state(t, o.Store)
			_, err = o.accept(invited.Token, "a long new password")
			if c.holds {
				if err != nil || len(o.membersOf("acme")) != 3 {
					t.Errorf("it no longer holds: %v", err)
				}
				return
			}
			if access.KindOf(err) != access.NotFound {
				t.Errorf("it still holds: %v", err)
			}
			if state(t, o.Store) != before {
				t.Error("something was made")
			}
		})
	}
}

// TestOneInvitationIsTakenUp: with one the others of that email end, those of others
// and of other organizations do not; a member's is no way to another role.
func TestOneInvitationIsTakenUp(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first, next, others := o.invite("cleo@example.com", access.Viewer), o.invite("CLEO@example.com", access.Admin), o.invite("dan@example.com", access.Member)
	there, err := o.Registry.Invite(t.Context(), o.Operator(), "beta", "cleo@example.com", access.Member)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.accept(first.Token, testkit.Password); err != nil {
		t.Fatal(err)
	}
	if _, err := o.accept(next.Token, testkit.Password); access.KindOf(err) != access.NotFound {
		t.Errorf("a second one of the same email: %v", err)
	}
	if _, err := o.accept(there.Token, testkit.Password); err != nil {
		t.Errorf("another organization's: %v", err)
	}
	o.User("dan@example.com", "acme", access.Viewer)
	events := o.count()
	if _, err := o.accept(others.Token, testkit.Password); access.KindOf(err) != access.Conflict {
		t.Errorf("one who is a member already: %v", err)
	}
	if made := o.membersOf("acme"); made["dan@example.com"] != access.Viewer || made["cleo@example.com"] != access.Viewer {
		t.Errorf("members: %v", made)
	}
	if n := o.openInvites(); n != 1 {
		t.Errorf("%d invitations are open, want dan's, which was not used", n)
	}
	if did := actsOf(o.since(events)); did[access.ActJoin] != 0 {
		t.Errorf("recorded %v", did)
	}
}

// elsewhere makes ann a member of acme and beta, with the password grant on in both
// organizations' orders.
func (o *office) elsewhere() access.User {
	o.t.Helper()
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	if err := o.Registry.Switch(o.t.Context(), o.Operator(), "beta", "orders", access.SwitchDraft{PasswordGrant: to(true)}); err != nil {
		o.t.Fatal(err)
	}
	o.User("ann@example.com", "acme", access.Member)
	return o.User("ann@example.com", "beta", access.Member)
}

// TestAnotherOrganizationsTokens: what an organization's admins see, count and revoke
// of a member leaves out what opens another one only.
func TestAnotherOrganizationsTokens(t *testing.T) {
	t.Parallel()
	for name, revoke := range map[string]func(o *office) (int, error){
		"everything": func(o *office) (int, error) {
			_, out, err := o.Accounts.RevokeEverything(o.t.Context(), o.Operator(), "acme", "ann@example.com")
			if out.SignedOut {
				o.t.Error("they say that the other organization's member was signed out")
			}
			return out.AccessTokens, err
		},
		"access tokens": func(o *office) (int, error) {
			return o.Registry.RevokeMemberAccess(o.t.Context(), o.Operator(), "acme", "ann@example.com", "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			user, p := o.elsewhere(), o.signIn("ann@example.com")
			ask := by("ann@example.com", testkit.Password)
			ours, theirs, free := o.granted(at(ask, "acme", "orders")), o.granted(at(ask, "beta", "orders")), o.granted(ask)
			o.counted(user, ours.Token.ID, free.Token.ID)
			if _, err := o.Registry.RevokeMemberAccess(t.Context(), o.Operator(), "acme", user.Email, theirs.Token.ID); access.KindOf(err) != access.NotFound {
				t.Errorf("the other organization's, by its id: %v", err)
			}
			if n, err := revoke(o); n != 2 || err != nil {
				t.Errorf("revoked %d, %v, want 2", n, err)
			}
			o.counted(user)
			o.opens("ours", "acme", "orders", "GET", ours.Secret, access.CredentialRevoked)
			o.opens("for any", "beta", "orders", "GET", free.Secret, access.CredentialRevoked)
			o.opens("theirs", "beta", "orders", "POST", theirs.Secret, access.Accepted)
			if _, err := o.Accounts.Authenticate(t.Context(), p.token); err != nil {
				t.Errorf("the session: %v", err)
			}
			if profile, err := o.Accounts.Profile(t.Context(), p.actor()); err != nil || profile.AccessTokens != 1 {
				t.Errorf("their own page counts %d, %v", profile.AccessTokens, err)
			}
		})
	}
}

// counted compares what acme's pages tell of a member's access tokens.
func (o *office) counted(user access.User, want ...string) {
	o.t.Helper()
	ctx, op := o.t.Context(), o.Operator()
	page, err1 := o.Registry.MembersPage(ctx, op, "acme")
	detail, err2 := o.Registry.MemberDetail(ctx, op, "acme", user.ID)
	list, err3 := o.Registry.MemberAccess(ctx, op, "acme", user.ID)
	if err := errors.Join(err1, err2, err3); err != nil {
		o.t.Fatal(err)
	}
	if page.AccessTokens[user.ID] != len(want) || detail.AccessTokens != len(want) || len(list.Tokens) != len(want) {
		o.t.Errorf("counted %d and %d, listed %d, want %d", page.AccessTokens[user.ID], detail.AccessTokens, len(list.Tokens), len(want))
	}
	for _, id := range want {
		if !slices.ContainsFunc(list.Tokens, func(a access.AccessToken) bool { return a.ID == id }) {
			o.t.Errorf("%s is not listed", id)
		}
	}
}

// TestRevokeEverythingSignsOut whoever belongs to no other organization.
func TestRevokeEverythingSignsOut(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Member)
	if _, out, err := o.Accounts.RevokeEverything(t.Context(), o.Operator(), "acme", "ann@example.com"); err != nil || !out.SignedOut {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := o.Accounts.Authenticate(t.Context(), p.token); access.KindOf(err) != access.Unauthenticated {
		t.Errorf("the session: %v", err)
	}
}

// TestUpstreamTakesElevation: an upstream of one's own does, the echo does not, and
// operators have their reason instead.
func TestUpstreamTakesElevation(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Admin)
	add := func(a access.Actor, slug, upstream string) error {
		_, err := o.Registry.CreateAPI(t.Context(), a, "acme", "orders", access.APIDraft{Slug: slug, Upstream: upstream})
		return err
	}
	events := o.count()
	if err := add(p.actor(), "real", "http://127.0.0.1:9"); access.KindOf(err) != access.ElevationRequired {
		t.Errorf("not elevated: %v", err)
	}
	p.elevate("acme/billing")
	if err := add(p.actor(), "real", "http://127.0.0.1:9"); access.KindOf(err) != access.ElevationRequired {
		t.Errorf("elevated for another application: %v", err)
	}
	p.drop()
	if did := actsOf(o.since(events)); did[access.ActCreateAPI] != 0 {
		t.Errorf("recorded %v", did)
	}
	if err := add(p.actor(), "echo", access.EchoUpstream); err != nil {
		t.Errorf("the echo: %v", err)
	}
	if err := add(o.Operator(), "real", "http://127.0.0.1:9"); err != nil {
		t.Errorf("an operator: %v", err)
	}
	p.elevate("acme/orders")
	events = o.count()
	if err := add(p.actor(), "second", "http://127.0.0.1:9"); err != nil {
		t.Fatalf("elevated: %v", err)
	}
	if e := o.since(events)[0]; e.ElevationID == "" || e.Reason != testkit.Reason {
		t.Errorf("recorded without its elevation: %+v", e)
	}
}

// TestResetAndDisableReachEveryOrganization: the access tokens that an old password
// got end with it, and each organization's Activity shows what operators did.
func TestResetAndDisableReachEveryOrganization(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	user := o.elsewhere()
	o.Organization("gamma") // theirs it is none of
	ask := by("ann@example.com", testkit.Password)
	free, bound := o.granted(ask), o.granted(at(ask, "beta", "orders"))
	fresh := func() (secret.Secret, error) { return secret.New("another long password"), nil }
	if _, err := o.Accounts.ResetPassword(ctx, op, "ann@example.com", fresh); err != nil {
		t.Fatal(err)
	}
	o.opens("for any", "acme", "orders", "GET", free.Secret, access.CredentialRevoked)
	o.opens("bound", "beta", "orders", "GET", bound.Secret, access.CredentialRevoked)
	after := o.granted(by("ann@example.com", "another long password"))
	o.opens("after the reset", "acme", "orders", "GET", after.Secret, access.Accepted)
	if _, err := o.Accounts.DisableUser(ctx, op, "ann@example.com"); err != nil {
		t.Fatal(err)
	}
	for org, want := range map[string]int{"acme": 1, "beta": 1, "gamma": 0} {
		for _, act := range []access.Act{access.ActResetPassword, access.ActDisableUser} {
			page, err := o.Registry.Activity(ctx, op, org, "", access.EventFilter{Act: act, TargetID: user.ID})
			if err != nil || len(page.Events) != want {
				t.Errorf("%s shows %d of %s, %v, want %d", org, len(page.Events), act, err, want)
			}
			if want == 1 && len(page.Events) == 1 && (page.Events[0].Reason != testkit.Reason || page.Events[0].TargetName != "ann@example.com") {
				t.Errorf("%s shows %+v", org, page.Events[0])
			}
		}
	}
	o.User("lone@example.com", "beta", access.Member)
	if _, err := o.Accounts.RemoveMember(ctx, op, "beta", "lone@example.com"); err != nil {
		t.Fatal(err)
	}
	events := o.count()
	if _, err := o.Accounts.DisableUser(ctx, op, "lone@example.com"); err != nil {
		t.Fatal(err)
	}
	if made := o.since(events); len(made) != 1 || made[0].OrganizationID != "" || made[0].Act != access.ActDisableUser {
		t.Errorf("of nobody's member: %+v", made)
	}
}

// TestTokensFromBeforeReJoining stay refused, bound to the organization or not.
func TestTokensFromBeforeReJoining(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.elsewhere()
	ask := by("ann@example.com", testkit.Password)
	free, bound := o.granted(ask), o.granted(at(ask, "acme", "orders"))
	o.Clock.Advance(time.Second)
	if _, err := o.Accounts.RemoveMember(t.Context(), o.Operator(), "acme", "ann@example.com"); err != nil {
		t.Fatal(err)
	}
	o.Clock.Advance(time.Second)
	o.User("ann@example.com", "acme", access.Owner)
	o.opens("for any", "acme", "orders", "GET", free.Secret, access.UserGone)
	o.opens("bound", "acme", "orders", "GET", bound.Secret, access.UserGone)
	o.opens("for any, where they stayed", "beta", "orders", "POST", free.Secret, access.Accepted)
	o.opens("for any, since then", "acme", "orders", "POST", o.granted(ask).Secret, access.Accepted)
	o.opens("bound, since then", "acme", "orders", "POST", o.granted(at(ask, "acme", "orders")).Secret, access.Accepted)
}
