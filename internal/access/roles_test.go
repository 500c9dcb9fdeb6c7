package access_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
)

// reach is what an act needs, as a column of the matrix below.
type reach int

const (
	byMembers    reach = iota // viewer
	byWriters                 // member
	byAdmins                  // admin, not elevated
	byElevated                // admin, elevated for the application
	byOrgAdmins               // admin, elevated for the whole organization
	byAppOwners               // owner, elevated for the application; the elevation is asked for first
	byOrgOwners               // owner, elevated for the whole organization; likewise
	byOwnersRead              // owner, not elevated
	byOwners                  // owner, elevated for the whole organization; the role is asked for first
	byThemselves              // whoever is a member, and no operator
	byOperators               // the command line alone
	byOpsExplain              // the command line alone, with a reason
	reaches
)

// act is one act of the Registry, Accounts or Verifier on acme/orders. Acts come in
// an order in which each can be done when those before it were.
type act struct {
	name  string // of the method
	needs reach
	do    func(ctx context.Context, o *office, a access.Actor, token string) error
	quiet bool // reads only: no Event
}

func acts() []act {
	return slices.Concat(readingActs(), readingHolders(), changingActs(), changingClients(), changingMembers(), changingKeys())
}

func allChanging() []act {
	return slices.Concat(changingActs(), changingClients(), changingMembers(), changingKeys())
}

// otherwise are the methods that have a test of their own, or no actor.
var otherwise = []string{
	"Whereabouts", "Directory", "ServersWithout", // reads of the command line, without an actor
	"Each", "Rename", "Restrict", // in the matrix as PauseToken, RevokeClients, RenameToken …
	"Authenticate", "SaveData", "SignIn", "SignOut", "SealTallies", "Users", // accounts_test.go, sessions_test.go, throttle_test.go
	"ElevationChoices", "ElevationForm", "Elevate", "Drop", // elevation_test.go
	"OfferSetup", "SetupOpen", "NeedsSetup", "SetUp", // setup_test.go
	"OpenInvite", "AcceptInvite", // invites_test.go: the link is the authority
	"Profile", "RevokeOwn", "RevokeOwnEverything", // personal_test.go: of nobody but the actor
	"OwnSessions", "EndSessions", "ChangePassword", // own_test.go: likewise
	"CheckKeys", "SealAnew", // keys_test.go: TestCheckKeys, TestRotateKeys and TestRetireKey; the server's own, without an actor
	"Readable", "Writable", // web/health_test.go: TestReadiness; likewise
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
	want  [reaches]string
}

const (
	yes    = "done"
	no     = "forbidden"
	nil404 = "not found"
	elev   = "elevate"
	out    = "unauthenticated"

	invalid = "invalid"
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
	plain := [reaches]string{yes, yes, yes, elev, elev, elev, elev, no, no, yes, no, no}
	elevated := [reaches]string{yes, yes, yes, yes, elev, no, elev, no, no, yes, no, no}
	wide := [reaches]string{yes, yes, yes, yes, yes, no, no, no, no, yes, no, no}
	gone := [reaches]string{out, out, out, out, out, out, out, out, out, out, no, no}
	return []row{
		{"viewer", hired(access.Viewer, ""), [reaches]string{yes, no, no, no, no, no, no, no, no, yes, no, no}},
		{"member", hired(access.Member, ""), [reaches]string{yes, yes, no, no, no, no, no, no, no, yes, no, no}},
		{"admin", hired(access.Admin, ""), plain},
		{"admin elevated for the application", hired(access.Admin, "acme/orders"), elevated},
		{"admin elevated for the organization", hired(access.Admin, "acme"), wide},
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
		{"owner", hired(access.Owner, ""), [reaches]string{yes, yes, yes, elev, elev, elev, elev, yes, elev, yes, no, no}},
		{"owner elevated for the application", hired(access.Owner, "acme/orders"), [reaches]string{yes, yes, yes, yes, elev, yes, elev, yes, elev, yes, no, no}},
		{"owner elevated for the organization", hired(access.Owner, "acme"), [reaches]string{yes, yes, yes, yes, yes, yes, yes, yes, yes, yes, no, no}},
		{"owner elsewhere", func(o *office) access.Actor {
			o.User("bob@example.com", "beta", access.Owner)
			p := o.signIn("bob@example.com")
			p.elevate("beta")
			return p.actor()
		}, [reaches]string{nil404, nil404, nil404, nil404, nil404, nil404, nil404, nil404, nil404, nil404, no, no}},
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
		{
			"operator", func(o *office) access.Actor { return o.Operator() },
			[reaches]string{yes, yes, yes, yes, yes, yes, yes, yes, yes, no, yes, yes},
		},
		{
			"operator without a reason", func(*office) access.Actor { return access.Operator("tester", "  short ") },
			[reaches]string{yes, yes, yes, invalid, invalid, invalid, invalid, yes, invalid, no, yes, invalid},
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
			token := o.stock()
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
