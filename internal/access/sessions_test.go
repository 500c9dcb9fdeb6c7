package access_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

func (p *person) with(token secret.Secret) (access.Visit, error) {
	return p.Accounts.Authenticate(p.t.Context(), token)
}

// TestSessionTokenChanges at elevation and at its drop. The one before is served
// for 30 seconds, so that what is under way in another tab does not fail, but is
// never elevated; then it is nobody's.
func TestSessionTokenChanges(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Admin)
	first := p.token
	p.elevate("acme/orders")
	second := p.token
	if v := p.visit(); v.Replaced || v.Elevation.ID == "" || v.ElevatedPath != "acme/orders" || v.ElevatedScope != "acme / orders" {
		t.Errorf("after the elevation: %+v", v)
	}
	o.Clock.Advance(29 * time.Second)
	if v, err := p.with(first); err != nil || !v.Replaced || v.Elevation.ID != "" || v.Session.ID != p.visit().Session.ID {
		t.Errorf("the token before, after 29 s: replaced %v, elevated %v, %v", v.Replaced, v.Elevation.ID != "", err)
	}
	v, err := p.with(first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Accounts.Elevate(t.Context(), v, v.Actor(desk, ""), access.ElevationDraft{Organization: "acme", Reason: testkit.Reason, Minutes: 15}); access.KindOf(err) != access.Conflict {
		t.Errorf("a replaced token elevates: %v", err)
	}
	if token, err := o.Accounts.Drop(t.Context(), v, v.Actor(desk, "")); err != nil || !token.IsZero() || p.visit().Elevation.ID == "" {
		t.Errorf("a replaced token drops: %v", err)
	}
	o.Clock.Advance(time.Second)
	if _, err := p.with(first); access.KindOf(err) != access.Unauthenticated {
		t.Errorf("the token before, after 30 s: %v", err)
	}
	p.drop()
	if v := p.visit(); v.Elevation.ID != "" || v.Replaced {
		t.Error("elevated after the drop")
	}
	if v, err := p.with(second); err != nil || !v.Replaced || v.Elevation.ID != "" {
		t.Errorf("the elevated token after the drop: %+v, %v", v.Elevation, err)
	}
	if _, err := p.with(first); access.KindOf(err) != access.Unauthenticated {
		t.Errorf("the token before last: %v", err)
	}
}

// TestTwoElevationsAtOnce: one of them gets the session, the other changes nothing.
func TestTwoElevationsAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Admin)
	v := p.visit()
	var done, conflict atomic.Int64
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			_, err := o.Accounts.Elevate(context.Background(), v, v.Actor(desk, ""), access.ElevationDraft{Organization: "acme", Reason: testkit.Reason, Minutes: 15})
			switch {
			case err == nil:
				done.Add(1)
			case access.KindOf(err) == access.Conflict:
				conflict.Add(1)
			default:
				t.Errorf("Elevate: %v", err)
			}
		})
	}
	wait.Wait()
	if done.Load() != 1 || conflict.Load() != 7 {
		t.Errorf("%d elevations and %d conflicts, want 1 and 7", done.Load(), conflict.Load())
	}
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		live func(o *office, p *person)
		want string
	}{
		"at once":           {func(*office, *person) {}, "done"},
		"idle, just within": {func(o *office, _ *person) { o.Clock.Advance(8 * time.Hour) }, "done"},
		"idle":              {func(o *office, _ *person) { o.Clock.Advance(8*time.Hour + time.Microsecond) }, "unauthenticated"},
		"used every hour for six days": {func(o *office, p *person) {
			for range 6 * 24 {
				o.Clock.Advance(time.Hour)
				p.visit()
			}
		}, "done"},
		"used every hour for seven days": {func(o *office, p *person) {
			for range 7*24 - 1 {
				o.Clock.Advance(time.Hour)
				p.visit()
			}
			o.Clock.Advance(time.Hour)
		}, "unauthenticated"},
		"signed out": {func(o *office, p *person) { _ = o.Accounts.SignOut(context.Background(), p.actor()) }, "unauthenticated"},
		"disabled": {func(o *office, _ *person) {
			_, _ = o.Accounts.DisableUser(context.Background(), o.Operator(), "ann@example.com")
		}, "unauthenticated"},
		"for ever": {func(o *office, _ *person) { o.Clock.Advance(1000 * day) }, "unauthenticated"},
	} {
		o := newOffice(t)
		p := o.hire("ann@example.com", access.Admin)
		c.live(o, p)
		if _, err := p.with(p.token); kindName(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestNoSessionForForeignTokens(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Admin)
	id := p.visit().Session.ID
	for _, text := range []string{"", "x", id, p.token.Expose() + "x", p.token.Expose()[1:], "\x00", string(access.HashToken(p.token))} {
		if v, err := p.with(secret.New(text)); access.KindOf(err) != access.Unauthenticated {
			t.Errorf("%.10q stands for %q, %v", text, v.User.Email, err)
		}
	}
}

// TestSaveDoesNotBringBack an ended session, and signing out ends the elevation.
func TestSaveDoesNotBringBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Admin)
	ctx := t.Context()
	id := p.visit().Session.ID
	if ok, err := o.Accounts.SaveData(ctx, id, `{"a":"b"}`); !ok || err != nil || p.visit().Session.Data != `{"a":"b"}` {
		t.Fatalf("SaveData = %v, %v", ok, err)
	}
	p.elevate("acme")
	if p.visit().Session.Data != `{"a":"b"}` {
		t.Error("the elevation forgot what pages remembered")
	}
	a := p.actor()
	if err := o.Accounts.SignOut(ctx, a); err != nil {
		t.Fatal(err)
	}
	if ok, err := o.Accounts.SaveData(ctx, id, "{}"); ok || err != nil {
		t.Errorf("SaveData in an ended session = %v, %v", ok, err)
	}
	if _, err := p.with(p.token); access.KindOf(err) != access.Unauthenticated {
		t.Errorf("the session is back: %v", err)
	}
	events := o.count()
	if err := o.Accounts.SignOut(ctx, a); err != nil || o.count() != events {
		t.Errorf("signing out twice: %v, %d events", err, o.count()-events)
	}
}

// TestDisablingEndsSessions of that user alone.
func TestDisablingEndsSessions(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.User("ann@example.com", "acme", access.Admin)
	one, two, bob := o.signIn("ann@example.com"), o.signIn("ann@example.com"), o.hire("bob@example.com", access.Owner)
	if _, err := o.Accounts.DisableUser(t.Context(), o.Operator(), "ann@example.com"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*person{one, two} {
		if _, err := p.with(p.token); access.KindOf(err) != access.Unauthenticated {
			t.Errorf("a session of a disabled user: %v", err)
		}
	}
	bob.visit()
	if _, err := o.Accounts.DisableUser(t.Context(), o.Operator(), "nobody@example.com"); access.KindOf(err) != access.NotFound {
		t.Errorf("disabling nobody: %v", err)
	}
}
