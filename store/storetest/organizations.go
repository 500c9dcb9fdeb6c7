package storetest

import (
	"errors"
	"testing"
	"time"

	"claviger/internal/access"
)

func testOrganizations(t *testing.T, s *suite) {
	b, a := organization("org_b", "beta", "alpha works"), organization("org_a", "acme", "Zeta")
	z := organization("org_z", "zulu", "Ärmel")
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("first", true)(tx.InsertOrganization(b)),
			expect("second", true)(tx.InsertOrganization(a)),
			expect("third", true)(tx.InsertOrganization(z)),
			expect("slug taken", false)(tx.InsertOrganization(organization("org_c", "acme", "Other"))),
			expect("user", true)(tx.InsertUser(user("usr_1", "ada@example.com", "Ada"))),
			expect("member of a", true)(tx.InsertMembership(access.Membership{OrganizationID: "org_a", UserID: "usr_1", Role: access.Owner, CreatedAt: epoch})),
			expect("member of b", true)(tx.InsertMembership(access.Membership{OrganizationID: "org_b", UserID: "usr_1", Role: access.Viewer, CreatedAt: epoch})),
		)
	})
	s.equal("by slug", get(s, func(tx access.ReadTx) (access.Organization, error) { return tx.Organization("acme") }), a)
	s.equal("by id", get(s, func(tx access.ReadTx) (access.Organization, error) { return tx.OrganizationByID("org_b") }), b)
	s.equal("all, by slug", get(s, access.ReadTx.Organizations), []access.Organization{a, b, z})
	of := func(id string) func(access.ReadTx) ([]access.Organization, error) {
		return func(tx access.ReadTx) ([]access.Organization, error) { return tx.OrganizationsOf(id) }
	}
	s.equal("of a user, by name without regard to case", get(s, of("usr_1")), []access.Organization{b, a})
	s.equal("of nobody", get(s, of("usr_9")), []access.Organization(nil))
	missing(s, "slug", func(tx access.ReadTx) (access.Organization, error) { return tx.Organization("ACME") })
	missing(s, "id", func(tx access.ReadTx) (access.Organization, error) { return tx.OrganizationByID("acme") })
}

func testApplications(t *testing.T, s *suite) {
	s.world()
	a := application("app_3", "org_1", "billing", "orders")
	a.Switches = access.Switches{Open: true, QueryCredentials: true, PasswordGrant: true, DefaultTTL: time.Hour, MaxTTL: 365 * 24 * time.Hour}
	a.DefaultAPI, a.CreatedAt = "api_1", after(7)
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("insert", true)(tx.InsertApplication(a)),
			expect("slug taken", false)(tx.InsertApplication(application("app_4", "org_1", "billing", "Other"))),
			expect("other organization", true)(tx.InsertOrganization(organization("org_2", "beta", "Beta"))),
			expect("same slug elsewhere", true)(tx.InsertApplication(application("app_5", "org_2", "billing", "Billing"))),
		)
	})
	bySlug := func(organizationID, slug string) func(access.ReadTx) (access.Application, error) {
		return func(tx access.ReadTx) (access.Application, error) { return tx.Application(organizationID, slug) }
	}
	byID := func(id string) func(access.ReadTx) (access.Application, error) {
		return func(tx access.ReadTx) (access.Application, error) { return tx.ApplicationByID(id) }
	}
	s.equal("by slug", get(s, bySlug("org_1", "billing")), a)
	s.equal("by slug elsewhere", get(s, bySlug("org_2", "billing")).ID, "app_5")
	s.equal("by id", get(s, byID("app_3")), a)
	missing(s, "slug", bySlug("org_2", "orders"))
	missing(s, "id", byID("app_4"))
	all := get(s, func(tx access.ReadTx) ([]access.Application, error) { return tx.Applications("org_1") })
	s.equal("by folded name, then slug", ids(all, func(a access.Application) string { return a.Slug }), []string{"billing", "orders", "stock"})

	changed := a
	changed.Name, changed.Switches, changed.DefaultAPI = "Archive", access.Switches{QueryCredentials: true, MaxTTL: time.Second}, ""
	ignored := changed
	ignored.Slug, ignored.OrganizationID, ignored.CreatedAt = "moved", "org_2", after(99)
	s.update(func(tx access.Tx) error { return tx.UpdateApplication(ignored) })
	s.equal("after an update", get(s, byID("app_3")), changed)
	all = get(s, func(tx access.ReadTx) ([]access.Application, error) { return tx.Applications("org_1") })
	s.equal("by the new name", all[0].Slug, "billing")
	err := s.store.Update(t.Context(), func(tx access.Tx) error { return tx.UpdateApplication(application("app_9", "", "", "")) })
	if !errors.Is(err, access.ErrNoRow) {
		t.Errorf("update of what is not there: error %v, want ErrNoRow", err)
	}
}

