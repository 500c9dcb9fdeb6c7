package access_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// attempt tries to sign in and returns how it ended.
func (o *office) attempt(email, password, address, device string) error {
	o.t.Helper()
	c := credentials(email, password)
	c.Device = device
	if address != "" {
		c.Caller = access.Caller{Address: netip.MustParseAddr(address)}
	}
	_, err := o.Accounts.SignIn(o.t.Context(), c)
	return err
}

// TestThrottleByEmail (S8): ten verdicts an email in a window, whether or not it
// exists, in the same words; from then on even the right password is not looked at.
func TestThrottleByEmail(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.User("ann@example.com", "acme", access.Admin)
	texts := map[string][]string{}
	for _, email := range []string{"ann@example.com", "nobody@example.com"} {
		for i := range 13 {
			written := []string{email, strings.ToUpper(email), " " + email + " "}[i%3] // one account, however it is written
			err := o.attempt(written, "wrong", fmt.Sprintf("198.51.100.%d", i), "")
			want := "unauthenticated"
			if i >= 10 {
				want = "rate limited"
			}
			if kindName(err) != want {
				t.Errorf("%s, attempt %d: %v, want %s", email, i+1, err, want)
			}
			texts[email] = append(texts[email], fmt.Sprint(access.AsError(err).Message, access.AsError(err).RetryAfter))
		}
	}
	if known, unknown := fmt.Sprint(texts["ann@example.com"]), fmt.Sprint(texts["nobody@example.com"]); known != unknown {
		t.Errorf("the throttle tells who exists:\n%s\n%s", known, unknown)
	}
	if err := o.attempt("ann@example.com", testkit.Password, "203.0.113.1", ""); access.KindOf(err) != access.RateLimited {
		t.Errorf("a stranger with the right password: %v", err)
	} else if wait := access.AsError(err).RetryAfter; wait <= 0 || wait > 15*time.Minute {
		t.Errorf("wait %s", wait)
	}
	o.Clock.Advance(15*time.Minute - time.Microsecond)
	if err := o.attempt("ann@example.com", testkit.Password, "203.0.113.1", ""); access.KindOf(err) != access.RateLimited {
		t.Errorf("just before the window's end: %v", err)
	}
	o.Clock.Advance(time.Microsecond)
	if err := o.attempt("ann@example.com", testkit.Password, "203.0.113.1", ""); err != nil {
		t.Errorf("at the window's end: %v", err)
	}
}

// TestThrottleForgivesRightPasswords: somebody who signs in often is not locked out.
func TestThrottleForgivesRightPasswords(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.User("ann@example.com", "acme", access.Admin)
	for i := range 12 {
		if err := o.attempt("ann@example.com", testkit.Password, "", ""); err != nil {
			t.Fatalf("sign-in %d: %v", i+1, err)
		}
	}
}

// TestKnownDeviceGetsIn: strangers cannot lock somebody out of their own browser;
// and a device is no way around the bound either.
func TestKnownDeviceGetsIn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ann := o.hire("ann@example.com", access.Admin)
	bob := o.hire("bob@example.com", access.Admin)
	for i := range 20 {
		_ = o.attempt("ann@example.com", "wrong", fmt.Sprintf("198.51.100.%d", i), "")
	}
	for name, device := range map[string]string{
		"none": "", "another's": bob.device, "junk": "x.y", "signed for another purpose": o.Keys.Sign("next", ann.visit().User.ID+" x"),
		"changed": ann.device + "x", "of no user": o.Keys.Sign("device", " x"), "empty": o.Keys.Sign("device", ""),
	} {
		if err := o.attempt("ann@example.com", testkit.Password, "", device); access.KindOf(err) != access.RateLimited {
			t.Errorf("device %s: %v", name, err)
		}
	}
	if err := o.attempt("ann@example.com", testkit.Password, "", ann.device); err != nil {
		t.Errorf("ann on her own device: %v", err)
	}
	for i := range 11 {
		want := "unauthenticated"
		if i == 10 {
			want = "rate limited"
		}
		if err := o.attempt("ann@example.com", "wrong", "", ann.device); kindName(err) != want {
			t.Errorf("attempt %d on a known device: %v, want %s", i+1, err, want)
		}
	}
	if err := o.attempt("ann@example.com", testkit.Password, "", ann.device); access.KindOf(err) != access.RateLimited {
		t.Errorf("a known device after ten wrong ones: %v", err)
	}
	if err := o.attempt("bob@example.com", testkit.Password, "", bob.device); err != nil {
		t.Errorf("bob is held for what was tried on ann: %v", err)
	}
}

