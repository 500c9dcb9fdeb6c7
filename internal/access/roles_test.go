package access_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// reach is what an act needs, as a column of the matrix below.
type reach int

const (
	byMembers    reach = iota // viewer
	byWriters                 // member
	byAdmins                  // admin, not elevated
	byElevated                // admin, elevated for the application
	byOwners                  // owner, elevated for the whole organization
	byOperators               // the command line alone
	byOpsExplain              // the command line alone, with a reason
)

// act is one act of the Registry or Accounts on acme/orders. Acts come in an order
// in which each can be done when those before it were.
type act struct {
	name  string // of the method
	needs reach
	do    func(ctx context.Context, o *office, a access.Actor, token string) error
	quiet bool // reads only: no Event
}

func acts() []act { return append(readingActs(), changingActs()...) }

func readingActs() []act {
	return []act{
		{"Overview", byMembers, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Overview(ctx, a, "acme")
			return err
		}, true},
		{"WhoCanElevate", byMembers, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, _, err := o.Accounts.WhoCanElevate(ctx, a, "acme")
			return err
		}, true},
		{"GettingStarted", byWriters, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.GettingStarted(ctx, a, "acme", "orders")
			return err
		}, true},
		{"APIOf", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, _, err := o.Registry.APIOf(ctx, a, "acme", "orders", "backend")
			return err
		}, true},
		{"Stand", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Stand(ctx, a, "acme", "orders", access.Admin)
			return err
		}, true},
		{"Activity", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Activity(ctx, a, "acme", "", access.EventFilter{})
			return err
		}, true},
		{"StandElevated", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, _, err := o.Registry.StandElevated(ctx, a, "acme", "orders")
			return err
		}, true},
		{"ManageAPI", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.ManageAPI(ctx, a, "acme", "orders", access.CredentialFilter{})
			return err
		}, true},
		{"Token", byElevated, func(ctx context.Context, o *office, a access.Actor, token string) error {
			_, err := o.Registry.Token(ctx, a, "acme", "orders", token)
			return err
		}, true},
		{"Tokens", byElevated, func(ctx context.Context, o *office, a access.Actor, token string) error {
			_, _, err := o.Registry.Tokens(ctx, a, "acme", "orders", []string{token})
			return err
		}, true},
		{"AllTokens", byOperators, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.AllTokens(ctx, a, "acme", "orders")
			return err
		}, true},
		{"Show", byOperators, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Show(ctx, a, "acme", "orders")
			return err
		}, true},
	}
}

func changingActs() []act {
	named := func(name string) access.APIDraft {
		return access.APIDraft{Slug: "oplog", Name: name, Upstream: access.EchoUpstream}
	}
	return []act{
		{"CreateApplication", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.CreateApplication(ctx, a, "acme", access.ApplicationDraft{Slug: "new"})
			return err
		}, false},
		{"CreateApplication", byOwners, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.CreateApplication(ctx, a, "acme", access.ApplicationDraft{Slug: "wide", Open: true})
			return err
		}, false},
		{"RenameApplication", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			return o.Registry.RenameApplication(ctx, a, "acme", "orders", "Orders "+a.Name)
		}, false},
		{"CreateAPI", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.CreateAPI(ctx, a, "acme", "orders", named("Oplog"))
			return err
		}, false},
		{"UpdateAPI", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			return o.Registry.UpdateAPI(ctx, a, "acme", "orders", "backend", named("Another name"))
		}, false},
		{"UpdateAPI", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			return o.Registry.UpdateAPI(ctx, a, "acme", "orders", "backend", access.APIDraft{Name: "Another name", Upstream: "http://127.0.0.1:9"})
		}, false},
		{"IssueToken", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.IssueToken(ctx, a, "acme", "orders", access.TokenDraft{Label: "made by " + a.Name})
			return err
		}, false},
		{"RenameToken", byElevated, func(ctx context.Context, o *office, a access.Actor, token string) error {
			return o.Registry.RenameToken(ctx, a, "acme", "orders", token, "renamed")
		}, false},
		{"PauseToken", byElevated, func(ctx context.Context, o *office, a access.Actor, token string) error {
			_, err := o.Registry.PauseToken(ctx, a, "acme", "orders", token)
			return err
		}, false},
		{"ResumeToken", byElevated, func(ctx context.Context, o *office, a access.Actor, token string) error {
			_, err := o.Registry.ResumeToken(ctx, a, "acme", "orders", token)
			return err
		}, false},
		{"RevokeTokens", byElevated, func(ctx context.Context, o *office, a access.Actor, token string) error {
			_, err := o.Registry.RevokeTokens(ctx, a, "acme", "orders", []string{token})
			return err
		}, false},
		{"RevealBasic", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.RevealBasic(ctx, a, "acme", "orders", "")
			return err
		}, false},
		{"DisableBasic", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			return o.Registry.DisableBasic(ctx, a, "acme", "orders", "orders")
		}, false},
		{"CreateOrganization", byOperators, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.CreateOrganization(ctx, a, access.OrganizationDraft{Slug: "gamma"})
			return err
		}, false},
		{"AddMember", byOperators, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, _, err := o.Accounts.AddMember(ctx, a, "acme", access.UserDraft{Email: "late@example.com"}, access.Viewer,
				func() (secret.Secret, error) { return secret.New(testkit.Password), nil })
			return err
		}, false},
		{"DisableUser", byOpsExplain, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Accounts.DisableUser(ctx, a, "leaver@example.com")
			return err
		}, false},
	}
}

