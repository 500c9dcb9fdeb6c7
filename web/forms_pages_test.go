package web_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// pageForm is a form of the console, filled in rightly.
type pageForm struct {
	path string
	good url.Values
	id   string // the first part of its fields' ids
	kept []string
	as   string // "setup", or a member elevated for acme/orders
}

const ordersPath = "/orgs/acme/apps/orders"

func values(pairs ...string) url.Values {
	out := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Add(pairs[i], pairs[i+1])
	}
	return out
}

// pageForms are all forms that one types something into; token is the id of one.
func pageForms(token, setup string) map[string]pageForm {
	return map[string]pageForm{
		"setup": {
			"/setup/" + setup, values("organization", "Beta", "slug", "beta", "name", "Bob", "email", "bob@example.com", "password", testkit.Password),
			"setup",
			[]string{"organization", "slug", "name", "email"},
			"setup",
		},
		"new application":  {"/orgs/acme/apps", values("name", "New", "slug", "new"), "application", []string{"name", "slug"}, ""},
		"edit application": {ordersPath, values("name", "Other"), "application", []string{"name"}, ""},
		"new API":          {ordersPath + "/apis", values("name", "New", "slug", "new", "upstream", "http://127.0.0.1:9"), "api", []string{"name", "slug", "upstream"}, ""},
		"edit API":         {ordersPath + "/apis/backend", values("name", "Other", "upstream", "http://127.0.0.1:9"), "api", []string{"name", "upstream"}, ""},
		"new token": {
			ordersPath + "/manage-api/tokens", values("label", "CI", "scope", "backend:read", "expires", "custom", "expires_date", "2999-01-01", "allow", "10.0.0.0/8", "nonce", "n1"),
			"token",
			[]string{"label", "scope", "expires", "expires_date", "allow", "nonce"},
			"",
		},
		"rename":        {ordersPath + "/manage-api/tokens/" + token + "/rename", values("label", "Other"), "rename", []string{"label"}, ""},
		"disable Basic": {ordersPath + "/manage-api/basic/disable", values("confirm", "orders"), "disable", []string{"confirm"}, ""},
		"elevate":       {"/elevate", values("scope", "acme/orders", "reason", "quite long enough", "minutes", "15"), "elevate", []string{"scope", "reason", "minutes"}, ""},
	}
}

// badInputs are what each form must refuse, by field.
var badInputs = map[string]map[string][]string{
	"setup": {
		"organization": {"a\x00b", "a\nb", "a\xffb", strings.Repeat("ü", 81)}, "slug": {"", "A", "orgs", "verify", strings.Repeat("a", 64)},
		"name": {"a\x00b", strings.Repeat("x", 5000)}, "email": {"", "x", "a@b\x00.c", "Bob <bob@example.com>"}, "password": {"", "short", strings.Repeat("x", 300)},
	},
	"new application":  {"name": {"a\x00b", "a\u202eb", strings.Repeat("x", 81)}, "slug": {"", "A B", "../x", "orders", "a\x00"}},
	"edit application": {"name": {"", "  ", "a\x00b", "\xff", strings.Repeat("x", 81)}},
	"new API": {
		"name": {"a\x00b", strings.Repeat("x", 81)}, "slug": {"", "token", "A", "backend"}, "upstream": {"", "x", "javascript:alert(1)", "http://u:p@x", "http://x?y", "http://x\x00"},
	},
	"edit API": {"name": {"", "a\x00b"}, "upstream": {"", "ftp://x", "http://u:p@x", "http://x#y", "//x"}},
	"new token": {
		"label":   {"", "a\x00b", "\xff", strings.Repeat("x", 101), strings.Repeat("é", 9000)},
		"scope":   {"", "read", "none:read", "backend:admin", "backend:read\x00"},
		"expires": {"0d", "-1d", "36501d", "soon", "2001-01-01", "9d\x00"}, "expires_date": {"", "2001-01-01", "x", "9999-12-31", "2999-02-30"},
		"allow": {"x", "10.0.0.0/40", "10.0.0.1\x00", strings.Repeat("10.0.0.1 ", 101)},
	},
	"rename":        {"label": {"", "a\x00b", "a\nb", strings.Repeat("x", 101)}},
	"disable Basic": {"confirm": {"", "Orders", "orders\x00", "billing", strings.Repeat("orders", 1000)}},
	"elevate": {
		"reason": {"", "short", "quite long\x00enough", strings.Repeat("x", 501)}, "minutes": {"29", "-15", "x", "99999999999999999999"},
	},
}

