package journey

import (
	"testing"

	"claviger/internal/testkit"
)

// wide opens a furnished console with Maria, an owner, elevated for all of Acme.
func wide(t *testing.T) *console {
	t.Helper()
	c := furnished(t, nil, testkit.AllowStatus(404, 409, 422))
	c.at("/elevate?scope=acme")
	c.signIn(maria)
	c.elevate()
	c.tab.WaitURL(orgPath)
	return c
}

// dialog opens what a link leads to as a dialog, looks at it, and closes it.
func (c *console) dialog(t *testing.T, name, link string) {
	t.Helper()
	c.tab.Click(link)
	c.tab.WaitVisible("dialog[open]")
	c.inspect(t, name)
	c.tab.Press("Escape")
	c.tab.WaitGone("dialog")
}

// TestAxeOfPeople looks at members, invitations, and people's tokens.
func TestAxeOfPeople(t *testing.T) {
	t.Parallel()
	c := wide(t)
	c.at(membersPath)
	c.inspect(t, "members")
	for _, act := range []string{"Change role…", "Sign out and revoke everything…", "Remove…", "Disable…"} {
		c.at(membersPath)
		c.rowMenu("Lea Martin", act)
		c.tab.WaitVisible("dialog[open]")
		c.inspect(t, act)
	}
	c.at(membersPath)
	c.tab.Click("table.tokens button.more")
	c.inspect(t, "menu of a member")
	c.at(membersPath + "/tokens")
	c.inspect(t, "tokens of members")
	c.tab.Click("table.tokens [data-select-all]")
	c.dialog(t, "revoke tokens of members", "#revoke-selected button.danger")
	c.at(membersPath + "/tokens?q=nothing-has-this-label")
	c.inspect(t, "tokens of members, no match")
	c.at(membersPath + "/invites/new")
	c.inspect(t, "invite")
	c.wrongly(map[string]string{"#invite-email": "nobody"})
	c.inspect(t, "invite with errors")
	c.tab.Fill("#invite-email", grace)
	c.tab.Click("main form button.primary")
	c.tab.WaitText("h1", "Invitation for")
	link := c.tab.Value("#secret")
	c.inspect(t, "invitation")
	guest := c.elsewhere(testkit.AllowStatus(422))
	guest.tab.Go(link)
	guest.inspect(t, "join")
	guest.wrongly(map[string]string{"#join-name": "Grace", "#join-password": "short"})
	guest.inspect(t, "join with errors")
}

// TestAxeOfProfile looks at one's own page.
func TestAxeOfProfile(t *testing.T) {
	t.Parallel()
	c := furnished(t, nil, testkit.AllowStatus(422))
	c.at("/profile")
	c.signIn(sam)
	c.tab.WaitText("main", "No API tokens yet")
	c.inspect(t, "profile, empty")
	c.tab.Click("main .head a.primary")
	c.tab.WaitVisible("dialog[open]")
	c.inspect(t, "personal token in a dialog")
	c.at("/profile/tokens/new")
	c.inspect(t, "personal token")
	c.tab.Click(`input[name="expires"][value="custom"]`)
	c.wrongly(map[string]string{"#personal-label": "Laptop"})
	c.inspect(t, "personal token with errors")
	c.tab.Click(`input[name="expires"][value="365d"]`)
	c.tab.Click("main form button.primary")
	c.tab.WaitText("h1", "created")
	c.inspect(t, "personal token created")
	c.at("/profile")
	c.inspect(t, "profile")
	c.tab.Click(`table.tokens tbody input[name="id"]`)
	c.dialog(t, "revoke one's own", "#revoke-selected button")
	c.dialog(t, "sign out everywhere", ".danger-zone a")
}

// TestAxeOfClients looks at clients, their access tokens, replacements, settings and the paste page.
func TestAxeOfClients(t *testing.T) {
	t.Parallel()
	c := wide(t)
	c.at(orgPath)
	c.inspect(t, "overview with clients")
	c.at(orgPath + "/clients/new")
	c.inspect(t, "organization client")
	c.at(ordersPath + "/clients/new")
	c.wrongly(map[string]string{"#client-allow": "all of them"})
	c.inspect(t, "client with errors")
	c.tab.Fill("#client-label", "Tailspin sync")
	c.tab.Fill("#client-allow", "")
	c.tab.Click("main form button.primary")
	c.tab.WaitText("h1", "created")
	c.inspect(t, "client created")
	c.at(ordersPath)
	c.tab.Click(`section[aria-labelledby="clients"] details.folded summary`)
	c.inspect(t, "getting started with clients")
	c.tab.Click("table.tokens [data-select-all]")
	c.dialog(t, "pause clients", `#revoke-selected button[formaction$="/pause"]`)
	c.dialog(t, "resume clients", `#revoke-selected button[formaction$="/resume"]`)
	c.tab.Eval(`[...document.querySelectorAll("table.tokens th a")].find(a => a.innerText === "Warehouse sync").click()`, nil)
	c.tab.WaitText("h2", "Live access tokens")
	c.inspect(t, "client")
	c.dialog(t, "revoke an access token", `section[aria-labelledby="access-tokens"] tbody a`)
	c.dialog(t, "revoke all access tokens", `section[aria-labelledby="access-tokens"] .push`)
	c.at(managePath + "?q=contoso+shop")
	c.tab.Click("table.tokens tbody th a")
	c.tab.WaitText("h2", "Replacement")
	c.inspect(t, "token that replaces another")
	c.tab.Click(`main .acts a[href$="/replace"]`)
	c.tab.Click(`input[name="end"][value="now"]`)
	c.inspect(t, "replace now")
	c.tab.Click(`input[name="end"][value="date"]`)
	c.inspect(t, "replace on a date")
	c.tab.Click(`input[name="end"][value="7d"]`)
	c.tab.Click("main form button.fatal")
	c.tab.WaitText("h1", "created")
	c.inspect(t, "replaced")
}

// TestAxeOfSettings looks at the settings, an opened application and the paste page.
func TestAxeOfSettings(t *testing.T) {
	t.Parallel()
	c := wide(t)
	c.at(ordersPath + "/settings")
	c.inspect(t, "settings")
	c.tab.Click(`input[name="access"][value="open"]`)
	c.wrongly(map[string]string{"#settings-default-ttl": "0"})
	c.tab.WaitVisible("#settings-default-ttl-error") // the warning looks like an error too
	c.inspect(t, "settings, open, with errors")
	c.tab.Fill("#settings-default-ttl", "3600")
	c.tab.Click("main form button.primary")
	c.tab.WaitVisible(".open-banner")
	c.inspect(t, "getting started, opened")
	c.at(managePath)
	c.inspect(t, "Manage API, opened")
	c.at(orgPath + "/inspect")
	c.inspect(t, "paste")
	c.wrongly(map[string]string{"#inspect-pasted": " "})
	c.inspect(t, "paste, nothing")
	c.tab.Fill("#inspect-pasted", "no credential at all")
	c.tab.Click("main form button.primary")
	c.tab.WaitVisible(".message.info")
	c.inspect(t, "paste, not found")
	c.tab.Fill("#inspect-pasted", c.run("", "app", "show", "acme/orders", "--reveal-basic", "--reason", "to paste it"))
	c.tab.Click("main form button.primary")
	c.tab.WaitVisible(".result")
	c.inspect(t, "paste, found")
}