// otherwise are the methods that have a test of their own, or no actor.
var otherwise = []string{
	"Whereabouts", "Directory", // reads of the command line, without an actor
	"Authenticate", "SaveData", "SignIn", "SignOut", "SealTallies", "Users", // accounts_test.go, sessions_test.go, throttle_test.go
	"ElevationChoices", "ElevationForm", "Elevate", "Drop", // elevation_test.go
	"OfferSetup", "SetupOpen", "NeedsSetup", "SetUp", // setup_test.go
}

// TestEveryActIsInTheMatrix fails when somebody adds an act and does not say here
// who may do it.
func TestEveryActIsInTheMatrix(t *testing.T) {
	var known []string
	for _, a := range acts() {
		known = append(known, a.name)
	}
	known = append(known, otherwise...)
	for _, of := range []reflect.Type{reflect.TypeFor[*access.Registry](), reflect.TypeFor[*access.Accounts]()} {
		for i := range of.NumMethod() {
			if name := of.Method(i).Name; !slices.Contains(known, name) {
				t.Errorf("%s.%s is neither in the matrix nor among the methods tested elsewhere", of, name)
			}
		}
	}
}

// row is one sort of actor: how they come to be, and how each column answers.
type row struct {
	name  string
	enter func(o *office) access.Actor
	want  [7]string // by reach
}

const (
	yes    = "done"
	no     = "forbidden"
	nil404 = "not found"
	elev   = "elevate"
	out    = "unauthenticated"
)

// hired returns how somebody with a role comes to be, elevated where scope is not
// empty, to whom then happens something more.
func hired(role access.Role, scope string, then ...func(p *person)) func(o *office) access.Actor {
	return func(o *office) access.Actor {
		p := o.hire("ann@example.com", role)
		if scope != "" {
			p.elevate(scope)
		}
		for _, f := range then {
			f(p)
		}
		return p.actor()
	}
}

