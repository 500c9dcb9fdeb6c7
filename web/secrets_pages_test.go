package web_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

func readAll(t *testing.T, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

const managePage = ordersPath + "/manage-api"

// shownOnce returns the secret on a page, which stands in its one field and
// nowhere else, on a page that nobody keeps.
func shownOnce(t *testing.T, a testkit.Answer) string {
	t.Helper()
	if a.Status != http.StatusOK || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, Cache-Control %q", a.Status, a.Header.Get("Cache-Control"))
	}
	text := a.Page(t).One("input[readonly][data-secret]").Attr("value")
	if n := strings.Count(a.Body, text); len(text) != 44 || n != 1 {
		t.Errorf("%q stands there %d times", text, n)
	}
	if n := strings.Count(a.Body, text[10:40]); n != 1 {
		t.Errorf("a part of the secret stands there %d times", n)
	}
	return text
}

func elevatedConsole(t *testing.T, options ...testkit.SiteOption) (*console, *testkit.Visitor) {
	t.Helper()
	c := newConsole(t, options...)
	c.User("ann@example.com", "acme", access.Admin)
	return c, c.Elevated("ann@example.com", "acme/orders")
}

// TestTokenIsShownOnce: on the POST's own answer, which repeated says what it made
// and makes nothing; and on no page after.
func TestTokenIsShownOnce(t *testing.T) {
	c, v := elevatedConsole(t)
	form := v.Get(managePage + "/tokens/new").Page(t).Form("form.form")
	form.Set("label", "Northwind nightly")
	text := shownOnce(t, v.Send(managePage+"/tokens", form))
	before := c.state()
	again := v.Send(managePage+"/tokens", form)
	if page := again.Page(t); again.Status != http.StatusOK || !strings.Contains(page.Text(), "Already created") || !strings.Contains(page.Text(), "Northwind nightly") || page.Has("[data-secret]") {
		t.Errorf("again: %d %s", again.Status, page.One("main").Text())
	}
	if c.state() != before {
		t.Error("the repetition made something")
	}
	id := c.Events("acme")[0].TargetID
	for _, path := range []string{managePage, managePage + "/tokens/" + id, managePage + "/tokens/" + id + "/rename", managePage + "/tokens/revoke?id=" + id, "/orgs/acme/activity", ordersPath} {
		a := v.Get(path)
		if a.Status != http.StatusOK || strings.Contains(a.Body, text) || strings.Contains(a.Body, text[10:40]) {
			t.Errorf("%s: %d, or the secret is there", path, a.Status)
		}
	}
	for _, e := range c.Events("") {
		if strings.Contains(strings.Join([]string{e.TargetName, e.Reason, e.Detail["label"]}, " "), text) {
			t.Errorf("the secret is recorded: %v", e)
		}
	}
	if strings.Contains(c.Log.String(), text) {
		t.Error("the secret is logged")
	}
}

// TestBasicIsRevealed by a POST, each time recorded, and hidden on every other page.
func TestBasicIsRevealed(t *testing.T) {
	c, v := elevatedConsole(t)
	masked := v.Get(managePage)
	_, password := c.Basic("acme", "orders")
	if strings.Contains(masked.Body, password) || masked.Page(t).Has("[data-secret]") {
		t.Fatal("the password is on the page before it is revealed")
	}
	form := masked.Page(t).Form("form[action$=reveal]")
	reveals := func() (n int) {
		for _, e := range c.Events("acme") {
			if e.Act == access.ActRevealBasic && e.ActorName == "ann" {
				n++
			}
		}
		return n
	}
	a := v.Send(managePage+"/basic/reveal", form)
	if text := shownOnce(t, a); text != password || reveals() != 1 || a.Page(t).Has("[data-copy-on-load]") {
		t.Errorf("revealed %q, %d events", text, reveals())
	}
	if a := v.Send(managePage+"/basic/reveal", form); a.Status != http.StatusSeeOther || a.Location != managePage || reveals() != 1 {
		t.Errorf("reloaded: %d %s, %d events", a.Status, a.Location, reveals())
	}
	if a := v.Get(managePage); strings.Contains(a.Body, password) || !strings.Contains(a.Body, "revealed once") {
		t.Error("after the reload: the password, or no word about it")
	}
	form.Set("nonce", "another")
	form.Set("copy", "1")
	if a := v.Send(managePage+"/basic/reveal", form); shownOnce(t, a) != password || !a.Page(t).Has("[data-copy-on-load]") || reveals() != 2 {
		t.Error("copying is no recorded reveal")
	}
	if a := v.Get(managePage + "/basic/reveal"); a.Status == http.StatusOK {
		t.Error("a GET reveals")
	}
	if a := v.Post(managePage+"/basic/disable", "confirm", "orders"); a.Status != http.StatusSeeOther {
		t.Fatalf("disable: %d", a.Status)
	}
	page := v.Get(managePage).Page(t)
	if page.Has("form[action$=reveal], a[href$='/basic/disable']") || !strings.Contains(page.Text(), testkit.Reason) {
		t.Error("after the end of Basic it can still be revealed or disabled, or nobody says why")
	}
	if a := v.Post(managePage+"/basic/reveal", "nonce", "x"); a.Status != http.StatusConflict || a.Page(t).Has("[data-secret]") {
		t.Errorf("revealed after the end: %d", a.Status)
	}
	if a := v.Get(managePage + "/basic/disable"); a.Status != http.StatusConflict {
		t.Errorf("disabled twice: %d", a.Status)
	}
}

