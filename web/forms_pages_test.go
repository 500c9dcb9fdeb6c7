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

// TestBadInput: every field of every form, wrong in every way: 422, the message at
// the field and in the summary, what was typed is kept, and nothing has changed.
func TestBadInput(t *testing.T) {
	c, fresh, elevated, forms := formConsole(t)
	for name, form := range forms {
		site, v := who(form, c, fresh, elevated)
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
		if unknown := !slices.Contains(choiceFields, name); name == field && !unknown {
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
	for _, name := range formOrder {
		site, v := who(forms[name], c, fresh, elevated)
		before := site.state()
		if a := v.Send(forms[name].path, forms[name].good); a.Status != http.StatusSeeOther && a.Status != http.StatusOK || (site.state() == before) != (forms[name].as == "reader") {
			t.Errorf("%s: %d, changed %v", name, a.Status, site.state() != before)
		}
	}
}

// TestDamagedForms: too large, badly encoded, of another type, or empty.
func TestDamagedForms(t *testing.T) {
	c, fresh, elevated, forms := formConsole(t)
	for name, form := range forms {
		site, v := who(form, c, fresh, elevated)
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
			if sent.body == "" && name == "replace client" {
				continue // all it asks for has a default
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
	me := "/orgs/acme"
	for _, sc := range scenarios() {
		at := c.things(sc.pattern, "acme", "orders")
		before := c.state()
		method, path := sc.address("acme", "orders", at)
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
			a := c.post(v, path, formType, strings.ReplaceAll(sc.form, "{id}", at.id), headers...)
			if a.Status != http.StatusForbidden || !strings.Contains(a.Body, "another site") {
				t.Errorf("%s with %q: %d", sc.pattern, headers, a.Status)
			}
			if len(a.Header.Values("Set-Cookie")) != 0 {
				t.Errorf("%s with %q sets a cookie", sc.pattern, headers)
			}
			c.checkHeaders(sc.pattern, a)
		}
		if c.state() != before {
			t.Errorf("%s changed something", sc.pattern)
		}
	}
	if v.Get(me).Status != http.StatusOK {
		t.Error("the session is gone")
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