// TestThrottleByNetwork: a hundred verdicts a network, an IPv6 /64 being one.
func TestThrottleByNetwork(t *testing.T) {
	t.Parallel()
	o := newOffice(t, testkit.Limits(func(l *access.Limits) { l.PasswordAttempts = 1 })) // so 10 a network
	for i := range 12 {
		want := "unauthenticated"
		if i >= 10 {
			want = "rate limited"
		}
		if err := o.attempt(fmt.Sprintf("u%d@example.com", i), "wrong", fmt.Sprintf("2001:db8:0:7::%d", i+1), ""); kindName(err) != want {
			t.Errorf("attempt %d: %v, want %s", i+1, err, want)
		}
	}
	for address, want := range map[string]string{"2001:db8:0:8::1": "unauthenticated", "192.0.2.1": "unauthenticated", "2001:db8:0:7:ffff::1": "rate limited"} {
		if err := o.attempt("someone-"+address, "wrong", address, ""); kindName(err) != want {
			t.Errorf("from %s: %v, want %s", address, err, want)
		}
	}
	// Behind a proxy whose word we do not take, all are one network.
	through := credentials("x@example.com", "wrong")
	through.Caller = access.Caller{Through: netip.MustParseAddr("2001:db8:0:7::99")}
	if _, err := o.Accounts.SignIn(t.Context(), through); access.KindOf(err) != access.RateLimited {
		t.Errorf("through a proxy of that network: %v", err)
	}
}

// TestThrottleAtOnce: fifty at once get ten verdicts, not one more.
func TestThrottleAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.User("ann@example.com", "acme", access.Admin)
	var verdicts, limited atomic.Int64
	var wait sync.WaitGroup
	for i := range 50 {
		wait.Go(func() {
			c := credentials("ann@example.com", "wrong")
			c.Caller = access.Caller{Address: netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})}
			_, err := o.Accounts.SignIn(t.Context(), c)
			switch access.KindOf(err) {
			case access.Unauthenticated:
				verdicts.Add(1)
			case access.RateLimited:
				limited.Add(1)
			default:
				t.Errorf("attempt %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	if verdicts.Load() != 10 || limited.Load() != 40 {
		t.Errorf("%d verdicts and %d refusals, want 10 and 40", verdicts.Load(), limited.Load())
	}
}

// TestElevationSharesTheThrottle: the elevation's password is no second door.
func TestElevationSharesTheThrottle(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Admin)
	o.Clock.Advance(5*time.Minute + time.Microsecond)
	elevate := func(password string) error {
		v := p.visit()
		_, err := o.Accounts.Elevate(t.Context(), v, v.Actor(desk, "test/1"), access.ElevationDraft{
			Organization: "acme", Reason: testkit.Reason, Minutes: 15, Password: secret.New(password),
		})
		return err
	}
	for i := range 6 {
		if err := elevate("wrong"); access.KindOf(err) != access.Invalid || fields(err)[0] != "password" {
			t.Errorf("attempt %d: %v", i+1, err)
		}
	}
	for i := range 5 {
		want := "unauthenticated"
		if i == 4 {
			want = "rate limited"
		}
		if err := o.attempt("ann@example.com", "wrong", "", ""); kindName(err) != want {
			t.Errorf("sign-in %d after six at the elevation: %v, want %s", i+1, err, want)
		}
	}
	if err := elevate(testkit.Password); access.KindOf(err) != access.RateLimited {
		t.Errorf("the right password after ten wrong ones: %v", err)
	}
	if p.visit().Elevation.ID != "" {
		t.Error("elevated all the same")
	}
}

