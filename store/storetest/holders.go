package storetest

import (
	"errors"
	"testing"

	"claviger/internal/access"
)

// twoOrganizations is the world with the organization org_2, its application app_3
// and usr_1 as a member there too.
func (s *suite) twoOrganizations() {
	s.Helper()
	s.world()
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("organization", true)(tx.InsertOrganization(organization("org_2", "beta", "Beta"))),
			expect("application", true)(tx.InsertApplication(application("app_3", "org_2", "orders", "Orders"))),
			expect("membership", true)(tx.InsertMembership(access.Membership{OrganizationID: "org_2", UserID: "usr_1", Role: access.Viewer, CreatedAt: epoch})),
			expect("membership", true)(tx.InsertMembership(access.Membership{OrganizationID: "org_1", UserID: "usr_2", Role: access.Owner, CreatedAt: epoch})),
		)
	})
}

// of returns a credential that belongs to an organization, and there to an
// application, to a user, or to neither.
func of(id, organization, application, user string) access.Credential {
	c := token(id)
	c.OrganizationID, c.ApplicationID, c.UserID = organization, application, user
	switch {
	case user != "":
		c.Kind = access.KindPersonal
	case application == "":
		c.Kind = access.KindClient
	}
	return c
}

func testWhose(_ *testing.T, s *suite) {
	s.twoOrganizations()
	s.insert(of("tok_1", "org_1", "app_1", ""), of("cli_1", "org_1", "", ""), of("cli_2", "org_2", "", ""), of("tok_3", "org_2", "app_3", ""),
		of("per_1", "org_1", "", "usr_1"), of("per_2", "org_2", "", "usr_1"), of("per_3", "org_1", "", "usr_2"))
	s.update(func(tx access.Tx) error {
		return expect("revoke", true)(tx.RevokeCredential("per_3", after(5), "Ada", ""))
	})
	for what, c := range map[string]struct {
		whose access.Whose
		want  []string
	}{
		"an application's":                        {access.Whose{ApplicationID: "app_1"}, []string{"tok_1"}},
		"an application's, named with its own":    {access.Whose{ApplicationID: "app_1", OrganizationID: "org_1"}, []string{"tok_1"}},
		"an organization's own":                   {access.Whose{OrganizationID: "org_1"}, []string{"cli_1"}},
		"another organization's own":              {access.Whose{OrganizationID: "org_2"}, []string{"cli_2"}},
		"a user's everywhere":                     {access.Whose{UserID: "usr_1"}, []string{"per_2", "per_1"}},
		"a user's of one organization":            {access.Whose{UserID: "usr_1", OrganizationID: "org_2"}, []string{"per_2"}},
		"a user's of one, as one of all members'": {access.Whose{UserID: "usr_1", OrganizationID: "org_1", Personal: true}, []string{"per_1"}},
		"all members'":                            {access.Whose{OrganizationID: "org_1", Personal: true}, []string{"per_3", "per_1"}},
		"nobody's":                                {access.Whose{}, []string{}},
		"an unknown user's":                       {access.Whose{UserID: "usr_9", OrganizationID: "org_1"}, []string{}},
	} {
		f := access.CredentialFilter{Whose: c.whose, Now: after(10)}
		found := get(s, func(tx access.ReadTx) ([]access.Credential, error) { return tx.Credentials(f) })
		s.equal(what, ids(found, func(c access.Credential) string { return c.ID }), c.want)
		s.equal(what+", counted", get(s, func(tx access.ReadTx) (int, error) { return tx.CountCredentials(f, 100) }), len(c.want))
	}
	live := access.CredentialFilter{Whose: access.Whose{OrganizationID: "org_1", Personal: true}, Live: true, Now: after(10)}
	found := get(s, func(tx access.ReadTx) ([]access.Credential, error) { return tx.Credentials(live) })
	s.equal("live ones of all members", ids(found, func(c access.Credential) string { return c.ID }), []string{"per_1"})
}

func testNoncesOfHolders(t *testing.T, s *suite) {
	s.twoOrganizations()
	with := func(c access.Credential) access.Credential { c.Nonce = "n"; return c }
	s.insert(with(of("tok_1", "org_1", "app_1", "")), with(of("cli_1", "org_1", "", "")), with(of("cli_2", "org_2", "", "")),
		with(of("per_1", "org_1", "", "usr_1")), with(of("per_2", "org_2", "", "usr_1")), with(of("per_3", "org_1", "", "usr_2")))
	for what, c := range map[string]struct {
		whose access.Whose
		want  string
	}{
		"application":                {access.Whose{ApplicationID: "app_1", OrganizationID: "org_1"}, "tok_1"},
		"organization":               {access.Whose{OrganizationID: "org_1"}, "cli_1"},
		"another organization":       {access.Whose{OrganizationID: "org_2"}, "cli_2"},
		"user":                       {access.Whose{OrganizationID: "org_1", UserID: "usr_1"}, "per_1"},
		"user elsewhere":             {access.Whose{OrganizationID: "org_2", UserID: "usr_1"}, "per_2"},
		"another user":               {access.Whose{OrganizationID: "org_1", UserID: "usr_2"}, "per_3"},
		"application that made none": {access.Whose{ApplicationID: "app_2", OrganizationID: "org_1"}, ""},
		"user who made none":         {access.Whose{OrganizationID: "org_2", UserID: "usr_2"}, ""},
	} {
		find := func(nonce string) func(access.ReadTx) (access.Credential, error) {
			return func(tx access.ReadTx) (access.Credential, error) { return tx.CredentialByNonce(c.whose, nonce) }
		}
		missing(s, what+", no nonce", find(""))
		missing(s, what+", another nonce", find("m"))
		if c.want == "" {
			missing(s, what, find("n"))
			continue
		}
		s.equal(what, get(s, find("n")).ID, c.want)
		again := with(s.credential(c.want))
		again.ID, again.Digest = "x_"+c.want, digest("x_"+c.want)
		s.kind(what+" twice", s.store.Update(t.Context(), func(tx access.Tx) error { return tx.InsertCredential(again) }), access.Conflict)
	}
}

