package access_test

import (
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

const newPassword = "another horse staple"

func (p *person) change(old, next string) (access.SignedIn, error) {
	v := p.visit()
	return p.Accounts.ChangePassword(p.t.Context(), v, v.Actor(desk, "test/1"), access.PasswordDraft{Password: secret.New(old), New: secret.New(next), Device: p.device})
}

// end ends sessions of p's with a password, or without one.
func (p *person) end(password string, ids ...string) (int, secret.Secret, error) {
	v := p.visit()
	return p.Accounts.EndSessions(p.t.Context(), v, v.Actor(desk, "test/1"), ids, access.Proof{Password: secret.New(password), Device: p.device})
}

// TestOwnSessions: one sees one's own sessions that still count, and ends others, which
// takes their elevation along.
func TestOwnSessions(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ann := o.hire("ann@example.com", access.Admin)
	other := o.signIn("ann@example.com")
	o.User("bob@example.com", "acme", access.Admin)
	o.Clock.Advance(7 * time.Hour)
	other.elevate("acme") // uses it; the first one stays idle
	o.Clock.Advance(2 * time.Hour)
	if _, err := o.Accounts.Authenticate(t.Context(), ann.token); access.KindOf(err) != access.Unauthenticated {
		t.Fatalf("an idle session: %v", err)
	}
	ann = o.signIn("ann@example.com")
	other.visit()
	other.elevate("acme")
	list, err := o.Accounts.OwnSessions(t.Context(), ann.actor())
	if err != nil || len(list) != 2 || !list[0].Here || list[1].Here || list[1].Elevated.ID == "" || list[0].Elevated.ID != "" {
		t.Fatalf("own sessions: %+v, %v", list, err)
	}
	bob := o.signIn("bob@example.com")
	here, there := list[0].Session.ID, list[1].Session.ID
	before := state(t, o.Store)
	for what, ids := range map[string][]string{"the present one": {here}, "with the present one": {there, here}, "another's": {bob.visit().Session.ID}, "none": nil, "unknown": {there, "ses_none"}} {
		if _, _, err := ann.end("", ids...); err == nil || state(t, o.Store) != before {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, want := range []int{1, 0} {
		if n, token, err := ann.end("", there); n != want || err != nil || !token.IsZero() {
			t.Errorf("end the other one: %d, %v, %v, want %d", n, token, err, want)
		}
	}
	if _, err := o.Accounts.Authenticate(t.Context(), other.token); access.KindOf(err) != access.Unauthenticated {
		t.Errorf("the ended one: %v", err)
	}
	if e := o.Events("")[0]; e.Act != access.ActEndSession || e.TargetID != there || e.ActorName != ann.visit().User.Name {
		t.Errorf("the record: %+v", e)
	}
}

// TestEndingAsksThePassword: who ends sessions of theirs, or all at once, gave the
// password within five minutes, or gives it again; that counts like the sign-in.
func TestEndingAsksThePassword(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ann := o.hire("ann@example.com", access.Admin)
	other := o.signIn("ann@example.com").visit().Session.ID
	everything := func(password string) error {
		v := ann.visit()
		_, err := o.Accounts.RevokeOwnEverything(t.Context(), v, v.Actor(desk, "test/1"), access.Proof{Password: secret.New(password), Device: ann.device})
		return err
	}
	o.Clock.Advance(5*time.Minute + time.Microsecond)
	for _, password := range []string{"", "wrong"} {
		if n, token, err := ann.end(password, other); access.KindOf(err) != access.Invalid || fields(err)[0] != "password" || n != 0 || !token.IsZero() {
			t.Errorf("end with %q: %d, %v", password, n, err)
		}
		if err := everything(password); access.KindOf(err) != access.Invalid || fields(err)[0] != "password" {
			t.Errorf("revoke everything with %q: %v", password, err)
		}
	}
	if list, err := o.Accounts.OwnSessions(t.Context(), ann.actor()); err != nil || len(list) != 2 {
		t.Fatalf("the sessions after all that: %+v, %v", list, err)
	}
	was := ann.token
	n, token, err := ann.end(testkit.Password, other)
	if err != nil || n != 1 || token.IsZero() {
		t.Fatalf("end with the password: %d, %v", n, err)
	}
	if v, err := o.Accounts.Authenticate(t.Context(), was); err != nil || !v.Replaced {
		t.Errorf("the token before: %+v, %v", v, err)
	}
	ann.token = token
	if err := everything(""); err != nil { // the password was given just now
		t.Errorf("revoke everything right after it: %v", err)
	}
	o.Clock.Advance(2 * time.Minute)
	if err := o.Accounts.SealTallies(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := o.Events("")[0]; e.Act != access.ActEndFailed || e.ActorName != "ann@example.com" || e.Count != 2 {
		t.Errorf("the record of the wrong ones: %+v", e)
	}
}

// TestEndingIsThrottled: guesses at this door count like those at the sign-in.
func TestEndingIsThrottled(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ann := o.hire("ann@example.com", access.Viewer)
	other := o.signIn("ann@example.com").visit().Session.ID
	o.Clock.Advance(10 * time.Minute)
	for range 10 {
		_, _, _ = ann.end("wrong", other)
	}
	if _, _, err := ann.end(testkit.Password, other); access.KindOf(err) != access.RateLimited {
		t.Errorf("the right one after ten wrong ones: %v", err)
	}
}

// TestChangePassword: what the old one opened ends; what was made with an elevation
// goes on.
func TestChangePassword(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ann := o.hire("ann@example.com", access.Admin)
	other := o.signIn("ann@example.com")
	kept := ann.personal("acme", access.Draft{})
	before := state(t, o.Store)
	for _, c := range []struct{ old, next, field string }{
		{"wrong", newPassword, "password"},
		{"", newPassword, "password"},
		{testkit.Password, "too short", "new"},
	} {
		if in, err := ann.change(c.old, c.next); access.KindOf(err) != access.Invalid || fields(err)[0] != c.field || !in.Token.IsZero() || state(t, o.Store) != before {
			t.Errorf("%q to %q: %v", c.old, c.next, err)
		}
	}
	was := ann.token
	in, err := ann.change(testkit.Password, newPassword)
	if err != nil {
		t.Fatal(err)
	}
	if e := o.Events("")[0]; e.Act != access.ActChangePassword || e.Detail["other sessions ended"] != "1" {
		t.Errorf("the record: %+v", e)
	}
	ann.token = in.Token
	for what, token := range map[string]secret.Secret{"elsewhere": other.token, "by the token before, of which a thief may have a copy": was} {
		if _, err := o.Accounts.Authenticate(t.Context(), token); access.KindOf(err) != access.Unauthenticated {
			t.Errorf("the session %s: %v", what, err)
		}
	}
	if v := ann.visit(); v.Replaced {
		t.Error("the new token counts as a replaced one")
	}
	if kindName(o.attempt("ann@example.com", testkit.Password, "", "")) != "unauthenticated" || o.attempt("ann@example.com", newPassword, "", "") != nil {
		t.Error("the old password still opens, or the new one does not")
	}
	o.opens("a personal token", "acme", "orders", "GET", kept.Secret, access.Accepted)
	// The mark of the device goes with the password: strangers who have the old one are strangers.
	for range 10 {
		_ = o.attempt("ann@example.com", "wrong", "203.0.113.9", "")
	}
	if err := o.attempt("ann@example.com", newPassword, "203.0.113.10", ann.device); access.KindOf(err) != access.RateLimited {
		t.Errorf("with the old mark of a device: %v", err)
	}
	if err := o.attempt("ann@example.com", newPassword, "203.0.113.10", in.Device); err != nil {
		t.Errorf("with the new mark of a device: %v", err)
	}
}

// TestChangePasswordIsThrottled: guesses of the present password count like those at the
// sign-in.
func TestChangePasswordIsThrottled(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ann := o.hire("ann@example.com", access.Viewer)
	for i := range 11 {
		_, err := ann.change("wrong", newPassword)
		want := access.Invalid
		if i == 10 {
			want = access.RateLimited
		}
		if access.KindOf(err) != want {
			t.Errorf("guess %d: %v", i+1, err)
		}
	}
	if _, err := ann.change(testkit.Password, newPassword); access.KindOf(err) != access.RateLimited {
		t.Errorf("the right one after ten wrong ones: %v", err)
	}
}
