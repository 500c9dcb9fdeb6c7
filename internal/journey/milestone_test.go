package journey

import (
	"net/http"
	"strings"
	"testing"
)

// TestMilestone is the first five minutes with Claviger: from the set-up link to a token that is used, and on to
// credentials that are refused.
func TestMilestone(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.setUp()
	c.signOutAndIn()
	c.createApplication()
	c.opens("", http.StatusUnauthorized)

	token := c.firstToken()
	c.opens(bearer(token), http.StatusOK)
	c.tab.WaitText(".first-call.seen", "from 127.0.0.1") // the page was not loaded again
	if got := c.tab.Value("#secret"); got != token {
		t.Errorf("after the first call the page shows %q, want the secret to stand", got)
	}
	c.tab.Click(`main a[href$="/manage-api"].button`)
	c.tab.WaitText("table.tokens", "northwind-sync/2.4")

	username, password := c.revealBasic()
	c.opens(basic(username, password), http.StatusOK)
	c.comes(managePath, `section[aria-labelledby="basic"]`, "Used 2 times in the last 24 hours")
	c.disableBasic()
	c.opens(basic(username, password), http.StatusUnauthorized)
	c.opens(bearer(token), http.StatusOK)

	c.revokeToken()
	c.opens(bearer(token), http.StatusUnauthorized)
	c.activity()
}

// setUp makes the organization Acme and its owner by the printed link.
func (c *console) setUp() {
	c.t.Helper()
	c.tab.Go(c.process.SetupURL())
	c.tab.Fill("#setup-organization", "Acme")
	c.tab.Fill("#setup-slug", "acme")
	c.tab.Fill("#setup-name", "Ada Lovelace")
	c.tab.Fill("#setup-email", owner)
	c.tab.Fill("#setup-password", password)
	c.tab.Click("main form button.primary")
	c.tab.WaitURL(orgPath + "/apps/sandbox")
	c.tab.WaitText("main", "Waiting for the first call")
}

func (c *console) signOutAndIn() {
	c.t.Helper()
	c.tab.Click("button.user")
	c.tab.Click(`form[action="/sign-out"] button`)
	c.tab.WaitURL("/sign-in")
	c.at(orgPath)
	c.tab.WaitURL("/sign-in")
	c.signIn(owner)
	c.tab.WaitURL(orgPath)
}

// createApplication makes acme/orders with an API that echoes.
func (c *console) createApplication() {
	c.t.Helper()
	c.tab.Click(`main a[href$="/apps/new"]`)
	c.tab.Fill("#application-name", "Orders")
	c.tab.Fill("#application-slug", "orders")
	c.tab.Click("main form button.primary")
	c.tab.WaitText(".message", "Application “Orders” created")
	c.tab.Click(`main a[href$="/apis/new"]`)
	c.tab.Fill("#api-name", "Backend API")
	c.tab.Fill("#api-slug", "backend")
	c.tab.Fill("#api-upstream", "builtin:echo")
	c.tab.Click("main form button.primary")
	c.tab.WaitText(".message", "API “Backend API” added")
}

// firstToken follows the checklist: it asks for the elevation in a dialog, leads to the form, and the secret is
// copied.
func (c *console) firstToken() string {
	c.t.Helper()
	c.tab.Click(`main a[href$="/tokens/new"]`)
	c.tab.WaitVisible("dialog[open]")
	c.elevate()
	c.tab.WaitURL("/manage-api/tokens/new")
	c.tab.WaitText(".elevation", reason)
	c.tab.Fill("#token-label", "Northwind nightly")
	c.tab.Click("main form button.primary")
	c.tab.WaitText("h1", "Token “Northwind nightly” created")
	secret := c.tab.Value("#secret")
	if !strings.HasPrefix(secret, "clavt_") {
		c.t.Fatalf("the secret is %q, want a token", secret)
	}
	c.tab.Click(`[data-copy="#secret"]`)
	c.tab.WaitText(`[data-copy="#secret"]`, "Copied")
	copied := c.tab.Clipboard()
	if copied != secret {
		c.t.Errorf("the clipboard holds %q, want the secret", copied)
	}
	c.tab.Click("[data-copy-with-secret]")
	c.tab.WaitText("[data-copy-with-secret]", "Copied")
	if command := c.tab.Clipboard(); !strings.HasPrefix(command, "curl ") || !strings.Contains(command, secret) {
		c.t.Errorf("the clipboard holds %q, want curl with the secret", command)
	}
	return copied
}

// revealBasic shows the Basic credentials, copies and hides the password.
func (c *console) revealBasic() (username, password string) {
	c.t.Helper()
	c.tab.Click(`form[action$="/basic/reveal"] button:not([name])`)
	password = c.tab.Value("#basic-password")
	username = c.tab.Text("#basic-username")
	c.tab.Click(`[data-copy="#basic-password"]`)
	c.tab.WaitText(`[data-copy="#basic-password"]`, "Copied")
	if copied := c.tab.Clipboard(); copied != password || !strings.HasPrefix(password, "clavb_") {
		c.t.Errorf("the clipboard holds %q, the page shows %q", copied, password)
	}
	c.tab.Click("[data-hide]")
	c.tab.WaitGone("#basic-password")
	return username, password
}

// disableBasic disables Basic in the dialog, whose button waits for the slug.
func (c *console) disableBasic() {
	c.t.Helper()
	c.tab.Click(`a[href$="/basic/disable"]`)
	c.tab.WaitText("dialog[open]", "northwind-sync/2.4")
	c.tab.Fill("#disable-confirm", "order")
	c.tab.WaitTrue(`document.querySelector("dialog button.fatal").disabled`)
	c.tab.Fill("#disable-confirm", "orders")
	c.tab.Click("dialog button.fatal")
	c.tab.WaitText(".message", "Basic is disabled for good")
	c.tab.WaitGone(`form[action$="/basic/reveal"]`)
}

// revokeToken revokes the only token by the menu of its row.
func (c *console) revokeToken() {
	c.t.Helper()
	c.tab.Click("table.tokens button.more")
	c.tab.Click(`.row-menu:popover-open a[href*="/tokens/revoke"]`)
	c.tab.WaitText("dialog[open] h2", "Revoke token “Northwind nightly”?")
	c.tab.Click("dialog button.fatal")
	c.tab.WaitText(".message", "“Northwind nightly” is revoked")
	c.tab.WaitText("details.folded summary", "1 revoked and expired")
}

// activity checks that each act stands there, those of the elevation with its reason.
func (c *console) activity() {
	c.t.Helper()
	c.tab.Click(".bar-link")
	c.tab.WaitURL("/activity")
	var rows []string
	c.tab.Eval(`[...document.querySelectorAll("table.events tbody tr")].map(r => r.innerText.replace(/\s+/g, " "))`, &rows)
	for what, withReason := range map[string]bool{
		"completed the set-up of acme": false, "created the application orders": false, "created the API backend": false,
		"elevated permissions for acme/orders": true, "created the token “Northwind nightly”": true, "revealed the Basic password": true,
		"disabled Basic for good": true, "revoked the token “Northwind nightly”": true,
	} {
		row := ""
		for _, r := range rows {
			if strings.Contains(r, what) {
				row = r
			}
		}
		switch {
		case row == "" || !strings.Contains(row, "Ada Lovelace"):
			c.t.Errorf("Activity has no row with %q by Ada Lovelace:\n%s", what, strings.Join(rows, "\n"))
		case strings.Contains(row, reason) != withReason:
			c.t.Errorf("reason of the elevation in the row of %q: want %t\n%s", what, withReason, row)
		}
	}
}