func testCredentialReplacing(_ *testing.T, s *suite) {
	s.world()
	old, first, second := token("tok_1"), token("tok_2"), token("tok_3")
	first.Replaces, second.Replaces, second.CreatedAt = "tok_1", "tok_1", after(1)
	s.insert(old, first, second, token("tok_4"))
	replacing := func(id string) func(access.ReadTx) (access.Credential, error) {
		return func(tx access.ReadTx) (access.Credential, error) { return tx.CredentialReplacing(id) }
	}
	s.equal("the latest one", get(s, replacing("tok_1")), second)
	missing(s, "of what nothing replaces", replacing("tok_2"))
	missing(s, "of nothing", replacing(""))

	end := func(id string, at int) bool {
		return did(s, func(tx access.Tx) (bool, error) { return tx.EndCredential(id, after(at)) })
	}
	s.equal("end what lives for ever", end("tok_1", 50), true)
	s.equal("end it later", end("tok_1", 60), false)
	s.equal("end it at the same time", end("tok_1", 50), false)
	s.equal("end it sooner", end("tok_1", 40), true)
	old.ExpiresAt = after(40)
	s.equal("the end, and nothing else", s.credential("tok_1"), old)
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("revoke", true)(tx.RevokeCredential("tok_4", after(5), "Ada", "")),
			expect("end the revoked", false)(tx.EndCredential("tok_4", after(6))),
			expect("end nothing", false)(tx.EndCredential("tok_9", after(6))),
		)
	})
}

func testMemberChanges(_ *testing.T, s *suite) {
	s.twoOrganizations()
	member := func(org, user string) func(access.ReadTx) (access.Membership, error) {
		return func(tx access.ReadTx) (access.Membership, error) { return tx.Membership(org, user) }
	}
	promoted := access.Membership{OrganizationID: "org_1", UserID: "usr_1", Role: access.Owner, CreatedAt: after(9)}
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("promote", true)(tx.UpdateMembership(promoted)),
			expect("promote a stranger", false)(tx.UpdateMembership(access.Membership{OrganizationID: "org_2", UserID: "usr_2", Role: access.Owner})),
			expect("remove", true)(tx.DeleteMembership("org_1", "usr_2", after(50))),
			expect("remove again", false)(tx.DeleteMembership("org_1", "usr_2", after(50))),
			expect("remove a stranger", false)(tx.DeleteMembership("org_2", "usr_2", after(50))),
		)
	})
	promoted.CreatedAt = epoch
	s.equal("the role, and nothing else", get(s, member("org_1", "usr_1")), promoted)
	s.equal("elsewhere", get(s, member("org_2", "usr_1")).Role, access.Viewer)
	missing(s, "removed", member("org_1", "usr_2"))
	s.equal("the user is still there", get(s, func(tx access.ReadTx) (access.User, error) { return tx.User("usr_2") }).Name, "Ben")
	again := access.Membership{OrganizationID: "org_1", UserID: "usr_2", Role: access.Viewer, CreatedAt: after(20)}
	s.update(func(tx access.Tx) error { return expect("come back", true)(tx.InsertMembership(again)) })
	s.equal("came back", get(s, member("org_1", "usr_2")), again)
}

func testPasswordGrant(_ *testing.T, s *suite) {
	on := func(user string) bool {
		return get(s, func(tx access.ReadTx) (bool, error) { return tx.PasswordGrant(user) })
	}
	s.equal("in an empty store", on(""), false)
	s.twoOrganizations()
	grant := func(id, organization, slug string, to bool) {
		app := application(id, organization, slug, slug)
		app.Switches.PasswordGrant = to
		s.update(func(tx access.Tx) error { return tx.UpdateApplication(app) })
	}
	ask := func(what string, anywhere, first, second bool) {
		s.Helper()
		s.equal(what+": anywhere", on(""), anywhere)
		s.equal(what+": for the member of both", on("usr_1"), first)
		s.equal(what+": for the member of the first", on("usr_2"), second)
		s.equal(what+": for nobody", on("usr_9"), false)
	}
	ask("off", false, false, false)
	grant("app_3", "org_2", "orders", true)
	ask("on in the second", true, true, false)
	grant("app_2", "org_1", "stock", true)
	ask("on in both", true, true, true)
	grant("app_3", "org_2", "orders", false)
	ask("on in the first", true, true, true)
	s.update(func(tx access.Tx) error {
		return expect("remove", true)(tx.DeleteMembership("org_1", "usr_2", after(50)))
	})
	ask("without a membership", true, true, false)
}

func testQueryCredentials(_ *testing.T, s *suite) {
	on := func() bool {
		return get(s, func(tx access.ReadTx) (bool, error) { return tx.QueryCredentials() })
	}
	s.equal("in an empty store", on(), false)
	s.twoOrganizations()
	for _, to := range []bool{false, true, false} {
		app := application("app_3", "org_2", "orders", "orders")
		app.Switches.QueryCredentials, app.Switches.PasswordGrant = to, !to
		s.update(func(tx access.Tx) error { return tx.UpdateApplication(app) })
		s.equal("anywhere", on(), to)
	}
}
