package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// rowOf returns the text of the row of a table whose head says what is looked for, with
// single spaces.
func rowOf(t *testing.T, page *testkit.HTML, head string) string {
	t.Helper()
	for _, tr := range page.All("section[aria-labelledby=use] table.table tbody tr, dialog tr, table.plain-rows tbody tr") {
		if strings.Contains(tr.One("th").Text(), head) {
			return strings.Join(strings.Fields(tr.Text()), " ")
		}
	}
	t.Errorf("no row of %q in\n%s", head, page.Text())
	return ""
}

// TestUseIsSeen: what went through forward-auth and the gateway a moment ago is on the
// credential's page, what was refused too, with its reason.
func TestUseIsSeen(t *testing.T) {
	c, v := elevatedConsole(t, testkit.TrustedProxies("127.0.0.1/32"))
	issued := c.Token("acme", "orders", "Northwind nightly", "backend:read")
	here := managePage + "/tokens/" + issued.Credential.ID
	if text := v.Get(here).Page(t).One("section[aria-labelledby=use]").Text(); !strings.Contains(text, "No call with it in the last 30 days") {
		t.Errorf("before any call: %s", text)
	}
	authorization := "Bearer " + issued.Secret.Expose()
	began := time.Now()
	for _, call := range []struct {
		method, url, from string
		want              int
	}{
		{"GET", c.ConsoleURL + "/verify/acme/orders/backend", "203.0.113.9", 200},
		{"GET", c.GatewayURL + "/acme/orders/backend/", "203.0.113.9", 200},
		{"POST", c.GatewayURL + "/acme/orders/backend/", "198.51.100.4", 403},
	} {
		a := c.Call(call.method, call.url, "Authorization", authorization, "X-Forwarded-For", call.from, "X-Forwarded-Method", call.method, "X-Forwarded-Uri", "/", "User-Agent", "probe/1.0 <b>")
		if a.Status != call.want {
			t.Fatalf("%s %s: %d, want %d", call.method, call.url, a.Status, call.want)
		}
	}
	page := v.Get(here).Page(t)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to be seen", took)
	}
	for head, want := range map[string]string{
		"203.0.113.9":                      "203.0.113.9 2 0 just now",
		"198.51.100.4":                     "198.51.100.4 0 1 just now",
		"probe/1.0 <b>":                    "probe/1.0 <b> 2 1 just now",
		"It may not do what was asked for": "It may not do what was asked for 1 within the hour",
	} {
		if got := rowOf(t, page, head); got != want {
			t.Errorf("row %q, want %q", got, want)
		}
	}
	for _, chart := range []string{"#hours-chart", "#days-chart"} {
		if text := page.One(chart).Text(); !strings.Contains(text, "2 accepted, 1 refused") {
			t.Errorf("%s says %q", chart, text)
		}
	}
	if n := len(page.All("svg .accepted")); n != 2 || len(page.All("svg .refused")) != 2 {
		t.Errorf("%d bars of accepted calls, want one in each chart", n)
	}
	if page.Has("[style]") {
		t.Error("an inline style, which the policy refuses")
	}
}

