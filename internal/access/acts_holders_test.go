package access_test

import (
	"context"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// stock makes what the acts of the matrix are done to, and returns the id of a
// token of acme/orders.
func (o *office) stock() string {
	o.t.Helper()
	must := func(err error) {
		o.t.Helper()
		if err != nil {
			o.t.Fatal(err)
		}
	}
	ctx, op := o.t.Context(), o.Operator()
	must(o.Store.Update(ctx, func(tx access.Tx) error { return second(tx.MarkUnconfirmed(o.Clock.Now())) })) // Basic: there is nothing else yet
	o.User("leaver@example.com", "acme", access.Viewer)
	o.ids["idle"] = o.User("idle@example.com", "acme", access.Member).ID
	for _, name := range []string{"asleep", "resting"} { // disabled, to be enabled again
		o.ids[name] = o.User(name+"@example.com", "acme", access.Member).ID
		must(second(o.Accounts.DisableUser(ctx, op, name+"@example.com")))
	}
	mate := o.hire("mate@example.com", access.Member)
	o.ids["mate"] = mate.actor().UserID
	for _, name := range []string{"p1", "p2", "p3"} {
		issued, err := o.Accounts.IssuePersonal(ctx, mate.actor(), "acme", access.Draft{Label: name})
		must(err)
		o.ids[name] = issued.Credential.ID
	}
	on := true
	must(o.Registry.Switch(ctx, op, "acme", "orders", access.SwitchDraft{PasswordGrant: &on}))
	for client, app := range map[string]string{"app client": "orders", "org client": ""} {
		issued, err := o.Registry.IssueClient(ctx, op, "acme", app, access.Draft{Label: client})
		must(err)
		o.ids[client] = issued.Credential.ID
		for _, n := range []string{" 1", " 2"} {
			granted, err := o.Authority.Grant(ctx, access.Ask{Grant: access.ClientCredentials, ClientID: issued.Credential.ID, ClientSecret: issued.Secret, Caller: desk})
			must(err)
			o.ids[client+n] = granted.Token.ID
		}
	}
	for _, n := range []string{"mate 1", "mate 2"} {
		granted, err := o.Authority.Grant(ctx, access.Ask{Grant: access.PasswordGrant, Username: "mate@example.com", Password: secret.New(testkit.Password), Caller: desk})
		must(err)
		o.ids[n] = granted.Token.ID
	}
	invited, err := o.Registry.Invite(ctx, op, "acme", "invited@example.com", access.Member)
	must(err)
	o.ids["invite"] = invited.Invite.ID
	o.ids["replaced"] = o.Token("acme", "orders", "to be replaced", "").Credential.ID
	return o.Token("acme", "orders", "its label", "").Credential.ID
}

// named is how an actor names a member: operators by email, people by id.
func (o *office) named(a access.Actor, who string) string {
	if a.UserID == "" {
		return who + "@example.com"
	}
	return o.ids[who]
}

func readingHolders() []act {
	return []act{
		{"Clients", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Clients(ctx, a, "acme", "orders")
			return err
		}, true},
		{"Clients", byOwnersRead, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Clients(ctx, a, "acme", "")
			return err
		}, true},
		{"Token", byOwners, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Token(ctx, a, "acme", "", o.ids["org client"])
			return err
		}, true},
		{"StandElevated", byOwners, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, _, err := o.Registry.StandElevated(ctx, a, "acme", "")
			return err
		}, true},
		{"StandElevatedAdmin", byOrgAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.StandElevatedAdmin(ctx, a, "acme")
			return err
		}, true},
		{"MembersPage", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.MembersPage(ctx, a, "acme")
			return err
		}, true},
		{"PeoplesTokens", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.PeoplesTokens(ctx, a, "acme", "", access.CredentialFilter{})
			return err
		}, true},
		{"ChosenPeoples", byOrgAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.ChosenPeoples(ctx, a, "acme", []string{o.ids["p1"]})
			return err
		}, true},
		{"MemberDetail", byOrgAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.MemberDetail(ctx, a, "acme", o.ids["mate"])
			return err
		}, true},
		{"MemberAccess", byOrgAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.MemberAccess(ctx, a, "acme", o.ids["mate"])
			return err
		}, true},
		{"Settings", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Settings(ctx, a, "acme", "orders")
			return err
		}, true},
		{"Inspect", byOrgAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Verifier.Inspect(ctx, a, "acme", "anything")
			return err
		}, true},
	}
}

