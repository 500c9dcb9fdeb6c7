package access_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

func setupDraft(slug string) access.SetupDraft {
	return access.SetupDraft{
		Organization: access.OrganizationDraft{Slug: slug, Name: "Acme"}, Name: "Ann", Owner: credentials("ann@"+slug+".example", testkit.Password),
	}
}

func offer(t *testing.T, s *testkit.Site) secret.Secret {
	t.Helper()
	token, ends, err := s.Accounts.OfferSetup(t.Context())
	if err != nil || token.IsZero() || !ends.Equal(s.Clock.Now().Add(30*time.Minute)) {
		t.Fatalf("OfferSetup = %v, %v, %v", token, ends, err)
	}
	return token
}

// TestSetUp (S9): the link makes the first organization and its owner once, and
// is nothing any more as soon as there is an owner.
func TestSetUp(t *testing.T) {
	t.Parallel()
	s := testkit.Server(t)
	ctx := t.Context()
	if needs, err := s.Accounts.NeedsSetup(ctx); !needs || err != nil {
		t.Fatalf("NeedsSetup = %v, %v", needs, err)
	}
	token := offer(t, s)
	org, in, err := s.Accounts.SetUp(ctx, token, setupDraft("acme"))
	if err != nil || org.Slug != "acme" {
		t.Fatal(err)
	}
	v, err := s.Accounts.Authenticate(ctx, in.Token)
	if err != nil || v.User.Email != "ann@acme.example" || len(v.Organizations) != 1 {
		t.Errorf("signed in as %q, %v", v.User.Email, err)
	}
	if _, err := s.Registry.CreateApplication(ctx, v.Actor(desk, ""), "acme", access.ApplicationDraft{Slug: "orders"}); err != nil {
		t.Errorf("the owner cannot work: %v", err)
	}
	var did []string
	for _, e := range s.Events("acme") {
		did = append(did, string(e.Act))
	}
	if want := "application.create session.sign-in setup.complete member.add user.create api.create application.create organization.create"; strings.Join(did, " ") != want {
		t.Errorf("recorded %v", did)
	}
	for name, again := range map[string]func() error{
		"the same link": func() error { _, _, err := s.Accounts.SetUp(ctx, token, setupDraft("other")); return err },
		"no link":       func() error { _, _, err := s.Accounts.SetUp(ctx, secret.Secret{}, setupDraft("other")); return err },
	} {
		if err := again(); access.KindOf(err) != access.NotFound {
			t.Errorf("%s again: %v", name, err)
		}
	}
	if token, ends, err := s.Accounts.OfferSetup(ctx); err != nil || !token.IsZero() || !ends.IsZero() {
		t.Errorf("a link is offered beside an owner: %v, %v", ends, err)
	}
	if open, err := s.Accounts.SetupOpen(ctx, token); open || err != nil {
		t.Errorf("SetupOpen = %v, %v", open, err)
	}
	if needs, err := s.Accounts.NeedsSetup(ctx); needs || err != nil {
		t.Errorf("NeedsSetup = %v, %v", needs, err)
	}
}

// TestSetUpAtOnce: of eight that come at once, one makes an owner.
func TestSetUpAtOnce(t *testing.T) {
	t.Parallel()
	s := testkit.Server(t)
	token := offer(t, s)
	var made, refused atomic.Int64
	var wait sync.WaitGroup
	for _, slug := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		wait.Go(func() {
			_, _, err := s.Accounts.SetUp(context.Background(), token, setupDraft(slug))
			switch access.KindOf(err) {
			case access.NotFound:
				refused.Add(1)
			default:
				if err != nil {
					t.Errorf("SetUp: %v", err)
				}
				made.Add(1)
			}
		})
	}
	wait.Wait()
	users, err := s.Accounts.Users(t.Context())
	if made.Load() != 1 || refused.Load() != 7 || len(users) != 1 || err != nil {
		t.Errorf("%d made, %d refused, %d users, %v", made.Load(), refused.Load(), len(users), err)
	}
}

func TestSetUpLinkEnds(t *testing.T) {
	t.Parallel()
	s := testkit.Server(t)
	ctx := t.Context()
	replaced, token := offer(t, s), offer(t, s)
	open := func(token secret.Secret) bool {
		t.Helper()
		open, err := s.Accounts.SetupOpen(ctx, token)
		if err != nil {
			t.Fatal(err)
		}
		return open
	}
	if open(replaced) || !open(token) || open(secret.New("guess")) || open(secret.Secret{}) {
		t.Error("a link offered before works, or the last one does not, or a guess does")
	}
	before := state(t, s.Store)
	if _, _, err := s.Accounts.SetUp(ctx, replaced, setupDraft("acme")); access.KindOf(err) != access.NotFound {
		t.Errorf("the link offered before: %v", err)
	}
	s.Clock.Advance(30*time.Minute - time.Microsecond)
	if !open(token) {
		t.Error("over before its end")
	}
	s.Clock.Advance(time.Microsecond)
	if open(token) {
		t.Error("open at its end")
	}
	if _, _, err := s.Accounts.SetUp(ctx, token, setupDraft("acme")); access.KindOf(err) != access.NotFound {
		t.Errorf("a link that is over: %v", err)
	}
	if state(t, s.Store) != before {
		t.Error("something was made")
	}
}

// TestSetUpDraft: bad input says all that is wrong at once and leaves the link usable.
func TestSetUpDraft(t *testing.T) {
	t.Parallel()
	s := testkit.Server(t)
	token := offer(t, s)
	d := access.SetupDraft{Organization: access.OrganizationDraft{Slug: "orgs", Name: "a\x00"}, Name: "a\nb", Owner: credentials("nobody", "short")}
	_, _, err := s.Accounts.SetUp(t.Context(), token, d)
	if want := []string{"slug", "organization", "email", "name", "password"}; access.KindOf(err) != access.Invalid || !cmp.Equal(fields(err), want) {
		t.Errorf("fields %v, want %v: %v", fields(err), want, err)
	}
	if strings.Contains(err.Error(), "short") && !strings.Contains(err.Error(), "shorter") {
		t.Errorf("the error repeats the password: %v", err)
	}
	if _, _, err := s.Accounts.SetUp(t.Context(), token, setupDraft("acme")); err != nil {
		t.Errorf("the link after a bad draft: %v", err)
	}
}

// TestOrganizationComesWithItsSandbox: open, with the echo API, in one transaction.
func TestOrganizationComesWithItsSandbox(t *testing.T) {
	t.Parallel()
	s := testkit.Server(t)
	s.Organization("acme")
	shown, err := s.Registry.Show(t.Context(), s.Operator(), "acme", "sandbox")
	if err != nil || !shown.Application.Switches.Open || len(shown.APIs) != 1 || shown.APIs[0].Slug != "echo" || shown.APIs[0].Upstream != access.EchoUpstream {
		t.Errorf("sandbox: %+v, %v", shown, err)
	}
	s.Application("acme", "orders")
	if shown, err := s.Registry.Show(t.Context(), s.Operator(), "acme", "orders"); err != nil || shown.Application.Switches.Open {
		t.Errorf("another application is open: %v", err)
	}
}