// TestDialogsTellTheUse: whoever is about to stop a caller reads how often it calls,
// from how many addresses, and when it did last.
func TestDialogsTellTheUse(t *testing.T) {
	c, v := elevatedConsole(t, testkit.TrustedProxies("127.0.0.1/32"))
	used, idle := c.Token("acme", "orders", "used", ""), c.Token("acme", "orders", "idle", "")
	username, password := c.Basic("acme", "orders")
	request, err := http.NewRequest(http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(username, password)
	for _, from := range []string{"203.0.113.9", "203.0.113.9", "198.51.100.4"} {
		for _, authorization := range []string{"Bearer " + used.Secret.Expose(), request.Header.Get("Authorization")} {
			if a := c.Call("GET", c.GatewayURL+"/acme/orders/backend/", "Authorization", authorization, "X-Forwarded-For", from); a.Status != 200 {
				t.Fatalf("call: %d", a.Status)
			}
			c.Clock.Advance(time.Minute)
		}
	}
	const line = "3 calls in the last 24 hours from 2 addresses, last 2 min ago from 198.51.100.4"
	ids := url.Values{"id": {used.Credential.ID, idle.Credential.ID}}.Encode()
	for _, path := range []string{managePage + "/tokens/revoke?" + ids, managePage + "/tokens/pause?" + ids} {
		page := v.Get(path).Page(t)
		if got := rowOf(t, page, "used"); !strings.Contains(got, line) || !strings.Contains(got, "In use") {
			t.Errorf("%s: row %q, want %q", path, got, line)
		}
		if got := rowOf(t, page, "idle"); !strings.HasSuffix(got, "Never used.") {
			t.Errorf("%s: row %q", path, got)
		}
		if text := page.Text(); !strings.Contains(strings.Join(strings.Fields(text), " "), "Together: 3 calls in the last 24 hours, last 2 min ago") {
			t.Errorf("%s does not sum up:\n%s", path, text)
		}
	}
	page := strings.Join(strings.Fields(v.Get(managePage+"/tokens/"+used.Credential.ID+"/replace").Page(t).Text()), " ")
	if !strings.Contains(page, line) {
		t.Errorf("replace: %s", page)
	}
	disable := v.Get(managePage + "/basic/disable").Page(t)
	if text := strings.Join(strings.Fields(disable.Text()), " "); !strings.Contains(text, "3 calls in the last 24 hours from 2 addresses, last 1 min ago from 198.51.100.4") {
		t.Errorf("disable: %s", text)
	}
	if n := len(disable.All("table.plain-rows tbody tr")); n != 2 {
		t.Errorf("disable names %d addresses, want 2", n)
	}
}

// TestBasicUse: the Manage API page says how often Basic was used and leads to who
// uses it; once it is disabled, to who still tries.
func TestBasicUse(t *testing.T) {
	c, v := elevatedConsole(t)
	username, password := c.Basic("acme", "orders")
	call := func(want int) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.GatewayURL+"/acme/orders/backend/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth(username, password)
		request.Header.Set("User-Agent", "old-importer/2")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if _ = response.Body.Close(); response.StatusCode != want {
			t.Fatalf("status %d, want %d", response.StatusCode, want)
		}
	}
	call(200)
	link := v.Get(managePage).Page(t).One("section[aria-labelledby=basic] a[href$='/basic']")
	if link.Text() != "Used once in the last 24 hours" {
		t.Errorf("the page says %q", link.Text())
	}
	if got := rowOf(t, v.Get(link.Attr("href")).Page(t), "old-importer/2"); got != "old-importer/2 1 0 just now" {
		t.Errorf("row %q", got)
	}
	if err := c.Registry.DisableBasic(t.Context(), c.Operator(), "acme", "orders", "orders"); err != nil {
		t.Fatal(err)
	}
	call(401)
	page := v.Get(v.Get(managePage).Page(t).One("section[aria-labelledby=basic] a[href$='/basic']").Attr("href")).Page(t)
	if got := rowOf(t, page, "Basic is disabled"); got != "Basic is disabled for the application 1 within the hour" {
		t.Errorf("row %q", got)
	}
	if got := rowOf(t, page, "old-importer/2"); got != "old-importer/2 1 1 just now" {
		t.Errorf("row %q", got)
	}
}

// TestEachReasonHasWords: a reason's name is for machines.
func TestEachReasonHasWords(t *testing.T) {
	c, v := elevatedConsole(t)
	issued := c.Token("acme", "orders", "unlucky", "")
	use := access.Use{CredentialID: issued.Credential.ID, ApplicationID: issued.Credential.ApplicationID, Minute: c.Clock.Now().Truncate(time.Minute)}
	reasons := 0
	for reason := access.NoCredential; reason <= access.OverLimit; reason++ {
		use.Refusals = append(use.Refusals, access.UseRefusal{Reason: reason.String(), Count: 1})
		use.Refused++
		reasons++
	}
	if err := c.Store.Update(t.Context(), func(tx access.Tx) error { return tx.AddUses([]access.Use{use}) }); err != nil {
		t.Fatal(err)
	}
	page, told := v.Get(managePage+"/tokens/"+issued.Credential.ID).Page(t), 0
	for _, th := range page.All("section[aria-labelledby=use] table.callers tbody th") {
		if text := th.Text(); strings.Contains(text, "-") || !strings.Contains(text, " ") {
			t.Errorf("a reason is told as %q", text)
		}
		told++
	}
	if told != reasons {
		t.Errorf("%d reasons are told, want %d", told, reasons)
	}
}