// evilNexts are ways to other sites that must lead nowhere (S10).
func evilNexts(c *console) []string {
	sign := func(purpose, path string) string { return c.Keys.Sign(purpose, path) }
	return []string{
		"//evil.example", "/\\evil.example", "https://evil.example", "/%5cevil.example", "////evil.example", "/orgs/acme", "javascript:alert(1)",
		"\t//evil.example", "evil", ".", "x.y", sign("device", "/orgs/acme/activity"), sign("next", "//evil.example"), sign("next", "https://evil.example"),
		sign("next", "evil"), sign("next", ""), sign("next", "/orgs/acme/activity") + "x", sign("other", "//evil.example"), strings.Repeat("x", 9000),
	}
}

// TestNextLeadsNowhereElse: of sign-in, elevation, drop and theme.
func TestNextLeadsNowhereElse(t *testing.T) {
	c, v := elevatedConsole(t)
	for _, next := range evilNexts(c) {
		for what, a := range map[string]testkit.Answer{
			"sign-in":          c.Visitor().Post("/sign-in", "email", "ann@example.com", "password", testkit.Password, "next", next),
			"signed in":        v.Get("/sign-in?next=" + url.QueryEscape(next)),
			"elevate":          v.Post("/elevate", "scope", "acme/orders", "reason", testkit.Reason, "minutes", "15", "next", next),
			"drop":             v.Post("/elevation/drop", "next", next),
			"theme":            v.Post("/profile/theme", "theme", "dark", "next", next),
			"elevate by GET":   {Status: http.StatusSeeOther, Location: v.Get("/elevate?scope=acme&next=" + url.QueryEscape(next)).Location},
			"stranger, by GET": {Status: http.StatusSeeOther, Location: c.Visitor().Get("/sign-in?next=" + url.QueryEscape(next)).Location},
		} {
			fine := a.Location == "/" || a.Location == managePage || a.Location == "" && strings.HasSuffix(what, "GET")
			if a.Status != http.StatusSeeOther || !fine {
				t.Errorf("%s with next %.40q: %d to %q", what, next, a.Status, a.Location)
			}
		}
	}
	good := c.Keys.Sign("next", "/orgs/acme/activity?app=orders")
	if a := c.Visitor().Post("/sign-in", "email", "ann@example.com", "password", testkit.Password, "next", good); a.Location != "/orgs/acme/activity?app=orders" {
		t.Errorf("our own next leads to %q", a.Location)
	}
}

// TestBackAfterSignIn: a stranger who asked for a page lands there.
func TestBackAfterSignIn(t *testing.T) {
	c := newConsole(t)
	c.User("ann@example.com", "acme", access.Admin)
	v := c.Visitor()
	a := v.Get("/orgs/acme/activity?app=orders&action=token.create")
	form := v.Get(a.Location).Page(t).Form("main form")
	form.Set("email", "ann@example.com")
	form.Set("password", "wrong")
	wrong := v.Send("/sign-in", form)
	if kept := wrong.Page(t).Form("main form"); wrong.Status != http.StatusUnprocessableEntity || kept.Get("email") != "ann@example.com" || kept.Get("next") != form.Get("next") || kept.Get("password") != "" {
		t.Errorf("a wrong password: %d, kept %v", wrong.Status, kept)
	}
	form.Set("password", testkit.Password)
	if a := v.Send("/sign-in", form); a.Location != "/orgs/acme/activity?app=orders&action=token.create" {
		t.Errorf("landed at %q", a.Location)
	}
}
