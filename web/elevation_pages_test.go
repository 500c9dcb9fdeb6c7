package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// elevateFrom follows a way to the elevation, elevates as its form says, and
// returns where one lands.
func elevateFrom(t *testing.T, v *testkit.Visitor, location string) testkit.Answer {
	t.Helper()
	a := v.Get(location)
	if a.Status != http.StatusOK {
		t.Fatalf("%s: %d", location, a.Status)
	}
	form := a.Page(t).Form("form.form")
	form.Set("reason", testkit.Reason)
	if form.Has("password") {
		form.Set("password", testkit.Password)
	}
	return v.Send("/elevate", form)
}

// TestNothingIsReplayed: every form that is sent when the elevation has run out
// does nothing, neither then nor after the elevation; one comes back to the page
// that it stands on, and what was typed is in it.
func TestNothingIsReplayed(t *testing.T) {
	c, v := elevatedConsole(t)
	token := c.Token("acme", "orders", "its label", "").Credential.ID
	for _, form := range []struct {
		path string
		sent url.Values
		page string
		kept []string
	}{
		{
			managePage + "/tokens", values("label", "Typed with care", "scope", "backend:read", "scope", "backend:write", "expires", "custom", "expires_date", "2999-01-01", "allow", "10.0.0.0/8\r\n::1", "nonce", "n"),
			managePage + "/tokens/new",
			[]string{"label", "scope", "expires", "expires_date", "allow"},
		},
		{managePage + "/tokens/" + token + "/rename", values("label", "Another label"), managePage + "/tokens/" + token + "/rename", []string{"label"}},
		{managePage + "/tokens/" + token + "/restrict", values("allow", "10.0.0.0/8\r\n::1", "rate", "10", "burst", "20"), managePage + "/tokens/" + token + "/restrict", []string{"allow", "rate", "burst"}},
		{managePage + "/basic/restrict", values("allow", "::1", "rate", "7"), managePage + "/basic/restrict", []string{"allow", "rate"}},
		{ordersPath + "/apis/backend", values("name", "Another name", "upstream", "http://127.0.0.1:9", "timeout", "30"), ordersPath + "/apis/backend/edit", []string{"name", "upstream", "timeout"}},
		{managePage + "/basic/disable", values("confirm", "orders"), managePage + "/basic/disable", nil},
		{managePage + "/tokens/revoke", values("id", token), managePage + "/tokens/revoke?id=" + token, []string{"id"}},
		{managePage + "/basic/reveal", values("nonce", "n"), managePage, nil},
		{managePage + "/tokens/" + token + "/pause", nil, managePage + "/tokens/" + token, nil},
		{managePage + "/tokens/" + token + "/resume", nil, managePage + "/tokens/" + token, nil},
		{managePage + "/tokens/" + token + "/confirm", nil, managePage + "/tokens/" + token, nil},
	} {
		c.Clock.Advance(31 * time.Minute)
		before := c.state()
		a := v.Send(form.path, form.sent)
		if answered(a) != "up" || c.state() != before {
			t.Errorf("%s: %d %s, changed %v", form.path, a.Status, a.Location, c.state() != before)
			continue
		}
		landed := elevateFrom(t, v, a.Location)
		if landed.Status != http.StatusSeeOther || landed.Location != form.page {
			t.Errorf("%s: landed at %d %s, want %s", form.path, landed.Status, landed.Location, form.page)
		}
		events := c.Events("acme")
		if events[0].Act != access.ActElevate || events[0].TargetName != "acme/orders" {
			t.Errorf("%s: the last act is %s of %s", form.path, events[0].Act, events[0].TargetName)
		}
		page := v.Get(landed.Location).Page(t)
		if c.Events("acme")[0].ID != events[0].ID {
			t.Errorf("%s was replayed", form.path)
		}
		for _, name := range form.kept {
			got := page.Form("form.form")[name]
			for i := range got {
				got[i] = strings.TrimSpace(got[i])
			}
			want := strings.Split(strings.ReplaceAll(strings.Join(form.sent[name], "|"), "\r\n", "\n"), "|")
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s is %q, was %q", form.path, name, got, want)
			}
		}
		if len(form.kept) > 0 && form.page != managePage+"/tokens/revoke?id="+token {
			if again := v.Get(landed.Location).Page(t).Form("form.form"); again.Get(form.kept[0]) == form.sent.Get(form.kept[0]) {
				t.Errorf("%s: the draft is there for ever", form.path)
			}
		}
	}
}

// TestDraftKeepsNoNonce: the form that comes back is a form of its own.
func TestDraftKeepsNoNonce(t *testing.T) {
	c, v := elevatedConsole(t)
	c.Clock.Advance(31 * time.Minute)
	a := v.Post(managePage+"/tokens", "label", "Typed with care", "scope", "*:read", "nonce", "an old nonce")
	elevateFrom(t, v, a.Location)
	if v.Get(managePage+"/tokens/"+"new?x=1").Page(t).Form("form.form").Get("nonce") == "an old nonce" {
		t.Error("the nonce of the form before is in the new one")
	}
}

