package journey

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// ask gets an access token at /oauth/token.
func (c *console) ask(form url.Values, authorization string) string {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.ConsoleURL+"/oauth/token", strings.NewReader(form.Encode()))
	must(c.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", authorization)
	response, err := http.DefaultClient.Do(request)
	must(c.t, err)
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Token string `json:"access_token"`
		Error string `json:"error"`
	}
	must(c.t, json.NewDecoder(response.Body).Decode(&answer))
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Token, "clava_") {
		c.t.Fatalf("token request: %d %s", response.StatusCode, answer.Error)
	}
	return answer.Token
}

// TestClient: a client of an application, made on its page; access tokens got for it and used, seen on the client's
// page, one revoked and then all.
func TestClient(t *testing.T) {
	t.Parallel()
	_, c := onSite(t)
	c.at(ordersPath)
	c.signIn(owner)
	c.tab.Click(`section[aria-labelledby="clients"] .empty a`)
	c.elevate()
	c.tab.WaitURL("/clients/new")
	c.tab.Fill("#client-label", "Warehouse sync")
	c.tab.Click(`input[name="scope"][value="*:write"]`)
	c.tab.Click("main form button.primary")
	c.tab.WaitText("h1", "Client “Warehouse sync” created")
	secret, id := c.copied(`[data-copy="#secret"]`), c.copied(`[data-copy="#client-id"]`)
	if command := c.copied(".panel [data-copy-with-secret]"); !strings.Contains(command, id+":"+secret) {
		t.Errorf("the clipboard holds %q, want curl with id and secret", command)
	}
	grant := url.Values{"grant_type": {"client_credentials"}}
	first, second := c.ask(grant, basic(id, secret)), c.ask(grant, basic(id, secret))
	c.opens(bearer(first), http.StatusOK)
	c.opens(bearer(second), http.StatusOK)

	c.at(ordersPath)
	c.tab.WaitText(`section[aria-labelledby="clients"] td[data-label="Access tokens"]`, "2")
	c.tab.Click(`section[aria-labelledby="clients"] th a`)
	c.tab.WaitText(`section[aria-labelledby="access-tokens"] .count`, "2")
	page := strings.TrimPrefix(c.tab.URL(), c.ConsoleURL)
	c.comes(page, `section[aria-labelledby="access-tokens"]`, "just now")
	c.tab.Eval(`[...document.querySelectorAll('section[aria-labelledby="access-tokens"] tbody tr')].find(r => r.innerText.includes("`+first[len(first)-4:]+`")).querySelector("a").id = "wanted"`, nil)
	c.tab.Click("#wanted")
	c.tab.WaitText("dialog[open] h2", "Revoke access token")
	c.tab.Click("dialog button.fatal")
	c.tab.WaitText(".message", "is revoked")
	c.opens(bearer(first), http.StatusUnauthorized)
	c.opens(bearer(second), http.StatusOK)
	c.tab.Click(`section[aria-labelledby="access-tokens"] .push`)
	c.tab.WaitVisible("dialog[open]")
	c.tab.Click("dialog button.fatal")
	c.tab.WaitText(".message", "1 access token revoked")
	c.tab.WaitText(`section[aria-labelledby="access-tokens"]`, "There are none.")
	c.opens(bearer(second), http.StatusUnauthorized)
	third := c.ask(grant, basic(id, secret))
	c.opens(bearer(third), http.StatusOK)
	c.tab.Click("main .acts a.danger")
	c.tab.WaitText("dialog[open]", "so are the access tokens that were issued to it")
	c.tab.Click("dialog button.fatal")
	c.tab.WaitText(".message", "“Warehouse sync” is revoked")
	c.opens(bearer(third), http.StatusUnauthorized)
}

