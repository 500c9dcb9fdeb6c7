package access_test

import (
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// TestRightPasswordsAreGivenBack: a password that was right spends no attempt, also
// where the token is refused for something else.
func TestRightPasswordsAreGivenBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	o.User("ann@example.com", "acme", access.Member)
	ask := by("ann@example.com", testkit.Password)
	ask.HasTTL, ask.TTL = true, 1<<40
	for i := range 15 {
		if got := o.refused(ask); got != access.InvalidRequest {
			t.Fatalf("attempt %d with a ttl that is too long: %s, want %s", i+1, got, access.InvalidRequest)
		}
	}
	if got := o.refused(by("ann@example.com", testkit.Password)); got != "granted" {
		t.Errorf("after 15 right passwords: %s, want granted", got)
	}
}

// TestClientsUnderAShortBound: a client for which no end is named lives as long as it
// may, also where that is less than a day.
func TestClientsUnderAShortBound(t *testing.T) {
	t.Parallel()
	for _, longest := range []time.Duration{6 * time.Hour, 36 * time.Hour, 400 * 24 * time.Hour} {
		s := testkit.Server(t, testkit.Limits(func(l *access.Limits) { l.MaxLifetime = longest }))
		s.Organization("acme")
		s.Application("acme", "orders")
		issued, err := s.Registry.IssueClient(t.Context(), s.Operator(), "acme", "orders", access.Draft{Label: "till"})
		if err != nil {
			t.Errorf("%s: %v", longest, err)
			continue
		}
		if lives := issued.Credential.ExpiresAt.Sub(s.Clock.Now()); lives != longest {
			t.Errorf("%s: lives %s", longest, lives)
		}
	}
}
