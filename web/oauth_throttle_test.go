package web_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// TestPasswordGrantIsThrottled at every endpoint that takes a password, for users
// that there are and that there are not alike, and a right password comes too late.
func TestPasswordGrantIsThrottled(t *testing.T) {
	for _, path := range []string{"/oauth/token", "/authorization", "/acme/orders/token", "/management/token"} {
		for _, email := range []string{member, "nobody@acme.example"} {
			t.Run(path+" "+email, func(t *testing.T) {
				s := newTill(t)
				ask := func(base, password string) reply {
					return form(t, base+path, "grant_type", "password", "username", email, "password", password)
				}
				for range 5 { // shared by both listeners
					refused(t, ask(s.ConsoleURL, "wrong"), 400, "invalid_grant")
					refused(t, ask(s.GatewayURL, "wrong"), 400, "invalid_grant")
				}
				for _, base := range s.listeners() {
					r := ask(base, testkit.Password)
					refused(t, r, 429, "invalid_grant")
					if wait, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 15*60 {
						t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
					}
				}
				if a := s.Visitor().Post("/sign-in", "email", email, "password", testkit.Password); a.Status != 429 {
					t.Errorf("sign-in after it: status %d", a.Status)
				}
				s.Clock.Advance(15 * time.Minute)
				if r := ask(s.ConsoleURL, testkit.Password); r.Status == 429 {
					t.Errorf("never again: status %d", r.Status)
				}
			})
		}
	}
}

// TestPasswordThrottleIsShared: what the sign-in has spent, the grant has, and the
// other way round; nobody signs in after ten guesses at the token endpoint.
func TestPasswordThrottleIsShared(t *testing.T) {
	s := newTill(t)
	for i := range 10 {
		if a := s.Visitor().Post("/sign-in", "email", member, "password", "wrong"); a.Status != 422 {
			t.Fatalf("sign-in %d: status %d", i, a.Status)
		}
	}
	refused(t, form(t, s.ConsoleURL+"/authorization", "username", member, "password", testkit.Password), 429, "invalid_grant")
	s.Clock.Advance(15 * time.Minute)
	for range 10 {
		refused(t, form(t, s.GatewayURL+"/oauth/token", "grant_type", "password", "username", member, "password", "wrong"), 400, "invalid_grant")
	}
	if a := s.Visitor().Post("/sign-in", "email", member, "password", testkit.Password); a.Status == 303 {
		t.Error("the throttle of the grant is not the sign-in's")
	}
	s.Clock.Advance(15 * time.Minute)
	for i := range 30 { // right ones cost nothing
		if r := form(t, s.ConsoleURL+"/authorization", "username", member, "password", testkit.Password); r.Status != 200 {
			t.Fatalf("right password %d: status %d: %s", i, r.Status, r.Body)
		}
	}
}

// TestPasswordGrantTellsNothingByTime: an unknown user costs what a known one costs.
// The bound is wide: without the hash the ratio would be above ten.
func TestPasswordGrantTellsNothingByTime(t *testing.T) {
	s := newTill(t, testkit.Limits(func(l *access.Limits) { l.PasswordAttempts = 1000 }))
	const rounds = 15
	var known, unknown []time.Duration
	for i := range rounds {
		for _, c := range []struct {
			email string
			times *[]time.Duration
		}{{member, &known}, {fmt.Sprintf("nobody%d@acme.example", i), &unknown}} {
			start := time.Now()
			refused(t, form(t, s.ConsoleURL+"/oauth/token", "grant_type", "password", "username", c.email, "password", "wrong"), 400, "invalid_grant")
			*c.times = append(*c.times, time.Since(start))
		}
	}
	slices.Sort(known)
	slices.Sort(unknown)
	a, b := known[rounds/2], unknown[rounds/2]
	if ratio := float64(a) / float64(b); ratio > 2 || ratio < 0.5 {
		t.Errorf("median for a known user %s, for an unknown one %s", a, b)
	}
	t.Logf("known %s, unknown %s", a, b)
}
