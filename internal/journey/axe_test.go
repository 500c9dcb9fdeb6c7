package journey

import (
	"strings"
	"testing"

	"claviger/internal/testkit"
)

// inspect looks at the page as it stands, at the width of a desk and of a phone, light and dark: axe finds nothing, and
// nothing has to be scrolled sideways. Console errors and violations of the content security policy fail the test
// at its end.
func (c *console) inspect(t *testing.T, name string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		for _, width := range []int{1280, 320} {
			c.tab.SetSize(width, 900)
			var wide int
			c.tab.Eval("document.documentElement.scrollWidth", &wide)
			if wide > width {
				t.Errorf("at %d px the page is %d px wide: %s", width, wide, c.widest(width))
			}
			for _, dark := range []bool{false, true} {
				c.tab.SetTheme(dark)
				c.tab.Axe(t)
				if t.Failed() {
					t.Fatalf("at %d px, dark: %t", width, dark)
				}
			}
		}
	})
	c.tab.SetTheme(false)
	c.tab.SetSize(1280, 900)
}

// widest names the elements that stand out on the right.
func (c *console) widest(width int) string {
	c.t.Helper()
	var names []string
	c.tab.Eval(`[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
	.map(e => e.localName + "." + e.className + " " + Math.round(e.getBoundingClientRect().right)).slice(0, 10)`, &names)
	return strings.Join(names, ", ")
}

// TestAxeBeforeSignIn looks at the pages for strangers.
func TestAxeBeforeSignIn(t *testing.T) {
	t.Parallel()
	c := open(t, testkit.AllowStatus(404, 422))
	c.tab.Go(c.process.SetupURL())
	c.inspect(t, "setup")
	c.wrongly(map[string]string{"#setup-organization": "Acme", "#setup-slug": "No slug", "#setup-name": "Ada", "#setup-email": "nobody", "#setup-password": "short"})
	c.inspect(t, "setup with errors")
	c.at("/sign-in")
	c.inspect(t, "sign-in")
	c.wrongly(map[string]string{"#sign-in-email": owner, "#sign-in-password": "wrong"})
	c.inspect(t, "sign-in with errors")
	c.at("/nowhere")
	c.tab.WaitText("h1", "Not found")
	c.inspect(t, "not found")
}

// wrongly fills fields in as no browser would let one, sends the form, and waits for the errors.
func (c *console) wrongly(fields map[string]string) {
	c.t.Helper()
	c.tab.Eval(`document.querySelector("main form").noValidate = true`, nil)
	for field, text := range fields {
		c.tab.Fill(field, text)
	}
	c.tab.Click("main form button.primary")
	c.tab.WaitVisible(".message.error")
}

// TestAxeAsAdmin looks at every page that an admin sees.
func TestAxeAsAdmin(t *testing.T) {
	t.Parallel()
	c := furnished(t, nil, testkit.AllowStatus(404, 422))
	c.at(orgPath)
	c.signIn(jonas)
	for _, page := range [][2]string{
		{"organizations", "/orgs"},
		{"overview", orgPath},
		{"new application", orgPath + "/apps/new"},
		{"edit application", ordersPath + "/edit"},
		{"new API", ordersPath + "/apis/new"},
		{"edit API", ordersPath + "/apis/backend/edit"},
		{"getting started", ordersPath},
		{"getting started, open", orgPath + "/apps/sandbox"},
		{"getting started, empty", orgPath + "/apps/orders-staging"},
		{"elevate", "/elevate?scope=acme/orders"},
		{"activity", orgPath + "/activity"},
		{"activity, nothing", orgPath + "/activity?from=2001-01-01&to=2001-01-02"},
		{"not found", orgPath + "/apps/nothing"},
	} {
		c.at(page[1])
		c.inspect(t, page[0])
	}
	c.at(orgPath + "/apps/new")
	c.wrongly(map[string]string{"#application-slug": "No slug"})
	c.inspect(t, "new application with errors")
	c.at(ordersPath)
	c.tab.Click("button.user")
	c.inspect(t, "menu")
	c.at(ordersPath)
	c.tab.Click(`main .head a[href$="/manage-api"]`)
	c.tab.WaitVisible("dialog[open]")
	c.inspect(t, "elevate in a dialog")
	c.at("/elevate?scope=acme/orders")
	c.wrongly(map[string]string{"#elevate-reason": "short"})
	c.inspect(t, "elevate with errors")
}

// TestAxeElevated looks at what is behind the elevation.
func TestAxeElevated(t *testing.T) {
	t.Parallel()
	c := furnished(t, nil, testkit.AllowStatus(404, 409, 422))
	c.at("/elevate?scope=acme")
	c.signIn(maria)
	c.elevate()
	c.at(orgPath + "/apps/orders-staging/manage-api")
	c.tab.WaitText("#tokens", "No tokens yet")
	c.inspect(t, "Manage API, empty")
	c.at(managePath)
	c.tab.Click("details.folded summary")
	c.tab.Eval("scrollTo(0, 0)", nil) // scrolled, the table's head sticks over a row, and its box is too near to that row's
	c.inspect(t, "Manage API")
	c.at(managePath + "?q=nothing-has-this-label")
	c.inspect(t, "Manage API, no match")
	c.inspectTokens(t)
	c.inspectBasic(t)
}

