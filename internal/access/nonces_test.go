package access_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"claviger/internal/access"
)

// TestRepeatedCreate: the form of a token, sent again, makes nothing and shows no
// secret, but says what it made.
func TestRepeatedCreate(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Admin)
	p.elevate("acme")
	draft := access.Draft{Label: "first", Nonce: "n-1"}
	issue := func(app string, d access.Draft) access.Issued {
		t.Helper()
		issued, err := o.Registry.IssueToken(t.Context(), p.actor(), "acme", app, d)
		if err != nil {
			t.Fatal(err)
		}
		return issued
	}
	first := issue("orders", draft)
	if first.Already || first.Secret.IsZero() {
		t.Fatal("the first is none")
	}
	before := state(t, o.Store)
	draft.Label = "second"
	if again := issue("orders", draft); !again.Already || !again.Secret.IsZero() || again.Credential.ID != first.Credential.ID || again.Credential.Label != "first" {
		t.Errorf("again: %+v", again)
	}
	if state(t, o.Store) != before {
		t.Error("the second made something")
	}
	if other := issue("billing", draft); other.Already || other.Secret.IsZero() {
		t.Error("the nonce of one application blocks another")
	}
	draft.Nonce = ""
	if a, b := issue("orders", draft), issue("orders", draft); a.Already || b.Already || a.Credential.ID == b.Credential.ID {
		t.Error("forms without a nonce are one another's repetition")
	}
}

func TestRepeatedCreateAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var made, already atomic.Int64
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			issued, err := o.Registry.IssueToken(t.Context(), o.Operator(), "acme", "orders", access.Draft{Label: "x", Nonce: "n"})
			switch {
			case err != nil:
				t.Errorf("IssueToken: %v", err)
			case issued.Already:
				already.Add(1)
			default:
				made.Add(1)
			}
		})
	}
	wait.Wait()
	if made.Load() != 1 || already.Load() != 7 {
		t.Errorf("%d made, %d already, want 1 and 7", made.Load(), already.Load())
	}
}

// TestRepeatedReveal: reloading the page that showed the password is no second
// reveal, and one application's nonce is nothing to another.
func TestRepeatedReveal(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	reveal := func(app, nonce string) access.Revealed {
		t.Helper()
		revealed, err := o.Registry.RevealBasic(t.Context(), o.Operator(), "acme", app, nonce)
		if err != nil {
			t.Fatal(err)
		}
		return revealed
	}
	if first := reveal("orders", "n-1"); first.Already || first.Password.IsZero() {
		t.Fatal("the first shows nothing")
	}
	before := state(t, o.Store)
	if again := reveal("orders", "n-1"); !again.Already || !again.Password.IsZero() {
		t.Error("the second shows the password")
	}
	if state(t, o.Store) != before {
		t.Error("what was not shown was recorded")
	}
	if other := reveal("billing", "n-1"); other.Already || other.Password.IsZero() {
		t.Error("the nonce of one application blocks another")
	}
	if next := reveal("orders", "n-2"); next.Already || next.Password.IsZero() {
		t.Error("another nonce shows nothing")
	}
	if script := reveal("orders", ""); script.Already || script.Password.IsZero() {
		t.Error("a script, which has no nonce, is shown nothing")
	}
}
