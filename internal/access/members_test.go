package access_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// TestAdminsDoNotTouchOwners: whoever acts on a member, or gives a role, reaches it.
func TestAdminsDoNotTouchOwners(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx := t.Context()
	boss := o.User("boss@example.com", "acme", access.Owner)
	mate := o.User("mate@example.com", "acme", access.Member)
	o.User("stranger@example.com", "beta", access.Member)
	admin := o.hire("ann@example.com", access.Admin)
	admin.elevate("acme")
	a := admin.actor()
	before := state(t, o.Store)
	for name, err := range map[string]error{
		"lower an owner":        second(o.Accounts.ChangeRole(ctx, a, "acme", boss.ID, access.Member)),
		"make an owner":         second(o.Accounts.ChangeRole(ctx, a, "acme", mate.ID, access.Owner)),
		"be an owner":           second(o.Accounts.ChangeRole(ctx, a, "acme", a.UserID, access.Owner)),
		"remove an owner":       second(o.Accounts.RemoveMember(ctx, a, "acme", boss.ID)),
		"disable an owner":      second(o.Accounts.DisableMember(ctx, a, "acme", boss.ID)),
		"disable a member":      second(o.Accounts.DisableMember(ctx, a, "acme", mate.ID)),
		"invite an owner":       second(o.Registry.Invite(ctx, a, "acme", "new@example.com", access.Owner)),
		"end an owner's tokens": second(o.Registry.RevokeMemberAccess(ctx, a, "acme", boss.ID, "")),
		"revoke an owner's all": func() error { _, _, err := o.Accounts.RevokeEverything(ctx, a, "acme", boss.ID); return err }(),
	} {
		if access.KindOf(err) != access.Forbidden {
			t.Errorf("an admin can %s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"a stranger":           second(o.Accounts.RemoveMember(ctx, a, "acme", o.idOf("stranger@example.com"))),
		"nobody":               second(o.Accounts.ChangeRole(ctx, a, "acme", "usr_x", access.Viewer)),
		"a member by email":    second(o.Accounts.ChangeRole(ctx, a, "acme", "mate@example.com", access.Viewer)),
		"an unknown email":     second(o.Accounts.RemoveMember(ctx, o.Operator(), "acme", "x@example.com")),
		"a stranger's details": second(o.Registry.MemberDetail(ctx, a, "acme", o.idOf("stranger@example.com"))),
	} {
		if access.KindOf(err) != access.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, role := range []access.Role{"", "boss", "Owner", "root"} {
		if _, err := o.Accounts.ChangeRole(ctx, o.Operator(), "acme", "mate@example.com", role); access.KindOf(err) != access.Invalid {
			t.Errorf("the role %q: %v", role, err)
		}
		if _, err := o.Registry.Invite(ctx, o.Operator(), "acme", "new@example.com", role); access.KindOf(err) != access.Invalid {
			t.Errorf("an invitation as %q: %v", role, err)
		}
		if _, _, err := o.Accounts.AddMember(ctx, o.Operator(), "beta", access.UserDraft{Email: "mate@example.com"}, role, nil); access.KindOf(err) != access.Invalid {
			t.Errorf("added as %q: %v", role, err)
		}
	}
	if state(t, o.Store) != before {
		t.Error("something was changed by what was refused")
	}
}

// second drops an act's answer.
func second[T any](_ T, err error) error { return err }

func (o *office) idOf(email string) string {
	o.t.Helper()
	users, err := o.Accounts.Users(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	i := slices.IndexFunc(users, func(u access.User) bool { return u.Email == email })
	if i < 0 {
		o.t.Fatalf("no user %s", email)
	}
	return users[i].ID
}

// TestTheLastOwnerStays: by whatever act, and a disabled owner is none.
func TestTheLastOwnerStays(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	boss := o.hire("boss@example.com", access.Owner)
	boss.elevate("acme")
	o.User("gone@example.com", "acme", access.Owner)
	if _, err := o.Accounts.DisableUser(ctx, op, "gone@example.com"); err != nil {
		t.Fatal(err)
	}
	a := boss.actor()
	before := state(t, o.Store)
	last := func(what string) {
		t.Helper()
		for name, err := range map[string]error{
			"lowers":      second(o.Accounts.ChangeRole(ctx, a, "acme", a.UserID, access.Admin)),
			"removes":     second(o.Accounts.RemoveMember(ctx, a, "acme", a.UserID)),
			"disables":    second(o.Accounts.DisableMember(ctx, a, "acme", a.UserID)),
			"is removed":  second(o.Accounts.RemoveMember(ctx, op, "acme", "boss@example.com")),
			"is lowered":  second(o.Accounts.ChangeRole(ctx, op, "acme", "boss@example.com", access.Viewer)),
			"is disabled": second(o.Accounts.DisableMember(ctx, op, "acme", "boss@example.com")),
		} {
			if access.KindOf(err) != access.Conflict {
				t.Errorf("%s: the last owner %s: %v", what, name, err)
			}
		}
	}
	last("beside a disabled one")
	if state(t, o.Store) != before {
		t.Fatal("the organization has lost its owner")
	}
	if _, err := o.Accounts.RemoveMember(ctx, op, "acme", "gone@example.com"); err != nil {
		t.Errorf("a disabled owner beside the last one: %v", err)
	}
	last("alone")
	o.User("next@example.com", "acme", access.Owner)
	if _, err := o.Accounts.ChangeRole(ctx, a, "acme", a.UserID, access.Admin); err != nil {
		t.Errorf("with another owner: %v", err)
	}
	if _, err := o.Accounts.RemoveMember(ctx, a, "acme", o.idOf("next@example.com")); access.KindOf(err) != access.Forbidden {
		t.Errorf("lowered within the elevation: %v", err)
	}
}

// TestTwoOwnersAtOnce: two owners who each lower the other leave one.
func TestTwoOwnersAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.User("one@example.com", "acme", access.Owner)
	o.User("two@example.com", "acme", access.Owner)
	var done, kept atomic.Int64
	var wait sync.WaitGroup
	for _, email := range []string{"one@example.com", "two@example.com"} {
		wait.Go(func() {
			_, err := o.Accounts.ChangeRole(t.Context(), o.Operator(), "acme", email, access.Viewer)
			switch {
			case err == nil:
				done.Add(1)
			case access.KindOf(err) == access.Conflict:
				kept.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if done.Load() != 1 || kept.Load() != 1 {
		t.Errorf("%d lowered, %d kept", done.Load(), kept.Load())
	}
}

// TestDisableMember: it ends the sessions, and is not for users of other organizations too.
func TestDisableMember(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	boss, mate, both := o.hire("boss@example.com", access.Owner), o.hire("mate@example.com", access.Admin), o.hire("both@example.com", access.Member)
	o.User("both@example.com", "beta", access.Viewer)
	boss.elevate("acme")
	if _, err := o.Accounts.DisableMember(t.Context(), boss.actor(), "acme", both.actor().UserID); access.KindOf(err) != access.Conflict {
		t.Errorf("a user of another organization too: %v", err)
	}
	both.visit()
	if _, err := o.Accounts.DisableMember(t.Context(), boss.actor(), "acme", mate.actor().UserID); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Accounts.Authenticate(t.Context(), mate.token); access.KindOf(err) != access.Unauthenticated {
		t.Errorf("disabled and still signed in: %v", err)
	}
}

// TestEnable: the member can sign in again, by an owner or an operator; sessions and what was revoked stay ended, and the rest is
// accepted again.
func TestEnable(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	boss, mate, both := o.hire("boss@example.com", access.Owner), o.hire("mate@example.com", access.Member), o.hire("both@example.com", access.Member)
	o.User("both@example.com", "beta", access.Viewer)
	boss.elevate("acme")
	mateID, bothID := mate.actor().UserID, both.actor().UserID
	kept, revoked := mate.personal("acme", access.Draft{Label: "kept"}), mate.personal("acme", access.Draft{Label: "revoked"})
	if _, err := o.Registry.EachPersonal(ctx, boss.actor(), "acme", access.RevokeThem, []string{revoked.Credential.ID}); err != nil {
		t.Fatal(err)
	}
	for name, does := range map[string][2]func() error{
		"an owner": {
			func() error { return second(o.Accounts.DisableMember(ctx, boss.actor(), "acme", mateID)) },
			func() error { return second(o.Accounts.EnableMember(ctx, boss.actor(), "acme", mateID)) },
		},
		"an operator": {
			func() error { return second(o.Accounts.DisableUser(ctx, op, "mate@example.com")) },
			func() error { return second(o.Accounts.EnableUser(ctx, op, "Mate@Example.com")) },
		},
	} {
		if err := does[0](); err != nil {
			t.Fatalf("%s disables: %v", name, err)
		}
		o.opens(name+" has disabled", "acme", "orders", "GET", kept.Secret, access.UserGone)
		events := o.count()
		for range 2 { // the second time changes nothing
			if err := does[1](); err != nil {
				t.Fatalf("%s enables: %v", name, err)
			}
		}
		if made := o.since(events); len(made) != 1 || made[0].Act != access.ActEnableUser || made[0].OrganizationID == "" {
			t.Errorf("%s: events %+v", name, made)
		}
		o.opens(name+" has enabled", "acme", "orders", "GET", kept.Secret, access.Accepted)
		o.opens("revoked before", "acme", "orders", "GET", revoked.Secret, access.CredentialRevoked)
		if _, err := o.Accounts.Authenticate(ctx, mate.token); access.KindOf(err) != access.Unauthenticated {
			t.Errorf("a session lives again: %v", err)
		}
	}
	if _, err := o.Accounts.EnableMember(ctx, boss.actor(), "acme", bothID); access.KindOf(err) != access.Conflict {
		t.Errorf("a user of another organization too: %v", err)
	}
	for _, email := range []string{"nobody@example.com", ""} {
		if _, err := o.Accounts.EnableUser(ctx, op, email); access.KindOf(err) != access.NotFound {
			t.Errorf("enable %q: %v", email, err)
		}
	}
}

// TestResetPassword: the old password and the sessions are gone, the new one works.
func TestResetPassword(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Viewer)
	reset := func(text string) error {
		_, err := o.Accounts.ResetPassword(t.Context(), o.Operator(), "Ann@Example.com", func() (secret.Secret, error) { return secret.New(text), nil })
		return err
	}
	if err := reset("short"); access.KindOf(err) != access.Invalid {
		t.Errorf("a short one: %v", err)
	}
	p.visit()
	if err := reset("a new long password"); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Accounts.Authenticate(t.Context(), p.token); access.KindOf(err) != access.Unauthenticated {
		t.Errorf("still signed in: %v", err)
	}
	if err := o.attempt("ann@example.com", testkit.Password, "", ""); access.KindOf(err) != access.Unauthenticated {
		t.Errorf("the old password: %v", err)
	}
	if err := o.attempt("ann@example.com", "a new long password", "", ""); err != nil {
		t.Errorf("the new password: %v", err)
	}
	_, err := o.Accounts.ResetPassword(t.Context(), o.Operator(), "x@example.com", func() (secret.Secret, error) {
		t.Error("asked for the password of nobody")
		return secret.Secret{}, nil
	})
	if access.KindOf(err) != access.NotFound {
		t.Errorf("of nobody: %v", err)
	}
}

func (o *office) invite(email string, role access.Role) access.Invited {
	o.t.Helper()
	invited, err := o.Registry.Invite(o.t.Context(), o.Operator(), "acme", email, role)
	if err != nil {
		o.t.Fatal(err)
	}
	return invited
}

func (o *office) accept(token secret.Secret, password string) (access.SignedIn, error) {
	_, in, err := o.Accounts.AcceptInvite(o.t.Context(), token, "Cleo", access.Credentials{Email: "evil@example.com", Password: secret.New(password), Caller: desk, Agent: "test/1"})
	return in, err
}

// TestInvitations: a new user chooses a password, a known one gives theirs; once,
// within 72 hours, unless it is withdrawn.
func TestInvitations(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	known := o.User("known@example.com", "beta", access.Owner)
	first, second := o.invite("Cleo@Example.com", access.Member), o.invite("known@example.com", access.Admin)
	if _, err := o.accept(first.Token, "short"); access.KindOf(err) != access.Invalid {
		t.Errorf("a short password: %v", err)
	}
	events := o.count()
	in, err := o.accept(first.Token, "a long new password")
	if err != nil {
		t.Fatal(err)
	}
	var acts []access.Act
	for _, e := range o.since(events) {
		acts = append(acts, e.Act)
	}
	if want := []access.Act{access.ActCreateUser, access.ActSignIn, access.ActJoin}; !slices.Equal(acts, want) {
		t.Errorf("recorded %v, want %v", acts, want)
	}
	cleo := &person{o, "cleo@example.com", in.Token, in.Device}
	if v := cleo.visit(); v.User.Email != "Cleo@Example.com" || v.User.Name != "Cleo" {
		t.Errorf("joined as %+v", v.User)
	}
	for i := range 2 {
		if _, err := o.accept(second.Token, "a wrong password"); access.KindOf(err) != access.Unauthenticated {
			t.Errorf("a known user's wrong password, %d: %v", i+1, err)
		}
	}
	if in, err := o.accept(second.Token, testkit.Password); err != nil || in.User.ID != known.ID {
		t.Errorf("a known user: %+v, %v", in.User, err)
	}
	page, err := o.Registry.MembersPage(t.Context(), o.Operator(), "acme")
	if err != nil || len(page.Members) != 2 || len(page.Invites) != 0 {
		t.Errorf("%d members, %d invitations, %v", len(page.Members), len(page.Invites), err)
	}
	late, withdrawn := o.invite("late@example.com", access.Viewer), o.invite("late@example.com", access.Viewer)
	if _, err := o.Registry.WithdrawInvite(t.Context(), o.Operator(), "acme", withdrawn.Invite.ID); err != nil {
		t.Fatal(err)
	}
	o.Clock.Advance(72*time.Hour - time.Microsecond)
	if open, err := o.Accounts.OpenInvite(t.Context(), late.Token); err != nil || open.Known || open.Organization.Slug != "acme" {
		t.Errorf("just before its end: %+v, %v", open, err)
	}
	o.Clock.Advance(time.Microsecond)
	before := state(t, o.Store)
	for name, token := range map[string]secret.Secret{"used": first.Token, "withdrawn": withdrawn.Token, "over": late.Token, "none": {}, "unknown": secret.New("x")} {
		if _, err := o.accept(token, "a long new password"); access.KindOf(err) != access.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := o.Registry.Invite(t.Context(), o.Operator(), "acme", "cleo@example.com", access.Owner); access.KindOf(err) != access.Conflict {
		t.Errorf("a member is invited: %v", err)
	}
	if _, err := o.Registry.WithdrawInvite(t.Context(), o.Operator(), "beta", late.Invite.ID); access.KindOf(err) != access.NotFound {
		t.Errorf("withdrawn from another organization: %v", err)
	}
	if state(t, o.Store) != before {
		t.Error("something was changed by what was refused")
	}
}

// TestInvitationAtOnce: of four that take it up at once, one comes in.
func TestInvitationAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	invited := o.invite("cleo@example.com", access.Owner)
	var in atomic.Int64
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			signedIn, err := o.accept(invited.Token, "a long new password")
			if err == nil {
				in.Add(1)
			} else if kind := access.KindOf(err); kind != access.NotFound && kind != access.Conflict {
				t.Errorf("%v: %v", signedIn.User.ID, err)
			}
		})
	}
	wait.Wait()
	if in.Load() != 1 || len(o.idOf("cleo@example.com")) == 0 {
		t.Errorf("%d came in", in.Load())
	}
}
