package journey

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// save changes one choice on the settings page and saves it.
func (c *console) save(name, value string) {
	c.t.Helper()
	c.at(ordersPath + "/settings")
	c.tab.Click(`input[name="` + name + `"][value="` + value + `"]`)
	c.tab.Click("main form button.primary")
	c.tab.WaitText(".message", "Saved.")
}

// TestQueryCredentials: switched on against a warning, used, and off again; then the refusal says so.
func TestQueryCredentials(t *testing.T) {
	t.Parallel()
	site, c := onSite(t)
	token := site.Token("acme", "orders", "Old importer", "").Secret.Expose()
	address := c.GatewayURL + "/acme/orders/backend/orders/17?access_token=" + token
	c.at(ordersPath)
	c.signIn(owner)
	c.tab.Click(`main .head a[href$="/settings"]`)
	c.elevate()
	c.tab.WaitURL(ordersPath + "/settings")
	c.tab.WaitText("#settings-query-credentials", "RFC 9700 advises against it")
	c.save("query_credentials", "on")
	if status, body := call(t, http.MethodGet, address, ""); status != http.StatusOK || strings.Contains(body, token) {
		t.Errorf("switched on: %d %s", status, body)
	}
	c.save("query_credentials", "off")
	if status, body := call(t, http.MethodGet, address, ""); status != http.StatusUnauthorized || !strings.Contains(body, "Credentials in the query string are switched off") {
		t.Errorf("switched off: %d %s", status, body)
	}
}

// TestOpening: an owner opens an application against a warning; it shows on every page of it until it is secured.
func TestOpening(t *testing.T) {
	t.Parallel()
	_, c := onSite(t)
	c.elevated()
	c.opens("", http.StatusUnauthorized)
	c.at(ordersPath + "/settings")
	c.tab.WaitGone(".opening .nudge")
	c.tab.Click(`input[name="access"][value="open"]`)
	c.tab.WaitText(".opening .nudge", "anybody who can reach orders reads and writes")
	c.tab.Click("main form button.primary")
	c.tab.WaitText(".message", "Saved.")
	c.opens("", http.StatusOK)
	for _, page := range []string{ordersPath, managePath, managePath + "/tokens/new", ordersPath + "/settings", ordersPath + "/edit", ordersPath + "/clients/new"} {
		c.at(page)
		c.tab.WaitText(".open-banner", "orders is open: anybody can call its APIs without a credential.")
	}
	c.at(orgPath)
	c.tab.WaitText("main table", "OPEN")
	c.save("access", "secured")
	c.tab.WaitGone(".open-banner")
	c.opens("", http.StatusUnauthorized)
}

// TestMenuElevatesAgain: when the elevation has run out on an open page, the menu offers the next one.
func TestMenuElevatesAgain(t *testing.T) {
	t.Parallel()
	site, c := onSite(t)
	c.elevated()
	site.Clock.Advance(31 * time.Minute)
	c.later(31 * time.Minute)
	c.tab.WaitText(".elevation", "Your elevation has ended")
	c.tab.Click("button.user")
	c.tab.WaitGone("#user-menu .left")
	c.tab.Click("#user-menu a[data-elevate]")
	c.tab.WaitVisible("dialog[open] #elevate-password")
	c.elevate()
	c.tab.WaitURL(managePath)
}