// formConsole is a console with somebody elevated, and one that was not set up yet.
func formConsole(t *testing.T) (c, fresh *console, v *testkit.Visitor, forms map[string]pageForm) {
	t.Helper()
	c = newConsole(t)
	c.User("ann@example.com", "acme", access.Admin)
	fresh = &console{testkit.Server(t), t}
	setup, _, err := fresh.Accounts.OfferSetup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token := c.Token("acme", "orders", "its label", "").Credential.ID
	return c, fresh, c.Elevated("ann@example.com", "acme/orders"), pageForms(token, setup.Expose())
}

// TestBadInput: every field of every form, wrong in every way: 422, the message at
// the field and in the summary, what was typed is kept, and nothing has changed.
func TestBadInput(t *testing.T) {
	c, fresh, elevated, forms := formConsole(t)
	for name, form := range forms {
		site, v := c, elevated
		if form.as == "setup" {
			site, v = fresh, fresh.Visitor()
		}
		if len(badInputs[name]) == 0 {
			t.Errorf("%s: nothing wrong is tried", name)
		}
		before := site.state()
		for field, wrong := range badInputs[name] {
			for _, value := range wrong {
				sent := maps.Clone(form.good)
				sent[field] = []string{value}
				if field == "expires" {
					sent.Del("expires_date")
				}
				a := v.Send(form.path, sent)
				checkRefused(t, fmt.Sprintf("%s with %s %.30q", name, field, value), a, form, field, sent)
			}
		}
		if site.state() != before {
			t.Errorf("%s: something was changed by bad input", name)
		}
	}
}

func checkRefused(t *testing.T, what string, a testkit.Answer, form pageForm, field string, sent url.Values) {
	t.Helper()
	if a.Status != http.StatusUnprocessableEntity {
		t.Errorf("%s: %d, want 422", what, a.Status)
		return
	}
	page := a.Page(t)
	id := form.id + "-" + strings.ReplaceAll(field, "_", "-")
	at := page.All("#" + id + "-error")
	if len(at) != 1 || at[0].Text() == "" {
		t.Errorf("%s: %d messages at #%s", what, len(at), id)
		return
	}
	if link := page.All(`[role=alert] a[href="#` + id + `"]`); len(link) == 0 || !page.Has("#"+id) {
		t.Errorf("%s: the summary does not lead to #%s", what, id)
	}
	kept := page.Form("form.form")
	for _, name := range form.kept {
		want := strings.NewReplacer("\x00", "\ufffd", "\r\n", "\n").Replace(strings.ToValidUTF8(sent.Get(name), "\ufffd"))
		if strings.ContainsAny(want, "\n") {
			continue // an input of one line drops it, as browsers do
		}
		if unknown := !slices.Contains([]string{"scope", "minutes", "expires"}, name); name == field && !unknown {
			continue // a choice that is not offered cannot be kept
		}
		if got := kept.Get(name); got != want {
			t.Errorf("%s: %s is now %.60q, was %.60q", what, name, got, want)
		}
	}
	if kept.Has("password") && kept.Get("password") != "" {
		t.Errorf("%s: the password is on the page", what)
	}
}

// TestGoodInput: the same forms, filled in rightly, do change something.
func TestGoodInput(t *testing.T) {
	c, fresh, elevated, forms := formConsole(t)
	for _, name := range []string{"setup", "new application", "edit application", "new API", "edit API", "new token", "rename", "disable Basic", "elevate"} {
		site, v := c, elevated
		if forms[name].as == "setup" {
			site, v = fresh, fresh.Visitor()
		}
		before := site.state()
		if a := v.Send(forms[name].path, forms[name].good); a.Status != http.StatusSeeOther && a.Status != http.StatusOK || site.state() == before {
			t.Errorf("%s: %d, changed %v", name, a.Status, site.state() != before)
		}
	}
}

