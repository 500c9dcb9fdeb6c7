package access_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"

	"github.com/google/go-cmp/cmp"
)

// caller is somebody who calls Orders.
type caller struct {
	address, agent string
	presented      access.Presented
	method         string
}

// call has a request judged by a verifier.
func (o *office) call(v *access.Verifier, c caller, want access.Reason) {
	o.t.Helper()
	r := access.Request{
		Organization: "acme", Application: "orders", API: "backend", WantAPI: true, Method: "GET", Presented: c.presented, Agent: c.agent,
		Caller: access.Caller{Address: netip.MustParseAddr(c.address)},
	}
	if c.method != "" {
		r.Method = c.method
	}
	verdict, err := v.Verify(o.t.Context(), r)
	if err != nil || verdict.Reason != want {
		o.t.Fatalf("verify: %v, %v, want %v", verdict.Reason, err, want)
	}
}

func asBearer(s secret.Secret) access.Presented {
	return access.Presented{Way: access.WayBearer, Secret: s}
}

// usage returns what the page of a token tells of its use.
func (o *office) usage(id string) access.TokenPage {
	o.t.Helper()
	page, err := o.Registry.Token(o.t.Context(), o.Operator(), "acme", "orders", id)
	if err != nil {
		o.t.Fatal(err)
	}
	return page
}

// until moves the clock on to a whole hour or day, less what is asked for.
func (o *office) until(unit, less time.Duration) time.Time {
	now := o.Clock.Now()
	next := now.Truncate(unit).Add(unit)
	if next.Sub(now) <= less {
		next = next.Add(unit)
	}
	o.Clock.Advance(next.Sub(now) - less)
	return next
}