// TestLandingAfterElevation: one lands where one wanted to go, its query included.
func TestLandingAfterElevation(t *testing.T) {
	c := newConsole(t)
	c.User("ann@example.com", "acme", access.Admin)
	v := c.SignedIn("ann@example.com")
	want := managePage + "?q=x&state=paused"
	a := v.Get(want)
	if answered(a) != "up" {
		t.Fatalf("%d %s", a.Status, a.Location)
	}
	if text := v.Get(a.Location).Page(t).Text(); !strings.Contains(text, "acme / orders") || !strings.Contains(text, "All of acme") {
		t.Errorf("the elevation does not say for what: %s", text)
	}
	if landed := elevateFrom(t, v, a.Location); landed.Location != want {
		t.Errorf("landed at %s", landed.Location)
	}
	if a := v.Get(want); a.Status != http.StatusOK || !strings.Contains(a.Page(t).Text(), "Elevated for acme / orders until") || !strings.Contains(a.Page(t).Text(), testkit.Reason) {
		t.Error("the bar does not show the elevation and its reason")
	}
}

// TestElevationForm: refused forms keep what was typed, at 422, and a throttle is 429.
func TestElevationForm(t *testing.T) {
	c := newConsole(t)
	c.User("ann@example.com", "acme", access.Admin)
	v := c.SignedIn("ann@example.com")
	c.Clock.Advance(6 * time.Minute)
	next := c.Keys.Sign("next", managePage)
	send := func(password string) testkit.Answer {
		return v.Post("/elevate", "scope", "acme", "reason", testkit.Reason, "minutes", "60", "password", password, "next", next)
	}
	for i := range 10 {
		a := send("wrong")
		page := a.Page(t)
		kept := page.Form("form.form")
		if a.Status != http.StatusUnprocessableEntity || !page.Has("#elevate-password-error") || kept.Get("reason") != testkit.Reason || kept.Get("minutes") != "60" || kept.Get("next") != next || kept.Get("password") != "" {
			t.Fatalf("attempt %d: %d, kept %v", i+1, a.Status, kept)
		}
	}
	a := send(testkit.Password)
	if a.Status != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" || !a.Page(t).Has("#elevate-password-error") {
		t.Errorf("the eleventh: %d, Retry-After %q", a.Status, a.Header.Get("Retry-After"))
	}
	if a := v.Get(managePage); answered(a) != "up" {
		t.Errorf("elevated all the same: %d", a.Status)
	}
}

// TestSignInThrottle: 429 with the time to wait, and no session.
func TestSignInThrottle(t *testing.T) {
	c := newConsole(t)
	c.User("ann@example.com", "acme", access.Admin)
	v := c.Visitor()
	for range 10 {
		if a := v.Post("/sign-in", "email", "ann@example.com", "password", "wrong"); a.Status != http.StatusUnprocessableEntity || len(a.Header.Values("Set-Cookie")) != 0 {
			t.Fatalf("%d", a.Status)
		}
	}
	a := v.Post("/sign-in", "email", "ann@example.com", "password", testkit.Password)
	if a.Status != http.StatusTooManyRequests || a.Header.Get("Retry-After") != "900" || len(a.Header.Values("Set-Cookie")) != 0 {
		t.Errorf("%d, Retry-After %q", a.Status, a.Header.Get("Retry-After"))
	}
}

// TestDrop: from a page that needs the elevation one is led to one that does not,
// the cookie changes, and the old one is not elevated.
func TestDrop(t *testing.T) {
	c, v := elevatedConsole(t)
	origin, _ := url.Parse(c.ConsoleURL)
	old := v.Jar.Cookies(origin)
	form := v.Get(managePage).Page(t).Form("form[action='/elevation/drop']:not([class])")
	a := v.Send("/elevation/drop", form)
	if a.Status != http.StatusSeeOther || a.Location != ordersPath {
		t.Errorf("drop: %d %s", a.Status, a.Location)
	}
	if a := v.Get(managePage); answered(a) != "up" {
		t.Errorf("after the drop: %d", a.Status)
	}
	if slices.EqualFunc(old, v.Jar.Cookies(origin), func(a, b *http.Cookie) bool { return a.String() == b.String() }) {
		t.Error("the cookie is the same")
	}
	v.Jar.SetCookies(origin, old)
	if a := v.Get(managePage); answered(a) != "up" {
		t.Errorf("the cookie of before is elevated: %d", a.Status)
	}
}

// TestSignOut: the session is over on the server too, and its cookie taken away.
func TestSignOut(t *testing.T) {
	c, v := elevatedConsole(t)
	origin, _ := url.Parse(c.ConsoleURL)
	old := v.Jar.Cookies(origin)
	if a := v.Post("/sign-out"); a.Status != http.StatusSeeOther || !strings.Contains(a.Header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("sign out: %d %v", a.Status, a.Header)
	}
	v.Jar.SetCookies(origin, old)
	if a := v.Get(managePage); answered(a) != "in" {
		t.Errorf("the cookie of before: %d", a.Status)
	}
}
