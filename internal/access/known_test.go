package access_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"claviger/internal/access"
)

// TestPagesAreOfNow: whoever looked before an act sees what it changed afterwards, in the page and in the bar above it.
func TestPagesAreOfNow(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	ann := o.hire("ann@example.com", access.Admin)
	o.User("boss@example.com", "acme", access.Owner)
	ann.elevate("acme")
	page := func() string {
		m, err := o.Registry.ManageAPI(ctx, ann.actor(), "acme", "orders", access.CredentialFilter{})
		switch {
		case access.KindOf(err) == access.Forbidden:
			return "forbidden"
		case access.KindOf(err) == access.NotFound:
			return "not found"
		case err != nil:
			return err.Error()
		}
		var apis []string
		for _, a := range m.APIs {
			apis = append(apis, a.Slug)
		}
		slices.Sort(apis)
		s := m.Standing
		return fmt.Sprintf("%s of %s / %s, open %t, %v", s.Role, s.Organization.Name, s.Application.Name, s.Application.Switches.Open, apis)
	}
	bar := func() string {
		v, orgs := ann.visit(), []string{}
		for _, org := range v.Organizations {
			orgs = append(orgs, org.Slug)
		}
		return fmt.Sprintf("%v %s", orgs, v.ElevatedScope)
	}
	role := func(r access.Role) error {
		return second(o.Accounts.ChangeRole(ctx, op, "acme", "ann@example.com", r))
	}
	for _, c := range []struct {
		act       string
		do        func() error
		page, bar string
	}{
		{"nothing", func() error { return nil }, "admin of acme / orders, open false, [backend]", "[acme] acme"},
		{"rename", func() error { return o.Registry.RenameApplication(ctx, op, "acme", "orders", "Orders 2") }, "admin of acme / Orders 2, open false, [backend]", "[acme] acme"},
		{"add an API", func() error { o.API("acme", "orders", "second", access.EchoUpstream); return nil }, "admin of acme / Orders 2, open false, [backend second]", "[acme] acme"},
		{"another organization", func() error { o.User("ann@example.com", "beta", access.Viewer); return nil }, "admin of acme / Orders 2, open false, [backend second]", "[acme beta] acme"},
		{"make a viewer", func() error { return role(access.Viewer) }, "forbidden", "[acme beta] "},
		{"make an owner", func() error { return role(access.Owner) }, "owner of acme / Orders 2, open false, [backend second]", "[acme beta] acme"},
		{"remove", func() error { return second(o.Accounts.RemoveMember(ctx, op, "acme", "ann@example.com")) }, "not found", "[beta] "},
	} {
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.act, err)
		}
		for range 2 {
			if gotPage, gotBar := page(), bar(); gotPage != c.page || gotBar != c.bar {
				t.Errorf("%s:\n%s\n%s\nwant\n%s\n%s", c.act, gotPage, gotBar, c.page, c.bar)
			}
		}
	}
	if _, err := o.Registry.ManageAPI(ctx, op, "acme", "later", access.CredentialFilter{}); access.KindOf(err) != access.NotFound {
		t.Error(err)
	}
	o.Application("acme", "later")
	if _, err := o.Registry.ManageAPI(ctx, op, "acme", "later", access.CredentialFilter{}); err != nil {
		t.Error(err)
	}
}

// lateView is a real store in which something happens between somebody's wish to look and the look.
type lateView struct {
	access.Store
	happens func() // nil: nothing
}

// View is the store's, after what happens before it.
func (s *lateView) View(ctx context.Context, read func(access.ReadTx) error) error {
	if happens := s.happens; happens != nil {
		s.happens = nil
		happens()
	}
	return s.Store.View(ctx, read)
}

// TestNobodySeesWhatCameAfter: who looks is judged by the state that is shown. A member who has to wait for a connection,
// and leaves meanwhile, does not see what was made after that.
func TestNobodySeesWhatCameAfter(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	ann := o.hire("ann@example.com", access.Admin)
	o.User("boss@example.com", "acme", access.Owner)
	late := &lateView{Store: o.Store}
	deps := o.Registry.Deps
	deps.Store = late
	registry, accounts := access.NewRegistry(deps), access.NewAccounts(deps)
	actor := ann.actor()
	list := func() error {
		return second(registry.Activity(ctx, actor, "acme", "", access.EventFilter{}))
	}
	orgs := func() int {
		v, err := accounts.Authenticate(ctx, ann.token)
		if err != nil {
			t.Fatal(err)
		}
		return len(v.Organizations)
	}
	for range 2 { // from now on it is remembered
		if err := list(); err != nil || orgs() != 1 {
			t.Fatal(err)
		}
	}
	late.happens = func() {
		if _, err := o.Accounts.RemoveMember(ctx, op, "acme", "ann@example.com"); err != nil {
			t.Error(err)
		}
		o.Token("acme", "orders", "made after she had left", "")
	}
	if err := list(); access.KindOf(err) != access.NotFound {
		t.Errorf("looked after she had left: %v", err)
	}
	for range 2 {
		if n := orgs(); n != 0 {
			t.Fatalf("%d organizations after she had left", n)
		}
	}
	late.happens = func() { o.User("ann@example.com", "acme", access.Viewer) }
	if n := orgs(); n != 1 {
		t.Errorf("%d organizations after she had joined again", n)
	}
}

// TestLowerRoleSeesNothingMore: while others look at the same page without a pause, nobody sees it with a role that they
// have lost, once the act is acknowledged.
func TestLowerRoleSeesNothingMore(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	ann := o.hire("ann@example.com", access.Admin)
	ann.elevate("acme")
	actor := ann.actor()
	look := func() error {
		return second(o.Registry.ManageAPI(ctx, actor, "acme", "orders", access.CredentialFilter{Live: true}))
	}
	done := make(chan struct{})
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for {
				if err := look(); err != nil && access.KindOf(err) != access.Forbidden {
					t.Error(err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 200 {
		r := []access.Role{access.Viewer, access.Admin}[i%2]
		if _, err := o.Accounts.ChangeRole(ctx, op, "acme", "ann@example.com", r); err != nil {
			t.Fatal(err)
		}
		if err := look(); (err == nil) != (r == access.Admin) {
			t.Errorf("act %d: %v as %s", i, err, r)
		}
	}
	close(done)
	others.Wait()
}