// TestDamagedForms: too large, badly encoded, of another type, or empty.
func TestDamagedForms(t *testing.T) {
	c, fresh, elevated, forms := formConsole(t)
	for name, form := range forms {
		site, v := c, elevated
		if form.as == "setup" {
			site, v = fresh, fresh.Visitor()
		}
		before := site.state()
		for what, sent := range map[string]struct{ kind, body string }{
			"70 KiB":           {formType, form.good.Encode() + "&x=" + strings.Repeat("x", 70<<10)},
			"broken encoding":  {formType, form.good.Encode() + "&x=%zz"},
			"cut encoding":     {formType, form.good.Encode() + "&x=%"},
			"a semicolon":      {formType, "x=1;" + form.good.Encode()},
			"JSON":             {"application/json", `{"name":"x"}`},
			"no type":          {"", form.good.Encode()},
			"a damaged type":   {"application/x-www-form-urlencoded; =", form.good.Encode()},
			"nothing":          {formType, ""},
			"in the query":     {formType + "?", ""},
			"10,000 fields":    {formType, strings.Repeat("a=&", 10000)},
			"another encoding": {"multipart/form-data; boundary=x", "--x--"},
		} {
			path := form.path
			if strings.HasSuffix(sent.kind, "?") {
				path, sent.kind = path+"?"+form.good.Encode(), formType
			}
			a := site.post(v, path, sent.kind, sent.body)
			if a.Status != http.StatusUnprocessableEntity && (a.Status != http.StatusNotFound || name != "elevate") {
				t.Errorf("%s, %s: %d", name, what, a.Status)
			}
			if !strings.Contains(a.Body, "<h1") {
				t.Errorf("%s, %s: no page", name, what)
			}
		}
		if site.state() != before {
			t.Errorf("%s: something changed", name)
		}
	}
}

const formType = "application/x-www-form-urlencoded"

// post sends a body as it is, with headers given as names and values in turn.
func (c *console) post(v *testkit.Visitor, path, contentType, body string, headers ...string) testkit.Answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.ConsoleURL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := v.Do(r)
	if err != nil {
		c.t.Fatalf("post %s: %v", path, err)
	}
	defer func() { _ = response.Body.Close() }()
	return testkit.Answer{Status: response.StatusCode, Header: response.Header, Location: response.Header.Get("Location"), Body: readAll(c.t, response)}
}

// TestFormsOfOtherSites (S11): a POST that a browser says comes from elsewhere does
// nothing, on any route.
func TestFormsOfOtherSites(t *testing.T) {
	c := newConsole(t)
	c.User("ann@example.com", "acme", access.Owner)
	v := c.Elevated("ann@example.com", "acme")
	id := c.Token("acme", "orders", "t", "").Credential.ID
	before, me := c.state(), "/orgs/acme"
	for _, sc := range scenarios() {
		method, path := sc.address("acme", "orders", id)
		if method != http.MethodPost {
			continue
		}
		for _, headers := range [][]string{
			{"Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "same-site"},
			{"Origin", "https://evil.example"},
			{"Origin", "null"},
			{"Origin", strings.Replace(c.ConsoleURL, "http:", "https:", 1) + "0"},
			{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
		} {
			a := c.post(v, path, formType, strings.ReplaceAll(sc.form, "{id}", id), headers...)
			if a.Status != http.StatusForbidden || !strings.Contains(a.Body, "another site") {
				t.Errorf("%s with %q: %d", sc.pattern, headers, a.Status)
			}
			if len(a.Header.Values("Set-Cookie")) != 0 {
				t.Errorf("%s with %q sets a cookie", sc.pattern, headers)
			}
			c.checkHeaders(sc.pattern, a)
		}
	}
	if c.state() != before || v.Get(me).Status != http.StatusOK {
		t.Error("something changed, or the session is gone")
	}
	for _, headers := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {"Origin", c.ConsoleURL}, nil} {
		if a := c.post(v, "/orgs/acme/apps/orders", formType, "name=Orders", headers...); a.Status != http.StatusSeeOther {
			t.Errorf("our own form with %q: %d", headers, a.Status)
		}
	}
}

// TestSetUpPage: the link leads in, once.
func TestSetUpPage(t *testing.T) {
	_, fresh, _, forms := formConsole(t)
	v, form := fresh.Visitor(), forms["setup"]
	if a := v.Get(form.path); a.Status != http.StatusOK || !a.Page(t).Has(`form[method=post] input[name=slug]`) {
		t.Fatalf("the link: %d", a.Status)
	}
	a := v.Send(form.path, form.good)
	if a.Status != http.StatusSeeOther || a.Location != "/orgs/beta/apps/sandbox" {
		t.Fatalf("set up: %d %s", a.Status, a.Location)
	}
	if a := v.Get(a.Location); a.Status != http.StatusOK {
		t.Errorf("the checklist: %d", a.Status)
	}
	for _, late := range []testkit.Answer{v.Get(form.path), fresh.Visitor().Send(form.path, form.good), fresh.Visitor().Get("/setup/" + secret.RandomText(43))} {
		if late.Status != http.StatusNotFound {
			t.Errorf("the link again: %d", late.Status)
		}
	}
}