// TestReplace: a token gives way to a new one. For a day both work and show their last use side by side; replaced now,
// the old one is refused at once.
func TestReplace(t *testing.T) {
	t.Parallel()
	site, c := onSite(t)
	old := site.Token("acme", "orders", "Northwind nightly", "")
	oldest := old.Secret.Expose()
	c.elevated()
	c.tab.Click("table.tokens tbody th a")
	site.Clock.Advance(time.Second) // lists are ordered by time
	newer := c.replaceBy("24h")
	c.tab.WaitText(".replaced", "The old one works until")
	c.opens(bearer(oldest), http.StatusOK)
	c.opens(bearer(newer), http.StatusOK)
	c.at(managePath)
	c.tab.WaitText("table.tokens tbody tr:last-child", "Replaced")
	c.tab.WaitTrue(`!document.querySelector("table.tokens tbody tr:first-child").innerText.includes("Replaced")`)
	c.at(managePath + "/tokens/" + old.Credential.ID)
	for _, which := range []string{"This one", "Replaced by"} {
		c.tab.WaitText(`section[aria-labelledby="replacement"] tbody tr`, which)
	}
	var lastUses []string
	c.tab.Eval(`[...document.querySelectorAll('section[aria-labelledby="replacement"] td[data-label="Last used"]')].map(e => e.innerText.replace(/\s+/g, " "))`, &lastUses)
	if len(lastUses) != 2 || !strings.Contains(lastUses[0], "127.0.0.1") || !strings.Contains(lastUses[1], "127.0.0.1") {
		t.Errorf("last uses side by side: %q", lastUses)
	}
	c.tab.Click(`section[aria-labelledby="replacement"] td a`)
	c.tab.WaitText(`section[aria-labelledby="replacement"] tbody tr`, "Replaces")
	newest := c.replaceBy("now")
	c.tab.WaitText(".replaced", "The old one is refused from now on.")
	c.opens(bearer(newer), http.StatusUnauthorized)
	c.opens(bearer(newest), http.StatusOK)
	c.opens(bearer(oldest), http.StatusOK)
	site.Clock.Advance(24*time.Hour + time.Second)
	c.opens(bearer(oldest), http.StatusUnauthorized)
	c.opens(bearer(newest), http.StatusOK)
}

// replaceBy replaces the token whose page the tab shows and returns the new one's secret.
func (c *console) replaceBy(end string) string {
	c.t.Helper()
	c.tab.Click(`main .acts a[href$="/replace"]`)
	c.tab.WaitURL("/replace")
	c.tab.Click(`input[name="end"][value="` + end + `"]`)
	if end == "now" {
		c.tab.WaitText(".nudge", "refused from the moment you confirm")
	} else {
		c.tab.WaitGone(".nudge")
	}
	c.tab.Click("main form button.fatal")
	c.tab.WaitText("h1", "created")
	return c.tab.Value("#secret")
}

// TestBulk: three tokens are paused, resumed and revoked together.
func TestBulk(t *testing.T) {
	t.Parallel()
	site, c := onSite(t)
	var tokens []string
	for _, label := range []string{"Northwind nightly", "Contoso warehouse", "Old importer"} {
		tokens = append(tokens, site.Token("acme", "orders", label, "").Secret.Expose())
	}
	all := func(want int) {
		t.Helper()
		for _, token := range tokens {
			c.opens(bearer(token), want)
		}
	}
	all(http.StatusOK)
	c.elevated()
	for _, act := range []struct {
		verb, button, confirm, said string
		want                        int
	}{
		{"Pause", `button[formaction$="/pause"]`, "button.fatal", "3 tokens paused", http.StatusUnauthorized},
		{"Resume", `button[formaction$="/resume"]`, "button.primary", "3 tokens resumed", http.StatusOK},
		{"Revoke", "button.danger", "button.fatal", "3 tokens revoked", http.StatusUnauthorized},
	} {
		if act.verb == "Resume" {
			c.tab.SetSize(320, 800) // where rows are cards without a head
		}
		c.tab.Click("table.tokens [data-select-all]")
		c.tab.WaitText("#revoke-selected", act.verb+" 3 selected…")
		c.tab.Click("#revoke-selected " + act.button)
		c.tab.WaitText("dialog[open] h2", act.verb+" 3 tokens")
		c.tab.WaitText("dialog[open]", "127.0.0.1")
		c.tab.WaitTrue(`document.activeElement.matches("dialog [data-cancel]")`)
		c.tab.Click("dialog " + act.confirm)
		c.tab.WaitText(".message", act.said)
		all(act.want)
	}
	c.tab.WaitText("details.folded summary", "3 revoked and expired")
}