// TestTallies: what strangers cause at will is one Event an account and minute.
func TestTallies(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Admin)
	o.Clock.Advance(o.Clock.Now().Truncate(time.Minute).Add(10 * time.Minute).Sub(o.Clock.Now())) // a minute's start, the password no longer fresh
	events := o.count()
	for range 4 {
		_ = o.attempt("ann@example.com", "wrong", "", "")
	}
	const typed = "hunter2 typed into the wrong field"
	_ = o.attempt(typed, "wrong", "", "")
	_ = o.attempt(typed, "wrong", "", "")
	if _, err := o.Accounts.Elevate(t.Context(), p.visit(), p.actor(), access.ElevationDraft{
		Organization: "acme", Reason: testkit.Reason, Minutes: 15, Password: secret.New("wrong"),
	}); access.KindOf(err) != access.Invalid {
		t.Fatal(err)
	}
	checkTallied(t, o, "hunter2")
	seal := func() {
		t.Helper()
		if err := o.Accounts.SealTallies(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if seal(); len(o.since(events)) != 0 {
		t.Errorf("a minute that is not over was sealed: %v", o.since(events))
	}
	o.Clock.Advance(time.Minute)
	seal()
	got := map[string]int64{}
	for _, e := range o.since(events) {
		got[string(e.Act)+" "+e.ActorName] += e.Count
		if strings.Contains(fmt.Sprint(e), "hunter2") {
			t.Errorf("what was typed is recorded: %v", e)
		}
		if e.Detail["minute"] == "" || e.Address != "192.0.2.10" {
			t.Errorf("event %+v", e)
		}
	}
	want := map[string]int64{"session.sign-in-failed ann@example.com": 4, "session.sign-in-failed unknown email": 2, "elevation.failed ann@example.com": 1}
	if fmt.Sprint(got) != fmt.Sprint(want) || len(o.since(events)) != 3 {
		t.Errorf("tallied %v in %d events, want %v in 3", got, len(o.since(events)), want)
	}
	if seal(); len(o.since(events)) != 3 {
		t.Error("sealed twice")
	}
	if !chained(o.since(0)) {
		t.Error("the sealed tallies break the chain")
	}
}

// checkTallied looks at what waits to be sealed: what a stranger typed into the
// email's field may be a password, and is not kept in clear there either.
func checkTallied(t *testing.T, o *office, typed string) {
	t.Helper()
	undo := errors.New("undo")
	err := o.Store.Update(t.Context(), func(tx access.Tx) error {
		tallies, err := tx.TakeTallies(o.Clock.Now().Add(time.Hour))
		if err != nil {
			return err
		}
		if len(tallies) != 3 || strings.Contains(fmt.Sprint(tallies), typed) {
			t.Errorf("tallied: %v", tallies)
		}
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
}

// TestSignInAnswersAlike: an unknown email, a wrong password, a disabled user and
// an endless password are one answer.
func TestSignInAnswersAlike(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.User("ann@example.com", "acme", access.Admin)
	o.User("gone@example.com", "acme", access.Admin)
	if _, err := o.Accounts.DisableUser(t.Context(), o.Operator(), "gone@example.com"); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for name, c := range map[string][2]string{
		"unknown": {"nobody@example.com", testkit.Password}, "wrong": {"ann@example.com", "wrong"}, "disabled": {"gone@example.com", testkit.Password},
		"endless": {"ann@example.com", strings.Repeat("x", 1<<20)}, "nothing": {"", ""}, "NUL": {"ann@example.com\x00", testkit.Password},
	} {
		err := o.attempt(c[0], c[1], "", "")
		if access.KindOf(err) != access.Unauthenticated {
			t.Errorf("%s: %v", name, err)
			continue
		}
		texts[err.Error()] += " " + name
	}
	if len(texts) != 1 {
		t.Errorf("answers differ: %v", texts)
	}
}