func (c *console) inspectTokens(t *testing.T) {
	t.Helper()
	c.at(managePath)
	c.tab.Click("table.tokens button.more")
	c.inspect(t, "menu of a row")
	c.at(managePath)
	c.tab.Click("main .head a.primary")
	c.tab.WaitVisible("#token-label")
	c.inspect(t, "token form")
	c.tab.Click(`input[name="expires"][value="custom"]`)
	c.inspect(t, "token form, on a date")
	c.tab.Click(`input[name="expires"][value="never"]`)
	c.inspect(t, "token form, never")
	c.tab.Click(`input[name="scope"][value="*:read"]`)
	c.tab.Click(`input[name="expires"][value="custom"]`)
	c.wrongly(map[string]string{"#token-allow": "all of them"})
	c.inspect(t, "token form with errors")
	c.at(managePath)
	c.createToken("Tailspin export")
	c.inspect(t, "token created")
	c.tab.Reload()
	c.tab.WaitText("h1", "Already created")
	c.inspect(t, "token already created")
	c.tab.Click(`main .acts a[href*="/tokens/"]`)
	c.tab.WaitText("h2", "History")
	c.inspect(t, "token")
	for name, link := range map[string]string{"rename": `main .acts a[href$="/rename"]`, "revoke": "main .acts a.danger"} {
		c.tab.Click(link)
		c.tab.WaitVisible("dialog[open]")
		c.inspect(t, name+" in a dialog")
		c.tab.Press("Escape")
		c.tab.WaitGone("dialog")
		var page string
		c.tab.Eval(`document.querySelector("`+strings.ReplaceAll(link, `"`, `\"`)+`").href`, &page)
		here := c.tab.URL()
		c.tab.Go(page)
		c.inspect(t, name)
		c.tab.Go(here)
	}
	c.tab.Click(`main .acts a[href$="/restrict"]`)
	c.tab.WaitVisible("#restrict-allow")
	c.inspect(t, "edit")
	c.wrongly(map[string]string{"#restrict-allow": "all of them", "#restrict-rate": "many"})
	c.inspect(t, "edit with errors")
	c.tab.Fill("#restrict-allow", "10.0.0.0/8")
	c.tab.Fill("#restrict-rate", "10")
	c.tab.Click("main form.form button.primary")
	c.tab.WaitText("dl.facts", "at most 10 requests a second")
}

func (c *console) inspectBasic(t *testing.T) {
	t.Helper()
	c.at(managePath)
	c.tab.Click(`form[action$="/basic/reveal"] button:not([name])`)
	c.tab.WaitVisible("#basic-password")
	c.inspect(t, "Manage API, revealed")
	c.tab.Click(`a[href$="/basic/disable"]`)
	c.tab.WaitVisible("dialog[open]")
	c.inspect(t, "disable Basic in a dialog")
	c.at(managePath + "/basic")
	c.tab.WaitText("h2", "Use")
	c.inspect(t, "use of Basic")
	c.at(managePath + "/basic/disable")
	c.inspect(t, "disable Basic")
	c.tab.Fill("#disable-confirm", "orders")
	c.tab.Click("button.fatal")
	c.tab.WaitText(".message", "Basic is disabled")
	c.inspect(t, "Manage API, Basic disabled")
	c.at(managePath + "/basic/disable")
	c.inspect(t, "conflict")
	c.tab.Click(".elevation form button")
	c.tab.WaitText(".message", "Elevation dropped")
	c.inspect(t, "elevation dropped")
}

// TestAxeWithoutRights looks at what members and viewers are told.
func TestAxeWithoutRights(t *testing.T) {
	t.Parallel()
	c := furnished(t, nil, testkit.AllowStatus(403))
	c.at(ordersPath)
	c.signIn(lea)
	c.inspect(t, "getting started as a member")
	c.at(orgPath + "/activity")
	c.tab.WaitText("h1", "Not for you")
	c.inspect(t, "forbidden")
	c.at("/elevate?scope=acme/orders")
	c.tab.WaitText("h1", "You cannot elevate")
	c.inspect(t, "cannot elevate as a member")
	c.tab.Click("button.user")
	c.tab.Click(`form[action="/sign-out"] button`)
	c.tab.WaitURL("/sign-in")
	c.signIn(sam)
	c.tab.WaitURL(orgPath)
	c.inspect(t, "overview as a viewer")
	c.at("/elevate?scope=acme")
	c.tab.WaitText("h1", "You cannot elevate")
	c.inspect(t, "cannot elevate as a viewer")
}
