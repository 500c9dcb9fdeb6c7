package access_test

import (
	"maps"
	"net/netip"
	"testing"
	"time"

	"claviger/internal/access"
)

func bounds(rate, burst string, allow ...string) access.BoundsDraft {
	return access.BoundsDraft{Allow: &allow, Limit: &access.LimitDraft{Rate: rate, Burst: burst}}
}

// narrower is a draft for the matrix of acts.
func narrower() access.BoundsDraft { return bounds("10", "20", "10.0.0.0/8") }

// TestRestrictTakesEffect: the next request is judged by the new addresses and limit,
// and each change is one event with what was and what is.
func TestRestrictTakesEffect(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	token := o.Token("acme", "orders", "partner", "")
	request := bearer(token)
	request.Caller = desk
	set := func(d access.BoundsDraft) {
		t.Helper()
		if err := o.Registry.Restrict(t.Context(), o.Operator(), "acme", "orders", token.Credential.ID, d); err != nil {
			t.Fatal(err)
		}
	}
	judged := func(what string, want ...access.Reason) {
		t.Helper()
		for i, reason := range want {
			if got := verify(t, o.Site, request); got != reason {
				t.Errorf("%s, request %d: %s, want %s", what, i+1, got, reason)
			}
		}
	}
	judged("before", access.Accepted)
	events := o.count()
	for _, step := range []struct {
		what   string
		draft  access.BoundsDraft
		want   []access.Reason
		detail map[string]string
	}{
		{"another network", bounds("", "", "10.0.0.0/8"), []access.Reason{access.AddressNotAllowed}, map[string]string{"from": "any address → 10.0.0.0/8"}},
		{"a limit alone", access.BoundsDraft{Limit: &access.LimitDraft{Rate: "2"}}, []access.Reason{access.AddressNotAllowed}, map[string]string{"limit": "none → 2 a second, bursts of 2"}},
		{"the address alone", access.BoundsDraft{Allow: &[]string{"192.0.2.0/24"}}, []access.Reason{access.Accepted, access.Accepted, access.OverLimit}, map[string]string{"from": "10.0.0.0/8 → 192.0.2.0/24"}},
		{"both away", bounds("", ""), []access.Reason{access.Accepted}, map[string]string{"from": "192.0.2.0/24 → any address", "limit": "2 a second, bursts of 2 → none"}},
	} {
		set(step.draft)
		judged(step.what, step.want...)
		made := o.since(events)
		if len(made) != 1 || made[0].Act != access.ActRestrictToken || made[0].TargetID != token.Credential.ID || !maps.Equal(made[0].Detail, step.detail) {
			t.Errorf("%s: events %+v, want one with %v", step.what, made, step.detail)
		}
		events = o.count()
		set(step.draft)
		if n := o.count() - events; n != 0 {
			t.Errorf("%s again: %d events", step.what, n)
		}
	}
}

// TestRestrictAsksBack where the last caller would be shut out, and only there.
func TestRestrictAsksBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	used, hidden, unused := o.Token("acme", "orders", "used", ""), o.Token("acme", "orders", "hidden", ""), o.Token("acme", "orders", "unused", "")
	for token, caller := range map[*access.Issued]access.Caller{&used: desk, &hidden: {Through: netip.MustParseAddr("127.0.0.1")}} {
		request := bearer(*token)
		request.Caller = caller
		if got := verify(t, o.Site, request); got != access.Accepted {
			t.Fatalf("%s: %s", token.Credential.Label, got)
		}
	}
	o.FlushUses()
	for _, c := range []struct {
		what  string
		token access.Issued
		draft access.BoundsDraft
		asks  bool
	}{
		{"never used", unused, bounds("", "", "10.0.0.0/8"), false},
		{"its address is on the list", used, bounds("", "", "10.0.0.0/8", "192.0.2.10"), false},
		{"a limit alone", used, access.BoundsDraft{Limit: &access.LimitDraft{Rate: "1"}}, false},
		{"its address is not on the list", used, bounds("", "", "10.0.0.0/8"), true},
		{"its address is unknown", hidden, bounds("", "", "127.0.0.0/8"), true},
		{"any address", used, bounds("", ""), false},
	} {
		before := o.count()
		err := o.Registry.Restrict(t.Context(), o.Operator(), "acme", "orders", c.token.Credential.ID, c.draft)
		if asks := err != nil; asks != c.asks {
			t.Errorf("%s: %v", c.what, err)
		}
		if !c.asks {
			continue
		}
		if f := access.AsError(err).Fields; access.KindOf(err) != access.Invalid || len(f) != 1 || f[0].Field != "sure" || o.count() != before {
			t.Errorf("%s: %+v, %d events", c.what, err, o.count()-before)
		}
		c.draft.Sure = true
		if err := o.Registry.Restrict(t.Context(), o.Operator(), "acme", "orders", c.token.Credential.ID, c.draft); err != nil {
			t.Errorf("%s, and it is known: %v", c.what, err)
		}
		if err := o.Registry.Restrict(t.Context(), o.Operator(), "acme", "orders", c.token.Credential.ID, bounds("5", "", "10.1.0.0/16")); err != nil {
			t.Errorf("%s: asked again of who is out already: %v", c.what, err)
		}
	}
}