// each is an act on one client of the organization, which takes an owner.
func each(name string, verb access.Verb) act {
	return act{name, byOwners, func(ctx context.Context, o *office, a access.Actor, _ string) error {
		_, err := o.Registry.Each(ctx, a, "acme", "", verb, []string{o.ids["org client"]})
		return err
	}, false}
}

func changingClients() []act {
	return []act{
		{"IssueClient", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.IssueClient(ctx, a, "acme", "orders", access.Draft{Label: "made by " + a.Name})
			return err
		}, false},
		{"IssueClient", byOwners, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.IssueClient(ctx, a, "acme", "", access.Draft{Label: "made by " + a.Name})
			return err
		}, false},
		{"RenameClient", byOwners, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			return o.Registry.Rename(ctx, a, "acme", "", o.ids["org client"], "renamed")
		}, false},
		{"RestrictClient", byOwners, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			return o.Registry.Restrict(ctx, a, "acme", "", o.ids["org client"], narrower())
		}, false},
		{"Replace", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Replace(ctx, a, "acme", "orders", o.ids["replaced"], access.ReplaceDraft{End: "now"})
			return err
		}, false},
		{"ReplaceClient", byOwners, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Replace(ctx, a, "acme", "", o.ids["org client"], access.ReplaceDraft{End: "7d"})
			return err
		}, false},
		{"RevokeAccessToken", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.RevokeAccessToken(ctx, a, "acme", "orders", o.ids["app client"], o.ids["app client 1"])
			return err
		}, false},
		{"RevokeAccessTokens", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.RevokeAccessTokens(ctx, a, "acme", "orders", o.ids["app client"])
			return err
		}, false},
		{"RevokeAccessToken", byOwners, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.RevokeAccessToken(ctx, a, "acme", "", o.ids["org client"], o.ids["org client 1"])
			return err
		}, false},
		each("PauseClients", access.PauseThem),
		each("ResumeClients", access.ResumeThem),
		each("RevokeClients", access.RevokeThem),
		{"Switch", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			seconds, on := int64(60), true
			return o.Registry.Switch(ctx, a, "acme", "orders", access.SwitchDraft{DefaultTTL: &seconds, QueryCredentials: &on})
		}, false},
		{"Switch", byAppOwners, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			open := true
			return o.Registry.Switch(ctx, a, "acme", "orders", access.SwitchDraft{Open: &open})
		}, false},
	}
}

func changingMembers() []act {
	return []act{
		{"IssuePersonal", byThemselves, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Accounts.IssuePersonal(ctx, a, "acme", access.Draft{Label: "my own"})
			return err
		}, false},
		{"Invite", byOrgAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Invite(ctx, a, "acme", "new@example.com", access.Admin)
			return err
		}, false},
		{"Invite", byOrgOwners, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Invite(ctx, a, "acme", "boss@example.com", access.Owner)
			return err
		}, false},
		{"WithdrawInvite", byOrgAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.WithdrawInvite(ctx, a, "acme", o.ids["invite"])
			return err
		}, false},
		{"ChangeRole", byOrgAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Accounts.ChangeRole(ctx, a, "acme", o.named(a, "mate"), access.Viewer)
			return err
		}, false},
		{"RevokeMemberAccess", byOrgAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.RevokeMemberAccess(ctx, a, "acme", o.named(a, "mate"), o.ids["mate 1"])
			return err
		}, false},
		{"RevokeMemberAccess", byOrgAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.RevokeMemberAccess(ctx, a, "acme", o.named(a, "mate"), "")
			return err
		}, false},
		{"EachPersonal", byOrgAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.EachPersonal(ctx, a, "acme", access.RevokeThem, []string{o.ids["p1"]})
			return err
		}, false},
		{"RemoveMember", byOrgAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Accounts.RemoveMember(ctx, a, "acme", o.named(a, "idle"))
			return err
		}, false},
		{"RevokeEverything", byOrgAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, _, err := o.Accounts.RevokeEverything(ctx, a, "acme", o.named(a, "mate"))
			return err
		}, false},
		{"DisableMember", byOrgOwners, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Accounts.DisableMember(ctx, a, "acme", o.named(a, "mate"))
			return err
		}, false},
		{"EnableMember", byOrgOwners, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Accounts.EnableMember(ctx, a, "acme", o.named(a, "asleep"))
			return err
		}, false},
		{"ResetPassword", byOpsExplain, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Accounts.ResetPassword(ctx, a, "mate@example.com", func() (secret.Secret, error) { return secret.New("another long password"), nil })
			return err
		}, false},
	}
}
