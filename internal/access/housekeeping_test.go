package access_test

import (
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// TestSweep: what ended more than 30 days ago goes, what has not stays, and so do
// credentials and events however old.
func TestSweep(t *testing.T) {
	s := testkit.Server(t)
	s.Organization("acme")
	s.Application("acme", "orders")
	s.User("mara@example.com", "acme", access.Owner)
	visitor := s.SignedIn("mara@example.com")
	token := s.Token("acme", "orders", "old", "")
	s.Call("GET", s.GatewayURL+"/acme/orders/backend/", "Authorization", "Bearer "+token.Secret.Expose())
	s.FlushUses()
	keeper := access.NewHousekeeper(s.Registry.Deps)
	sweep := func() int {
		t.Helper()
		n, err := keeper.Sweep(t.Context())
		if err != nil {
			t.Fatalf("sweep: %v", err)
		}
		return n
	}
	if n := sweep(); n != 0 {
		t.Errorf("swept %d rows while everything is fresh, want 0", n)
	}
	if a := visitor.Get("/orgs/acme"); a.Status != 200 {
		t.Errorf("a fresh session after a sweep: status %d, want 200", a.Status)
	}
	events := len(s.Events(""))
	s.Clock.Advance(38 * 24 * time.Hour) // a session lives 7 days, and is kept 30 more
	if n := sweep(); n < 3 {
		t.Errorf("swept %d rows after 38 days, want the session and the uses by minute and hour at least", n)
	}
	if n := sweep(); n != 0 {
		t.Errorf("swept %d rows twice", n)
	}
	if got := len(s.Events("")); got != events {
		t.Errorf("%d events after the sweep, want all %d", got, events)
	}
	if a := s.Call("GET", s.GatewayURL+"/acme/orders/backend/", "Authorization", "Bearer "+token.Secret.Expose()); a.Status != 200 {
		t.Errorf("a token of 90 days after 38: status %d, want 200", a.Status)
	}
}