// TestRestrictKinds: clients and Basic too; what has ended, is of somebody else or is a
// person's cannot be.
func TestRestrictKinds(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.stock()
	do := func(org, app, id string) access.ErrorKind {
		return access.KindOf(o.Registry.Restrict(t.Context(), o.Operator(), org, app, id, narrower()))
	}
	basicOf := func() error {
		return o.Registry.RestrictBasic(t.Context(), o.Operator(), "acme", "orders", narrower())
	}
	for _, app := range []string{"orders", ""} {
		id := o.ids[map[bool]string{true: "org client", false: "app client"}[app == ""]]
		if err := o.Registry.Restrict(t.Context(), o.Operator(), "acme", app, id, narrower()); err != nil {
			t.Errorf("a client of %q: %v", app, err)
		}
	}
	if err := basicOf(); err != nil {
		t.Errorf("Basic: %v", err)
	}
	expired := o.Token("acme", "orders", "expired", "")
	if _, err := o.Registry.Each(t.Context(), o.Operator(), "acme", "orders", access.RevokeThem, []string{o.ids["replaced"]}); err != nil {
		t.Fatal(err)
	}
	if err := o.Registry.DisableBasic(t.Context(), o.Operator(), "acme", "orders", "orders"); err != nil {
		t.Fatal(err)
	}
	before := o.count()
	for what, got := range map[string]access.ErrorKind{
		"of another application": do("acme", "billing", o.ids["app client"]), "of another organization": do("beta", "orders", o.ids["app client"]),
		"a person's": do("acme", "", o.ids["p1"]), "of nobody": do("acme", "orders", "tok_00000000000000000000000000"),
	} {
		if got != access.NotFound {
			t.Errorf("%s: kind %d, want not found", what, got)
		}
	}
	if got := do("acme", "orders", o.ids["replaced"]); got != access.Conflict {
		t.Errorf("revoked: kind %d, want a conflict", got)
	}
	if err := basicOf(); access.KindOf(err) != access.Conflict {
		t.Errorf("disabled: %v, want a conflict", err)
	}
	o.Clock.Advance(400 * 24 * time.Hour)
	if got := do("acme", "orders", expired.Credential.ID); got != access.Conflict {
		t.Errorf("expired: kind %d, want a conflict", got)
	}
	if n := o.count() - before; n != 0 {
		t.Errorf("%d events of what did not happen", n)
	}
}

// TestLimitIsOfAccepted: only what would be let in takes from the bucket, an act of some
// admin does not fill it, and a verdict tells how it stands.
func TestLimitIsOfAccepted(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	issued, err := o.Registry.IssueToken(t.Context(), o.Operator(), "acme", "orders", access.Draft{Label: "limited", Scopes: access.Scopes{{API: "backend", Action: access.Read}}, Limit: access.LimitDraft{Rate: "1", Burst: "2"}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method string, reason access.Reason, remaining int) {
		t.Helper()
		request := bearer(issued)
		request.Method = method
		v, err := o.Verifier.Verify(t.Context(), request)
		if err != nil || v.Reason != reason || v.Limit.Remaining != remaining || v.Limit.Limit != issued.Credential.Limit {
			t.Errorf("%s: %s, %+v, %v; want %s with %d left", method, v.Reason, v.Limit, err, reason, remaining)
		}
	}
	ask("POST", access.InsufficientScope, 2)
	ask("GET", access.Accepted, 1)
	ask("POST", access.InsufficientScope, 1)
	o.Token("acme", "orders", "another", "") // raises the epoch
	ask("GET", access.Accepted, 0)
	ask("GET", access.OverLimit, 0)
	o.Application("acme", "third")
	ask("GET", access.OverLimit, 0)
	o.Clock.Advance(time.Second)
	ask("GET", access.Accepted, 0)
	ask("GET", access.OverLimit, 0)
	replaced, err := o.Registry.Replace(t.Context(), o.Operator(), "acme", "orders", issued.Credential.ID, access.ReplaceDraft{End: "7d"})
	if err != nil || replaced.Credential.Limit != issued.Credential.Limit {
		t.Errorf("its replacement has the limit %v, %v", replaced.Credential.Limit, err)
	}
}

// TestLimitOfAccessTokens: they count against that of their client, all together.
// Introspection and the page that a credential is pasted into take nothing.
func TestLimitOfAccessTokens(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	client := o.client("orders", access.Draft{Limit: access.LimitDraft{Rate: "1", Burst: "3"}})
	first, second := o.granted(as(client)), o.granted(as(client))
	for range 5 {
		if i, err := o.Authority.Introspect(t.Context(), client.Credential, first.Secret); err != nil || !i.Active {
			t.Fatalf("introspection: %+v, %v", i, err)
		}
		if in, err := o.Verifier.Inspect(t.Context(), o.Operator(), "acme", first.Secret.Expose()); err != nil || len(in.Verdicts) != 1 || !in.Verdicts[0].Verdict.Accepted() {
			t.Fatalf("pasted: %+v, %v", in, err)
		}
	}
	o.opens("1", "acme", "orders", "GET", first.Secret, access.Accepted)
	o.opens("2", "acme", "orders", "GET", second.Secret, access.Accepted)
	o.opens("3", "acme", "orders", "GET", first.Secret, access.Accepted)
	o.opens("4", "acme", "orders", "GET", second.Secret, access.OverLimit)
	if i, err := o.Authority.Introspect(t.Context(), client.Credential, first.Secret); err != nil || !i.Active {
		t.Errorf("introspection with an empty bucket: %+v, %v", i, err)
	}
}
