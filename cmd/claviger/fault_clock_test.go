package main_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// TestFaultClock has the clock of a server jump, there and back, as a bad time service makes it: what is over by the clock
// is refused, nothing is dead for having been seen expired, and what was revoked, paused or disabled stays so, also where
// that was done while the clock was wrong.
func TestFaultClock(t *testing.T) {
	t.Parallel()
	s := testkit.Server(t)
	s.Organization("acme")
	s.Application("acme", "orders")
	username, password := s.Basic("acme", "orders")
	presented := map[string]string{"Basic": basicAuth(username + ":" + password)}
	ids := map[string]string{}
	for _, label := range []string{"good", "month", "revoked before", "revoked meanwhile", "paused meanwhile"} {
		expires := "never"
		if label == "month" {
			expires = "30d"
		}
		made, err := s.Registry.IssueToken(t.Context(), s.Operator(), "acme", "orders", access.Draft{Label: label, Expires: expires})
		if err != nil {
			t.Fatal(err)
		}
		presented[label], ids[label] = "Bearer "+made.Secret.Expose(), made.Credential.ID
	}
	end := func(label string, how access.Verb) {
		t.Helper()
		if _, err := s.Registry.Each(t.Context(), s.Operator(), "acme", "orders", how, []string{ids[label]}); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(when, refused string) {
		t.Helper()
		for label, authorization := range presented {
			want := http.StatusOK
			if slices.Contains(strings.Split(refused, ","), label) {
				want = http.StatusUnauthorized
			}
			for range 2 { // asked, and remembered
				if a := s.Call("GET", s.ConsoleURL+"/verify/acme/orders/backend", "Authorization", authorization, "X-Original-Method", "GET"); a.Status != want {
					t.Errorf("%s: %s: %d, want %d: %s", when, label, a.Status, want, a.Body)
				}
			}
		}
	}
	end("revoked before", access.RevokeThem)
	expect("at first", "revoked before")
	s.Clock.Advance(40 * 24 * time.Hour)
	expect("40 days ahead", "revoked before,month")
	end("revoked meanwhile", access.RevokeThem)
	end("paused meanwhile", access.PauseThem)
	if err := s.Registry.DisableBasic(t.Context(), s.Operator(), "acme", "orders", "orders"); err != nil {
		t.Fatal(err)
	}
	over := "revoked before,revoked meanwhile,paused meanwhile,Basic"
	expect("40 days ahead, later", over+",month")
	s.Clock.Advance(-40 * 24 * time.Hour)
	expect("right again", over)
	s.Clock.Advance(-400 * 24 * time.Hour)
	expect("400 days behind", over)
	s.Clock.Advance(440 * 24 * time.Hour)
	expect("ahead again", over+",month")
}