// TestUsageOverHoursAndDays: calls stand in their own hour and day, and fall out of
// what is shown when that is over.
func TestUsageOverHoursAndDays(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	issued := o.Token("acme", "orders", "nightly", "backend:read")
	good := caller{address: "10.0.0.1", agent: "curl/8", presented: asBearer(issued.Secret)}
	write := good
	write.method = "POST"
	midnight := o.until(24*time.Hour, time.Second)
	o.call(o.Verifier, good, access.Accepted)
	o.call(o.Verifier, write, access.InsufficientScope)
	o.Clock.Advance(time.Second) // to the next day
	o.call(o.Verifier, good, access.Accepted)
	o.Clock.Advance(time.Hour)
	o.call(o.Verifier, write, access.InsufficientScope)
	o.FlushUses()

	page := o.usage(issued.Credential.ID)
	hours, days := page.Usage.Hours, page.Usage.Days
	if len(hours) != 24 || len(days) != 30 {
		t.Fatalf("%d hours and %d days", len(hours), len(days))
	}
	want := []access.UseSpan{{Start: midnight.Add(-time.Hour), Accepted: 1, Refused: 1}, {Start: midnight, Accepted: 1}, {Start: midnight.Add(time.Hour), Refused: 1}}
	if diff := cmp.Diff(want, hours[21:]); diff != "" {
		t.Errorf("hours (-want +got):\n%s", diff)
	}
	want = []access.UseSpan{{Start: midnight.AddDate(0, 0, -1), Accepted: 1, Refused: 1}, {Start: midnight, Accepted: 1, Refused: 1}}
	if diff := cmp.Diff(want, days[28:]); diff != "" {
		t.Errorf("days (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]access.UseRefusal{{Reason: "insufficient-scope", Count: 2, Hour: midnight.Add(time.Hour)}}, page.Usage.Refusals); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
	o.Clock.Advance(24 * time.Hour)
	page = o.usage(issued.Credential.ID)
	if first := page.Usage.Hours[0]; first.Start != midnight.Add(2*time.Hour) || first.Accepted+first.Refused != 0 {
		t.Errorf("a day later the hours begin with %+v", first)
	}
	if got := page.Usage.Days[28]; got != want[1] {
		t.Errorf("a day later: %+v, want %+v", got, want[1])
	}
	o.Clock.Advance(30 * 24 * time.Hour)
	if u := o.usage(issued.Credential.ID).Usage; len(u.Addresses)+len(u.Agents)+len(u.Refusals) != 0 {
		t.Errorf("a month later: %+v", u)
	}
}

// TestCallersAreToldApart by address and by agent, those who are refused too, and those
// who still use what was revoked.
func TestCallersAreToldApart(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	issued := o.Token("acme", "orders", "nightly", "")
	id := issued.Credential.ID
	one := caller{address: "10.0.0.1", agent: "curl/8", presented: asBearer(issued.Secret)}
	two := caller{address: "2001:db8::1", agent: strings.Repeat("é", 300), presented: one.presented}
	for range 3 {
		o.call(o.Verifier, one, access.Accepted)
	}
	o.call(o.Verifier, two, access.Accepted)
	o.FlushUses()
	if got := o.usage(id).Token.Addresses; got != (access.Addresses{Count: 2}) {
		t.Errorf("addresses: %+v", got)
	}
	if _, err := o.Registry.Each(t.Context(), o.Operator(), "acme", "orders", access.RevokeThem, []string{id}); err != nil {
		t.Fatal(err)
	}
	o.Clock.Advance(time.Second)
	o.call(o.Verifier, two, access.CredentialRevoked)
	o.FlushUses()
	u, now := o.usage(id).Usage, o.Clock.Now()
	want := []access.UseCaller{{Address: "10.0.0.1", Accepted: 3, At: now.Add(-time.Second)}, {Address: "2001:db8::1", Accepted: 1, Refused: 1, At: now}}
	if diff := cmp.Diff(want, u.Addresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if len(u.Agents) != 2 || u.Agents[0].Agent != "curl/8" || !strings.HasPrefix(u.Agents[1].Agent, "ééé") || len([]rune(u.Agents[1].Agent)) > 201 {
		t.Errorf("agents: %+v", u.Agents)
	}
	if diff := cmp.Diff([]access.UseRefusal{{Reason: "revoked", Count: 1, Hour: now.Truncate(time.Hour)}}, u.Refusals); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
}

// TestDisabledBasicIsCounted: an admin sees who still calls with the username.
func TestDisabledBasicIsCounted(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	username, password := o.Basic("acme", "orders")
	basic := caller{address: "10.0.0.7", agent: "old importer", presented: access.Presented{Way: access.WayBasic, Name: username, Secret: secret.New(password)}}
	o.call(o.Verifier, basic, access.Accepted)
	if err := o.Registry.DisableBasic(t.Context(), o.Operator(), "acme", "orders", "orders"); err != nil {
		t.Fatal(err)
	}
	o.call(o.Verifier, basic, access.BasicDisabled)
	basic.presented.Secret = secret.New("anything")
	o.call(o.Verifier, basic, access.BasicDisabled)
	o.FlushUses()
	page, err := o.Registry.Basic(t.Context(), o.Operator(), "acme", "orders")
	if err != nil {
		t.Fatal(err)
	}
	if u := page.Usage; len(u.Addresses) != 1 || u.Addresses[0].Accepted != 1 || u.Addresses[0].Refused != 2 || len(u.Refusals) != 1 || u.Refusals[0].Reason != "basic-disabled" {
		t.Errorf("usage: %+v", u)
	}
	if page.Basic.Calls != 1 || page.Basic.State != access.Disabled {
		t.Errorf("calls: %d, state: %s", page.Basic.Calls, page.Basic.State)
	}
}

// TestCallersAreBounded: whoever comes from ever new addresses between two writes
// takes no more memory than 32 callers.
func TestCallersAreBounded(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	issued := o.Token("acme", "orders", "nightly", "")
	for i := range 100 {
		o.call(o.Verifier, caller{address: fmt.Sprintf("10.0.1.%d", i), agent: "curl/8", presented: asBearer(issued.Secret)}, access.Accepted)
	}
	o.FlushUses()
	page := o.usage(issued.Credential.ID)
	if got := page.Token.Addresses; got != (access.Addresses{Count: 32, More: true}) {
		t.Errorf("addresses: %+v", got)
	}
	if others := page.Usage.Addresses[0]; others.Address != access.OtherCallers || others.Accepted != 68 || len(page.Usage.Addresses) != 10 {
		t.Errorf("addresses: %+v", page.Usage.Addresses)
	}
	if agents := page.Usage.Agents; len(agents) != 1 || agents[0].Accepted != 32 {
		t.Errorf("agents: %+v", agents)
	}
}

// sickStore is a real store that takes no notes while it is sick, which it is asked
// for in vain as long as meanwhile takes.
type sickStore struct {
	access.Store
	sick      *atomic.Bool
	meanwhile func()
}

var errSick = errors.New("the disk is full")

func (s *sickStore) Note(ctx context.Context, write func(access.NoteTx) error) error {
	if s.sick.Load() {
		s.meanwhile()
		return errSick
	}
	return s.Store.Note(ctx, write)
}

// TestUsesAreKeptUntilTheyAreWritten: what could not be written is written with what
// came meanwhile, each call once.
func TestUsesAreKeptUntilTheyAreWritten(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	issued := o.Token("acme", "orders", "nightly", "backend:read")
	sick := &sickStore{o.Store, &atomic.Bool{}, nil}
	log := &testkit.Log{}
	uses := access.NewUseLog(sick, slog.New(slog.NewTextHandler(log, nil)))
	v := access.NewVerifier(o.Registry.Deps, uses)
	one := caller{address: "10.0.0.1", agent: "curl/8", presented: asBearer(issued.Secret)}
	write := one
	write.method, write.address = "POST", "10.0.0.2"
	o.until(time.Hour, 30*time.Minute)
	for i := range 40 { // more than are told apart
		one.agent = fmt.Sprint("agent ", i)
		o.call(v, one, access.Accepted)
	}
	sick.sick.Store(true)
	sick.meanwhile = func() {
		o.Clock.Advance(time.Second)
		o.call(v, write, access.InsufficientScope)
		one.agent = "agent 0"
		o.call(v, one, access.Accepted)
	}
	for range 2 {
		if err := uses.Flush(t.Context()); !errors.Is(err, errSick) {
			t.Fatalf("flush: %v", err)
		}
	}
	sick.sick.Store(false)
	o.call(v, write, access.InsufficientScope)
	if err := uses.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	page := o.usage(issued.Credential.ID)
	now := o.Clock.Now()
	want := []access.UseCaller{
		{Address: "10.0.0.1", Accepted: 33, At: now}, // 31 of the first ones: the caller who came later had a place already
		{Address: access.OtherCallers, Accepted: 9, At: now.Add(-2 * time.Second)},
		{Address: "10.0.0.2", Refused: 3, At: now},
	}
	if diff := cmp.Diff(want, page.Usage.Addresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]access.UseRefusal{{Reason: "insufficient-scope", Count: 3, Hour: now.Truncate(time.Hour)}}, page.Usage.Refusals); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
	if last := page.Token.LastUse; page.Token.Calls != 42 || !last.At.Equal(now) || last.Address != "10.0.0.1" || last.Agent != "agent 0" || last.Method != "GET" {
		t.Errorf("calls %d, last use %+v", page.Token.Calls, last)
	}
	if strings.Contains(log.String(), "dropped") {
		t.Errorf("logged: %s", log)
	}
}

// TestLatestUseIsOfTheApplicationsOwn: who called last is told of the application's own
// credentials, and of access tokens that its own clients got; not of the organization's
// clients, which members who may see this are not to see.
func TestLatestUseIsOfTheApplicationsOwn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	call := func(s secret.Secret) {
		o.Clock.Advance(time.Second)
		o.call(o.Verifier, caller{address: "10.0.0.1", agent: "curl/8", presented: asBearer(s)}, access.Accepted)
		o.FlushUses()
	}
	latest := func(want string) {
		t.Helper()
		st, err := o.Registry.GettingStarted(t.Context(), o.Operator(), "acme", "orders")
		if err != nil || st.First.CredentialID != want {
			t.Errorf("latest use: %+v, %v, want that of %s", st.First, err, want)
		}
	}
	grant := func(app string) (access.Issued, secret.Secret) {
		client := o.client(app, access.Draft{Label: "client of " + app})
		return client, o.granted(as(client)).Secret
	}
	latest("")
	_, foreign := grant("")
	call(foreign)
	latest("")
	token := o.Token("acme", "orders", "nightly", "")
	call(token.Secret)
	call(foreign)
	latest(token.Credential.ID)
	own, issued := grant("orders")
	call(issued)
	latest(own.Credential.ID)
}
