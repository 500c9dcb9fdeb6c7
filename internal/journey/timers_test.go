package journey

import (
	"strings"
	"testing"
	"time"
)

// twoTicks waits until the page's timers of one second have run twice.
func (c *console) twoTicks() {
	c.t.Helper()
	for range 2 {
		before := c.tab.Text(".left")
		c.tab.WaitTrue(`document.querySelector(".left").innerText !== "` + before + `"`)
	}
}

// TestRevealHidesItself: a revealed password is gone from the page after a minute, but not under somebody's hands.
func TestRevealHidesItself(t *testing.T) {
	t.Parallel()
	_, c := onSite(t)
	c.elevated()
	c.tab.Click(`form[action$="/basic/reveal"] button:not([name])`)
	password := c.tab.Value("#basic-password")
	c.later(50 * time.Second)
	c.twoTicks()
	c.shows(password, true)
	c.tab.Eval(`document.querySelector("#basic-password").focus()`, nil)
	c.later(15 * time.Second)
	c.twoTicks()
	c.shows(password, true)
	c.tab.Press("Tab")
	c.tab.WaitGone("#basic-password")
	c.shows(password, false)
	c.tab.WaitVisible(`form[action$="/basic/reveal"] button[name="copy"]`)
	c.tab.WaitTrue(`document.activeElement.closest("[data-password]")`) // the focus went on to a button that is gone

	c.tab.Click(`form[action$="/basic/reveal"] button[name="copy"]`) // the form in its place works
	c.tab.WaitText(`[data-copy="#basic-password"]`, "Copied")
	if got := c.tab.Clipboard(); got != password {
		t.Errorf("the clipboard holds %q, want the password", got)
	}
}

// shows checks whether the secret is anywhere in the page.
func (c *console) shows(secret string, want bool) {
	c.t.Helper()
	var page string
	c.tab.Eval(`document.documentElement.outerHTML + [...document.querySelectorAll("input")].map(e => e.value)`, &page)
	if got := strings.Contains(page, secret); got != want {
		c.t.Errorf("secret on the page: %t, want %t", got, want)
	}
}

// TestCountdown: the rest of an elevation counts down, turns urgent in the last minute, and is said once.
func TestCountdown(t *testing.T) {
	t.Parallel()
	_, c := onSite(t)
	c.elevated()
	c.tab.WaitTrue(`/^(30:00|29:\d\d)$/.test(document.querySelector(".elevation .left").innerText)`)
	c.twoTicks()
	c.later(28 * time.Minute)
	c.tab.WaitTrue(`/^0?1:\d\d$/.test(document.querySelector(".elevation .left").innerText)`)
	c.tab.WaitTrue(`!document.querySelector(".bar.ending") && !document.querySelector("[data-countdown-status]").textContent`)
	c.later(time.Minute)
	c.tab.WaitTrue(`/^0?0:\d\d$/.test(document.querySelector(".elevation .left").innerText)`)
	c.tab.WaitVisible(".bar.ending")
	c.tab.WaitTrue(`document.querySelector("[data-countdown-status]").textContent === "One minute of your elevation is left."`)
	c.later(time.Minute)
	c.tab.WaitText(".elevation", "Your elevation has ended")
	c.tab.WaitGone(".bar.ending")
	c.tab.WaitTrue(`!document.querySelector("#user-menu .left")`)
}