func rows() []row {
	plain, elevated := [7]string{yes, yes, yes, elev, no, no, no}, [7]string{yes, yes, yes, yes, no, no, no}
	gone := [7]string{out, out, out, out, out, no, no}
	return []row{
		{"viewer", hired(access.Viewer, ""), [7]string{yes, no, no, no, no, no, no}},
		{"member", hired(access.Member, ""), [7]string{yes, yes, no, no, no, no, no}},
		{"admin", hired(access.Admin, ""), plain},
		{"admin elevated for the application", hired(access.Admin, "acme/orders"), elevated},
		{"admin elevated for the organization", hired(access.Admin, "acme"), elevated},
		{"admin elevated for another application", hired(access.Admin, "acme/billing"), plain},
		{"admin elevated elsewhere", func(o *office) access.Actor {
			p := o.hire("ann@example.com", access.Admin)
			o.User("ann@example.com", "beta", access.Admin)
			p.elevate("beta")
			return p.actor()
		}, plain},
		{"admin whose elevation is over", hired(access.Admin, "acme/orders", func(p *person) { p.Clock.Advance(30 * time.Minute) }), plain},
		{"admin who dropped it", hired(access.Admin, "acme/orders", func(p *person) { p.drop() }), plain},
		{"admin by a token that was replaced", hired(access.Admin, "", func(p *person) {
			if _, err := p.tryElevate("acme/orders"); err != nil { // p keeps the old token
				p.t.Fatal(err)
			}
		}), plain},
		{"owner", hired(access.Owner, ""), [7]string{yes, yes, yes, elev, elev, no, no}},
		{"owner elevated for the application", hired(access.Owner, "acme/orders"), [7]string{yes, yes, yes, yes, elev, no, no}},
		{"owner elevated for the organization", hired(access.Owner, "acme"), [7]string{yes, yes, yes, yes, yes, no, no}},
		{"owner elsewhere", func(o *office) access.Actor {
			o.User("bob@example.com", "beta", access.Owner)
			p := o.signIn("bob@example.com")
			p.elevate("beta")
			return p.actor()
		}, [7]string{nil404, nil404, nil404, nil404, nil404, no, no}},
		{"disabled, elevated before", func(o *office) access.Actor {
			p := o.hire("ann@example.com", access.Owner)
			p.elevate("acme")
			a := p.actor()
			if _, err := o.Accounts.DisableUser(o.t.Context(), o.Operator(), "ann@example.com"); err != nil {
				o.t.Fatal(err)
			}
			return a
		}, gone},
		{"signed out, elevated before", func(o *office) access.Actor {
			p := o.hire("ann@example.com", access.Owner)
			p.elevate("acme")
			a := p.actor()
			if err := o.Accounts.SignOut(o.t.Context(), a); err != nil {
				o.t.Fatal(err)
			}
			return a
		}, gone},
		{"session over its time", func(o *office) access.Actor {
			p := o.hire("ann@example.com", access.Owner)
			a := p.actor()
			o.Clock.Advance(7 * 24 * time.Hour)
			return a
		}, gone},
		{"with somebody else's session", func(o *office) access.Actor {
			owner := o.hire("ann@example.com", access.Owner)
			owner.elevate("acme")
			a := o.hire("bob@example.com", access.Viewer).actor()
			a.UserID = owner.actor().UserID
			return a
		}, gone},
		{"operator", func(o *office) access.Actor { return o.Operator() }, [7]string{yes, yes, yes, yes, yes, yes, yes}},
		{
			"operator without a reason", func(*office) access.Actor { return access.Operator("tester", "  short ") },
			[7]string{yes, yes, yes, "invalid", "invalid", yes, "invalid"},
		},
	}
}

// TestRoles is the role matrix of product.md §2: every act by every sort of actor.
// What is refused changes nothing and is not recorded.
func TestRoles(t *testing.T) {
	for _, r := range rows() {
		t.Run(strings.ReplaceAll(r.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.User("leaver@example.com", "acme", access.Viewer)
			token := o.Token("acme", "orders", "its label", "").Credential.ID
			a := r.enter(o)
			before := state(t, o.Store)
			for _, act := range acts() {
				events := o.count()
				err := act.do(t.Context(), o, a, token)
				if got := kindName(err); got != r.want[act.needs] {
					t.Errorf("%s: %s, want %s (%v)", act.name, got, r.want[act.needs], err)
				}
				after := state(t, o.Store)
				if changed := after != before; changed != (err == nil && !act.quiet) {
					t.Errorf("%s (%s): changed something: %v", act.name, kindName(err), changed)
				}
				if made := o.count() - events; err == nil && !act.quiet && made == 0 || (err != nil || act.quiet) && made != 0 {
					t.Errorf("%s (%s): %d events", act.name, kindName(err), made)
				}
				before = after
			}
		})
	}
}
