package access_test

import (
	"testing"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// TestAccessTokensInTheConsole: live ones are counted and listed with their last
// use, and revoked one by one or all at once, each within its own client or member.
func TestAccessTokensInTheConsole(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	ann := o.User("ann@example.com", "acme", access.Member)
	bob := o.User("bob@example.com", "acme", access.Member)
	client, other := o.client("orders", access.Draft{}), o.client("orders", access.Draft{})
	first, next, third := o.granted(as(client)), o.granted(as(client)), o.granted(as(other))
	mine := o.granted(by("ann@example.com", testkit.Password))
	o.opens("used", "acme", "orders", "GET", next.Secret, access.Accepted)
	o.FlushUses()
	page, err := o.Registry.Token(ctx, op, "acme", "orders", client.Credential.ID)
	if err != nil || len(page.Access) != 2 {
		t.Fatalf("%d live ones, %v", len(page.Access), err)
	}
	for _, a := range page.Access {
		if used := a.ID == next.Token.ID; used != a.LastUsedAt.Equal(o.Clock.Now()) {
			t.Errorf("%s was last used %s", a.ID, a.LastUsedAt)
		}
	}
	count := func(id string) int {
		t.Helper()
		list, err := o.Registry.Clients(ctx, op, "acme", "orders")
		if err != nil || len(list.List) != 2 {
			t.Fatalf("%d clients, %v", len(list.List), err)
		}
		return list.AccessTokens[id]
	}
	if n := count(client.Credential.ID); n != 2 {
		t.Errorf("counted %d", n)
	}
	before := state(t, o.Store)
	for name, err := range map[string]error{
		"another client's":     second(o.Registry.RevokeAccessToken(ctx, op, "acme", "orders", client.Credential.ID, third.Token.ID)),
		"a user's":             second(o.Registry.RevokeAccessToken(ctx, op, "acme", "orders", client.Credential.ID, mine.Token.ID)),
		"none":                 second(o.Registry.RevokeAccessToken(ctx, op, "acme", "orders", client.Credential.ID, "act_x")),
		"from elsewhere":       second(o.Registry.RevokeAccessToken(ctx, op, "acme", "billing", client.Credential.ID, first.Token.ID)),
		"all, from elsewhere":  second(o.Registry.RevokeAccessTokens(ctx, op, "acme", "", client.Credential.ID)),
		"a client's, as ann's": second(o.Registry.RevokeMemberAccess(ctx, op, "acme", "ann@example.com", first.Token.ID)),
		"ann's, as bob's":      second(o.Registry.RevokeMemberAccess(ctx, op, "acme", bob.Email, mine.Token.ID)),
	} {
		if access.KindOf(err) != access.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if state(t, o.Store) != before {
		t.Error("something was revoked by an act that failed")
	}
	if _, err := o.Registry.RevokeAccessToken(ctx, op, "acme", "orders", client.Credential.ID, first.Token.ID); err != nil {
		t.Fatal(err)
	}
	o.opens("revoked alone", "acme", "orders", "GET", first.Secret, access.CredentialRevoked)
	o.opens("the other one", "acme", "orders", "GET", next.Secret, access.Accepted)
	events := o.count()
	for want := range 2 {
		n, err := o.Registry.RevokeAccessTokens(ctx, op, "acme", "orders", client.Credential.ID)
		if err != nil || n != 1-want {
			t.Errorf("all of a client: %d, %v", n, err)
		}
	}
	if _, err := o.Registry.RevokeAccessToken(ctx, op, "acme", "orders", client.Credential.ID, first.Token.ID); err != nil {
		t.Error(err)
	}
	if made := o.since(events); len(made) != 1 || made[0].Count != 1 || made[0].TargetID != client.Credential.ID {
		t.Errorf("recorded %+v", made)
	}
	o.opens("all of a client", "acme", "orders", "GET", next.Secret, access.CredentialRevoked)
	o.opens("another client's", "acme", "orders", "GET", third.Secret, access.Accepted)
	if n, err := o.Registry.RevokeMemberAccess(ctx, op, "acme", ann.Email, ""); n != 1 || err != nil {
		t.Errorf("all of a user: %d, %v", n, err)
	}
	o.opens("all of a user", "acme", "orders", "GET", mine.Secret, access.CredentialRevoked)
}
