package journey

import (
	"net/http"
	"strings"
	"testing"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

const (
	grace       = "grace@acme.example"
	membersPath = orgPath + "/members"
)

// elsewhere is the same console seen by somebody else: in a browser with a profile of its own.
func (c *console) elsewhere(options ...testkit.BrowserOption) *console {
	c.t.Helper()
	other := *c
	other.tab = testkit.Browser(c.t, options...)
	return &other
}

// rowMenu opens the menu of the row that names something, and clicks the act with that text.
func (c *console) rowMenu(name, act string) {
	c.t.Helper()
	c.tab.WaitText("table.tokens", name)
	c.tab.Eval(`[...document.querySelectorAll("table.tokens tbody tr")].find(r => r.innerText.includes("`+name+`")).id = "wanted"`, nil)
	c.tab.Click("#wanted button.more")
	c.tab.WaitVisible(".row-menu:popover-open")
	c.tab.Eval(`[...document.querySelectorAll(".row-menu:popover-open :is(a, button)")].find(a => a.innerText.includes("`+act+`")).id = "wanted-act"`, nil)
	c.tab.Click("#wanted-act")
}

// copied presses the button that copies an element and returns what the clipboard holds then.
func (c *console) copied(button string) string {
	c.t.Helper()
	c.tab.Click(button)
	c.tab.WaitText(button, "Copied")
	return c.tab.Clipboard()
}

// TestInvitation: an owner hands a link over; the invited person joins in a browser of their own, sees what a member
// sees, and feels each change of the role with the next request.
func TestInvitation(t *testing.T) {
	t.Parallel()
	_, c := onSite(t)
	c.at(membersPath)
	c.signIn(owner)
	c.tab.Click("main .head a.primary")
	c.elevate()
	c.tab.WaitURL("/members/invites/new")
	c.tab.Fill("#invite-email", grace)
	c.tab.Click("main form button.primary")
	c.tab.WaitText("h1", "Invitation for "+grace)
	link := c.copied(`[data-copy="#secret"]`)
	if link != c.tab.Value("#secret") || !strings.HasPrefix(link, c.ConsoleURL+"/sign-in/invite/") {
		t.Errorf("the clipboard holds %q, the page shows %q", link, c.tab.Value("#secret"))
	}

	guest := c.elsewhere(testkit.AllowStatus(403, 404))
	guest.tab.Go(link)
	guest.tab.WaitText("main", "invites you as member")
	guest.tab.Fill("#join-name", "Grace Hopper")
	guest.tab.Fill("#join-password", password)
	guest.tab.Click("main form button.primary")
	guest.tab.WaitURL(orgPath)
	guest.sees(ordersPath, "Getting started")
	guest.sees(membersPath, "You are a member of acme. This takes an admin.")
	guest.tab.WaitGone(".bar-links")
	guest.tab.Go(link)
	guest.tab.WaitText("h1", "Not found")

	c.role("Grace Hopper", "admin")
	guest.sees(membersPath, "Grace Hopper")
	guest.tab.WaitVisible(".bar-links")
	c.role("Grace Hopper", "viewer")
	guest.sees(membersPath, "You are a viewer of acme. This takes an admin.")
	guest.sees(ordersPath, "You are a viewer of acme. This takes a member.")
}

// sees opens a page and waits for a text on it.
func (c *console) sees(path, text string) {
	c.t.Helper()
	c.at(path)
	c.tab.WaitText("main", text)
}

// role gives a member another role, in the dialog.
func (c *console) role(name, role string) {
	c.t.Helper()
	c.at(membersPath)
	c.rowMenu(name, "Change role…")
	c.tab.WaitText("dialog[open] h2", "Role of "+name)
	c.tab.Click(`dialog input[name="role"][value="` + role + `"]`)
	c.tab.Click("dialog button.primary")
	c.tab.WaitText(".message", name+" is now "+role)
}

// TestPersonalToken: made on one's profile in a dialog, copied, used in both ways; an admin sees it without its secret
// and revokes it.
func TestPersonalToken(t *testing.T) {
	t.Parallel()
	site, c := onSite(t)
	site.User(grace, "acme", access.Member)
	c.at("/profile")
	c.signIn(grace)
	c.tab.Click("main .head a.primary")
	c.tab.WaitVisible("dialog[open]")
	c.tab.Fill("#personal-label", "Backup script on my laptop")
	c.tab.Click("dialog button.primary")
	c.tab.WaitText("h1", "API token “Backup script on my laptop” created")
	token := c.copied(`[data-copy="#secret"]`)
	if token != c.tab.Value("#secret") || !strings.HasPrefix(token, "clavp_") {
		t.Fatalf("the clipboard holds %q", token)
	}
	if command := c.copied(".panel [data-copy-with-secret]"); !strings.Contains(command, token) || !strings.Contains(command, "curl") {
		t.Errorf("the clipboard holds %q, want curl with the secret", command)
	}
	c.opens(bearer(token), http.StatusOK)
	c.opens(basic(grace, token), http.StatusOK)
	c.opens(basic(owner, token), http.StatusUnauthorized)
	c.tab.Click(".after a")
	c.tab.WaitText("table.tokens", "127.0.0.1 · northwind-sync/2.4")

	admin := c.elsewhere()
	admin.at(membersPath)
	admin.signIn(owner)
	admin.at(membersPath + "/tokens")
	admin.tab.WaitText("table.tokens", grace)
	var html string
	if admin.tab.Eval("document.documentElement.outerHTML", &html); strings.Contains(html, token[12:36]) {
		t.Error("the admin's list shows the secret")
	}
	admin.tab.Click(`table.tokens tbody input[name="id"]`)
	admin.tab.WaitText("#revoke-selected", "Revoke 1 selected…")
	admin.tab.Click("#revoke-selected button.danger")
	admin.elevate()
	admin.tab.WaitText("h1", "Revoke personal token “Backup script on my laptop”?")
	admin.tab.WaitText("main", "127.0.0.1")
	admin.tab.Click("main button.fatal")
	admin.tab.WaitText(".message", "“Backup script on my laptop” is revoked")
	c.opens(bearer(token), http.StatusUnauthorized)
	c.opens(basic(grace, token), http.StatusUnauthorized)
	c.tab.Reload()
	c.tab.WaitText("details.folded summary", "1 revoked and expired")
}

// TestPaste: a curl line with a token in it, by the menu beside one's name: which credential it is and what would
// become of a request with it; nothing of what was pasted is left in the page or the browser.
func TestPaste(t *testing.T) {
	t.Parallel()
	site, c := onSite(t)
	site.Application("acme", "billing")
	token := site.Token("acme", "orders", "Northwind nightly", "").Secret.Expose()
	username, password := site.Basic("acme", "billing")
	c.at(orgPath)
	c.signIn(owner)
	c.tab.Click("button.user")
	c.tab.Click(`#user-menu a[href$="/inspect"]`)
	c.elevate()
	c.tab.WaitURL("/inspect")
	c.paste("curl -H 'Authorization: Bearer "+token+"' https://api.example/orders", token)
	c.tab.WaitText(".result h2", "API token “Northwind nightly”")
	c.tab.WaitText(".verdicts tbody tr", "Accepted")
	var rows int
	if c.tab.Eval(`document.querySelectorAll(".verdicts tbody tr").length`, &rows); rows != 1 {
		t.Errorf("%d verdicts: the token is one of a single application", rows)
	}
	header := basic(username, password)
	c.paste("Authorization: "+header, strings.TrimPrefix(header, "Basic "))
	c.tab.WaitText(".result h2", "Basic credentials")
	c.tab.WaitText(".result", "billing")
	c.paste("Bearer "+strings.Repeat("x", 45), strings.Repeat("x", 45))
	c.tab.WaitText(".message.info", "No credential of acme was found.")
	c.paste(token, token)
	c.tab.Click(".result .section-head a")
	c.tab.WaitURL(managePath + "/tokens/")
	c.tab.WaitText("h1", "Northwind nightly")
}

// paste looks a text up, and checks that no part of secret is kept.
func (c *console) paste(text, secret string) {
	c.t.Helper()
	c.tab.Eval(`document.body.dataset.asked = "now"`, nil)
	c.tab.Fill("#inspect-pasted", text)
	c.tab.Click("main form button.primary")
	c.tab.WaitGone("body[data-asked]")
	c.tab.WaitText("label[for=inspect-pasted]", "Something else")
	var kept string
	c.tab.Eval(`document.documentElement.outerHTML + location.href + JSON.stringify({...sessionStorage, ...localStorage}) + document.querySelector("#inspect-pasted").value`, &kept)
	if strings.Contains(kept, secret[10:36]) {
		c.t.Errorf("of %.14s… something is left in the browser", text)
	}
}