func testAPIs(t *testing.T, s *suite) {
	s.world()
	late := access.API{ID: "api_a", ApplicationID: "app_1", Slug: "backend", Name: "Backend", Upstream: access.EchoUpstream, Timeout: 5 * time.Second, CreatedAt: after(2)}
	early := access.API{ID: "api_c", ApplicationID: "app_1", Slug: "oplog", Name: "Oplog", Upstream: "http://127.0.0.1:3000", CreatedAt: after(1)}
	same := access.API{ID: "api_b", ApplicationID: "app_1", Slug: "third", Name: "Third", Upstream: access.EchoUpstream, CreatedAt: after(1)}
	taken := late
	taken.ID = "api_d"
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("late", true)(tx.InsertAPI(late)), expect("early", true)(tx.InsertAPI(early)),
			expect("same", true)(tx.InsertAPI(same)), expect("slug taken", false)(tx.InsertAPI(taken)),
		)
	})
	list := func(id string) func(access.ReadTx) ([]access.API, error) {
		return func(tx access.ReadTx) ([]access.API, error) { return tx.APIs(id) }
	}
	s.equal("in the order of their making", get(s, list("app_1")), []access.API{same, early, late})
	s.equal("of another application", get(s, list("app_2")), []access.API(nil))
	early.Name, early.Upstream, early.Timeout = "Operations", "https://example.com", 90*time.Second
	s.update(func(tx access.Tx) error { return tx.UpdateAPI(early) })
	s.equal("after an update", get(s, list("app_1"))[1], early)
	err := s.store.Update(t.Context(), func(tx access.Tx) error { return tx.UpdateAPI(access.API{ID: "api_9"}) })
	if !errors.Is(err, access.ErrNoRow) {
		t.Errorf("update of what is not there: error %v, want ErrNoRow", err)
	}
}

func testMembers(t *testing.T, s *suite) {
	s.world()
	ben := access.Membership{OrganizationID: "org_1", UserID: "usr_2", Role: access.Viewer, CreatedAt: after(3)}
	first := user("usr_0", "zoe@example.com", "ada")
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("insert", true)(tx.InsertMembership(ben)),
			expect("member already", false)(tx.InsertMembership(access.Membership{OrganizationID: "org_1", UserID: "usr_2", Role: access.Owner, CreatedAt: epoch})),
			expect("user", true)(tx.InsertUser(first)),
			expect("member", true)(tx.InsertMembership(access.Membership{OrganizationID: "org_1", UserID: "usr_0", Role: access.Member, CreatedAt: epoch})),
			expect("disable", true)(tx.DisableUser("usr_2", after(9))),
		)
	})
	s.equal("membership", get(s, func(tx access.ReadTx) (access.Membership, error) { return tx.Membership("org_1", "usr_2") }), ben)
	missing(s, "membership", func(tx access.ReadTx) (access.Membership, error) { return tx.Membership("usr_2", "org_1") })
	all := get(s, func(tx access.ReadTx) ([]access.MemberUser, error) { return tx.Members("org_1") })
	s.equal("by name, then id", ids(all, func(m access.MemberUser) string { return m.User.ID }), []string{"usr_0", "usr_1", "usr_2"})
	s.equal("their memberships", all[2].Membership, ben)
	s.equal("their users", all[0].User, first)
	s.equal("disabled ones", all[2].User.DisabledAt, after(9))
	s.equal("of no organization", get(s, func(tx access.ReadTx) ([]access.MemberUser, error) { return tx.Members("org_9") }), []access.MemberUser(nil))
}

func testTarget(t *testing.T, s *suite) {
	s.world()
	target := func(org, app string) func(access.ReadTx) (access.Target, error) {
		return func(tx access.ReadTx) (access.Target, error) { return tx.Target(org, app) }
	}
	bare := get(s, target("acme", "stock"))
	s.equal("without APIs and basic", bare, access.Target{
		Organization: organization("org_1", "acme", "Acme"), Application: application("app_2", "org_1", "stock", "Stock"), BasicState: access.Disabled,
	})
	two := access.API{ID: "api_2", ApplicationID: "app_1", Slug: "backend", Name: "Backend", Upstream: access.EchoUpstream, CreatedAt: after(2)}
	one := access.API{ID: "api_1", ApplicationID: "app_1", Slug: "oplog", Name: "Oplog", Upstream: access.EchoUpstream, CreatedAt: after(1)}
	s.update(func(tx access.Tx) error {
		return errors.Join(expect("two", true)(tx.InsertAPI(two)), expect("one", true)(tx.InsertAPI(one)))
	})
	basic := token("bas_1")
	basic.Kind, basic.ApplicationID = access.KindBasic, "app_1"
	s.insert(basic, token("tok_1"), token("tok_2"))
	got := get(s, target("acme", "orders"))
	s.equal("APIs in their order", got.APIs, []access.API{one, two})
	s.equal("application", got.Application.ID, "app_1")
	s.equal("basic", got.BasicState, access.Active)
	s.update(func(tx access.Tx) error { return expect("pause", true)(tx.PauseCredential("bas_1", after(5))) })
	s.equal("paused basic", get(s, target("acme", "orders")).BasicState, access.Paused)
	s.update(func(tx access.Tx) error {
		return expect("revoke", true)(tx.RevokeCredential("bas_1", after(6), "Ada", ""))
	})
	s.equal("disabled basic", get(s, target("acme", "orders")).BasicState, access.Disabled)
	missing(s, "application", target("acme", "nothing"))
	missing(s, "organization", target("nothing", "orders"))
}
