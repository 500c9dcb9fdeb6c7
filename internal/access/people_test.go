package access_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// office is a site with the organization acme, its applications orders and
// billing, and the other organization beta.
type office struct {
	*testkit.Site
	t   *testing.T
	ids map[string]string // of what stock makes, by name
}

func newOffice(t *testing.T, options ...testkit.SiteOption) *office {
	t.Helper()
	o := &office{testkit.Server(t, options...), t, map[string]string{}}
	o.Organization("acme")
	o.Application("acme", "orders")
	o.Application("acme", "billing")
	o.Organization("beta")
	o.Application("beta", "orders")
	return o
}

// person is somebody who has signed in: what the domain knows of a browser.
type person struct {
	*office
	email  string
	token  secret.Secret
	device string
}

var desk = access.Caller{Address: netip.MustParseAddr("192.0.2.10")}

func credentials(email, password string) access.Credentials {
	return access.Credentials{Email: email, Password: secret.New(password), Caller: desk, Agent: "test/1"}
}

// signIn signs in somebody who is a user already.
func (o *office) signIn(email string) *person {
	o.t.Helper()
	in, err := o.Accounts.SignIn(o.t.Context(), credentials(email, testkit.Password))
	if err != nil {
		o.t.Fatalf("sign in as %s: %v", email, err)
	}
	return &person{o, email, in.Token, in.Device}
}

// hire makes a user with a role in acme, and signs them in.
func (o *office) hire(email string, role access.Role) *person {
	o.t.Helper()
	o.User(email, "acme", role)
	return o.signIn(email)
}

func (p *person) visit() access.Visit {
	p.t.Helper()
	v, err := p.Accounts.Authenticate(p.t.Context(), p.token)
	if err != nil {
		p.t.Fatalf("authenticate %s: %v", p.email, err)
	}
	return v
}

func (p *person) actor() access.Actor { return p.visit().Actor(desk, "test/1") }

// elevate elevates for ORG or ORG/APP and takes up the session's new token.
func (p *person) elevate(scope string) {
	p.t.Helper()
	token, err := p.tryElevate(scope)
	if err != nil {
		p.t.Fatalf("elevate %s for %s: %v", p.email, scope, err)
	}
	p.token = token
}

func (p *person) tryElevate(scope string) (secret.Secret, error) {
	org, app, _ := strings.Cut(scope, "/")
	v := p.visit()
	return p.Accounts.Elevate(p.t.Context(), v, v.Actor(desk, "test/1"), access.ElevationDraft{
		Organization: org, Application: app, Reason: testkit.Reason, Minutes: 30, Password: secret.New(testkit.Password),
	})
}

func (p *person) drop() {
	p.t.Helper()
	v := p.visit()
	token, err := p.Accounts.Drop(p.t.Context(), v, v.Actor(desk, "test/1"))
	if err != nil || token.IsZero() {
		p.t.Fatalf("drop: %v", err)
	}
	p.token = token
}

// state is everything that the store knows and acts change, as text, but for
// sessions and throttles.
func state(t *testing.T, s access.Store) string {
	t.Helper()
	var out []any
	err := s.View(context.Background(), func(tx access.ReadTx) error {
		out = nil
		orgs, err := tx.Organizations()
		if err != nil {
			return err
		}
		users, err := tx.Users()
		if err != nil {
			return err
		}
		for i := range users {
			users[i].LastSignInAt = users[i].CreatedAt
		}
		events, err := tx.Events(access.EventFilter{Limit: 10000})
		if err != nil {
			return err
		}
		out = append(out, orgs, users, events)
		for _, org := range orgs {
			members, err := tx.Members(org.ID)
			if err != nil {
				return err
			}
			for _, m := range members {
				out = append(out, m.Membership)
			}
			apps, err := tx.Applications(org.ID)
			if err != nil {
				return err
			}
			for _, app := range apps {
				apis, err := tx.APIs(app.ID)
				if err != nil {
					return err
				}
				list, err := tx.Credentials(access.CredentialFilter{Whose: access.Whose{ApplicationID: app.ID}, Limit: 10000})
				if err != nil {
					return err
				}
				out = append(out, app, apis, list)
			}
			held, err := holdings(tx, org, members)
			if err != nil {
				return err
			}
			out = append(out, held...)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("read the state: %v", err)
	}
	text, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatalf("print the state: %v", err)
	}
	return string(text)
}

// holdings is what an organization has beside its applications: its clients, its
// members' tokens, access tokens and invitations.
func holdings(tx access.ReadTx, org access.Organization, members []access.MemberUser) ([]any, error) {
	own, err := tx.Credentials(access.CredentialFilter{Whose: access.Whose{OrganizationID: org.ID}})
	if err != nil {
		return nil, err
	}
	personal, err := tx.Credentials(access.CredentialFilter{Whose: access.Whose{OrganizationID: org.ID, Personal: true}})
	if err != nil {
		return nil, err
	}
	invites, err := tx.OpenInvites(org.ID, time.Time{}.AddDate(1, 0, 0))
	if err != nil {
		return nil, err
	}
	out := []any{own, personal, invites}
	filters := []access.AccessTokenFilter{}
	apps, err := tx.Applications(org.ID)
	if err != nil {
		return nil, err
	}
	clients := own
	for _, app := range apps {
		list, err := tx.Credentials(access.CredentialFilter{Whose: access.Whose{ApplicationID: app.ID}, Kind: access.KindClient})
		if err != nil {
			return nil, err
		}
		clients = append(clients, list...)
	}
	for _, c := range clients {
		filters = append(filters, access.AccessTokenFilter{CredentialID: c.ID})
	}
	for _, m := range members {
		filters = append(filters, access.AccessTokenFilter{UserID: m.User.ID})
	}
	for _, f := range filters {
		f.Now = time.Unix(0, 0)
		list, err := tx.AccessTokens(f)
		if err != nil {
			return nil, err
		}
		out = append(out, list)
	}
	return out, nil
}

// count returns how many events there are.
func (o *office) count() int {
	o.t.Helper()
	var head access.EventHead
	if err := o.Store.View(o.t.Context(), func(tx access.ReadTx) (err error) {
		head, err = tx.EventHead()
		return err
	}); err != nil {
		o.t.Fatalf("read the chain's head: %v", err)
	}
	return int(head.Seq)
}

// since returns the events after the first n, oldest first.
func (o *office) since(n int) []access.Event {
	o.t.Helper()
	events := o.Events("")
	slices.Reverse(events)
	return events[n:]
}

// fields returns the names of the fields that an error complains of.
func fields(err error) []string {
	var names []string
	for _, f := range access.AsError(err).Fields {
		names = append(names, f.Field)
	}
	return names
}

// kindName prints a kind of error, or "done" where there is none.
func kindName(err error) string {
	if err == nil {
		return "done"
	}
	return map[access.ErrorKind]string{
		access.Internal: "internal", access.Invalid: "invalid", access.Unauthenticated: "unauthenticated",
		access.ElevationRequired: "elevate", access.Forbidden: "forbidden", access.NotFound: "not found", access.Conflict: "conflict",
		access.RateLimited: "rate limited", access.Unavailable: "unavailable",
	}[access.KindOf(err)]
}
