package journey

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"claviger/internal/access"
)

// later moves the tab's clock on, as an hour would that somebody waits.
func (c *console) later(d time.Duration) {
	c.t.Helper()
	c.tab.Eval(fmt.Sprintf(`{ const now = Date.now.bind(Date); Date.now = () => now() + %d; }`, d.Milliseconds()), nil)
}

// countPolls makes the tab keep the statuses of what its script fetches.
func (c *console) countPolls() {
	c.t.Helper()
	c.tab.Eval(`{
	window.polls = [];
	const plain = window.fetch;
	window.fetch = (...what) => plain(...what).then(r => { polls.push(r.redirected ? r.url : r.status); return r; });
}`, nil)
}

// pollsOn waits until the live region has asked again, and checks that it was always answered.
func (c *console) pollsOn() {
	c.t.Helper()
	c.tab.Eval("polls.length = 0", nil)
	c.tab.WaitTrue("polls.length > 0")
	c.tab.WaitTrue("polls.every(p => p === 200)")
	c.tab.WaitVisible("button.user")
}

// TestElevationLivesThroughTwoTabs: one tab waits for the first call, while in another an elevation starts, is
// dropped, starts again and runs out. The session's token is replaced each time, and nobody is signed out.
func TestElevationLivesThroughTwoTabs(t *testing.T) {
	t.Parallel()
	site, waiting := onSite(t)
	waiting.at(ordersPath)
	waiting.signIn(owner)
	waiting.tab.WaitText(".first-call", "Waiting for the first call")
	waiting.countPolls()
	waiting.pollsOn()

	acting := waiting.another()
	acting.at(ordersPath)
	acting.tab.Click("button.user")
	acting.tab.Click("#user-menu a[data-elevate]")
	acting.elevate()
	acting.tab.WaitURL(ordersPath)
	showBoth(waiting, acting)

	acting.tab.Click(".elevation form button")
	acting.tab.WaitText(".message", "Elevation dropped")
	acting.tab.WaitGone(".bar.elevated")
	showBoth(waiting, acting)

	acting.at(managePath)
	acting.elevate()
	acting.tab.WaitURL(managePath)
	site.Clock.Advance(31 * time.Minute)
	acting.later(31 * time.Minute)
	acting.tab.WaitText(".elevation", "Your elevation has ended")
	acting.tab.WaitGone(".bar.elevated")
	showBoth(waiting, acting)
	acting.tab.Reload()
	acting.tab.WaitURL("/elevate")
	acting.tab.WaitVisible("button.user")

	token := site.Token("acme", "orders", "from elsewhere", "")
	site.Call("GET", site.GatewayURL+"/acme/orders/backend/", "Authorization", bearer(token.Secret.Expose()))
	site.FlushUses()
	showBoth(waiting, acting)
	waiting.tab.WaitText(".first-call.seen", "from 127.0.0.1")
}

// showBoth checks that the waiting tab goes on asking and the acting one shows a page for somebody signed in. A
// browser lets only the tab in front run its timers in time.
func showBoth(waiting, acting *console) {
	waiting.t.Helper()
	acting.tab.WaitVisible("button.user")
	waiting.tab.Front()
	waiting.pollsOn()
	acting.tab.Front()
}

// fillTokenForm types into every kind of field of the form.
func (c *console) fillTokenForm() {
	c.t.Helper()
	c.tab.Fill("#token-label", "Northwind nightly")
	c.tab.Click(`input[name="scope"][value="*:read"]`) // was ticked
	c.tab.Click(`input[name="scope"][value="backend:write"]`)
	c.tab.Click(`input[name="expires"][value="365d"]`)
	c.tab.Fill("#token-allow", "10.0.3.0/24\n2001:db8::/32")
}

// tokenFormStands checks that the form holds what fillTokenForm typed.
func (c *console) tokenFormStands() {
	c.t.Helper()
	c.tab.WaitURL("/manage-api/tokens/new")
	c.tab.WaitVisible("#token-label")
	if got := c.tab.Value("#token-label"); got != "Northwind nightly" {
		c.t.Errorf("the label is %q", got)
	}
	if got := c.tab.Value("#token-allow"); got != "10.0.3.0/24\n2001:db8::/32" {
		c.t.Errorf("the networks are %q", got)
	}
	var ticked []string
	c.tab.Eval(`[...document.querySelectorAll("main form :checked")].map(e => e.value)`, &ticked)
	if want := []string{"backend:write", "365d"}; !slices.Equal(ticked, want) {
		c.t.Errorf("ticked are %q, want %q", ticked, want)
	}
}

// TestTypedSurvivesElevation: a form is sent when the elevation has been dropped in another tab; nothing is created,
// one elevates, finds the form as it was, and sends it again.
func TestTypedSurvivesElevation(t *testing.T) {
	t.Parallel()
	site, c := onSite(t)
	c.elevated()
	c.tab.Click("main .head a.primary")
	c.fillTokenForm()
	other := c.another()
	other.at(ordersPath)
	other.tab.Click(".elevation form button")
	other.tab.WaitGone(".bar.elevated")

	c.tab.Front()
	c.tab.Click("main form button.primary")
	c.tab.WaitURL("/elevate")
	if n := made(site.Events("acme")); n != 0 {
		t.Errorf("%d tokens were made without an elevation", n)
	}
	c.elevate()
	c.tokenFormStands()
	if n := made(site.Events("acme")); n != 0 {
		t.Errorf("%d tokens were made by the elevation itself", n)
	}
	c.tab.Click("main form button.primary")
	c.tab.WaitText("h1", "Token “Northwind nightly” created")
	c.at(managePath)
	c.tab.WaitText("table.tokens", "write on backend")
	if n := made(site.Events("acme")); n != 1 {
		t.Errorf("%d tokens were made, want 1", n)
	}
}

func made(events []access.Event) (n int) {
	for _, e := range events {
		if e.Act == access.ActCreateToken {
			n++
		}
	}
	return n
}

// TestElevateAgainKeepsTyped: the elevation runs out under a form that is half filled in; only the bar says so, and
// by its button one elevates and goes on typing.
func TestElevateAgainKeepsTyped(t *testing.T) {
	t.Parallel()
	site, c := onSite(t)
	c.elevated()
	c.tab.Click("main .head a.primary")
	c.fillTokenForm()
	site.Clock.Advance(31 * time.Minute)
	c.later(31 * time.Minute)
	c.tab.WaitText(".elevation", "Your elevation has ended. What you have typed is still here.")
	c.tokenFormStands()
	c.tab.Click(".elevation a[data-elevate]")
	c.tab.WaitVisible("dialog[open] #elevate-password") // it was given half an hour ago
	c.elevate()
	c.tokenFormStands()
	c.tab.Click("main form button.primary")
	c.tab.WaitText("h1", "Token “Northwind nightly” created")
	var kept int
	c.tab.Eval("sessionStorage.length", &kept)
	if kept != 0 {
		t.Errorf("%d forms are still kept in the browser", kept)
	}
}
