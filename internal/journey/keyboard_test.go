package journey

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestKeyboardOnly is the milestone without a mouse: nothing is clicked, every field is reached by the Tab key and
// typed into letter by letter, and the focus can be seen wherever it goes.
func TestKeyboardOnly(t *testing.T) {
	t.Parallel()
	c := open(t)
	k := keyboard{c}
	k.setUp()
	k.signOutAndIn()
	k.createApplication()
	k.elevateInDialog()
	token := k.createToken()
	c.opens(bearer(token), http.StatusOK)
	c.tab.WaitText(".first-call.seen", "from 127.0.0.1")
	k.follow(`main a[href$="/manage-api"].button`)
	c.tab.WaitVisible("table.tokens")
	username, password := k.revealBasic()
	c.opens(basic(username, password), http.StatusOK)
	k.disableBasic()
	c.opens(basic(username, password), http.StatusUnauthorized)
	k.revokeToken()
	c.opens(bearer(token), http.StatusUnauthorized)
}

// keyboard does what a person without a mouse can do.
type keyboard struct{ *console }

// focused describes where the focus is: empty where it is lost, else the element, with an exclamation mark and a word
// in front if it cannot be seen there. Small inputs that stand in their label show it at the label.
const focused = `(() => {
	const e = document.activeElement;
	if (!e || e === document.body || e === document.documentElement) return "";
	const name = e.localName + (e.id ? "#" + e.id : "") + " " + (e.getAttribute("href") || e.name || e.textContent || "").trim().slice(0, 40);
	const shown = [e, e.closest("label"), ...(e.labels || [])].filter(x => x);
	const ring = x => { const s = getComputedStyle(x); return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1 || s.boxShadow !== "none"; };
	if (e.localName !== "main" && !shown.some(ring)) return "!unmarked " + name;
	const box = shown[shown.length > 1 && !ring(e) ? 1 : 0].getBoundingClientRect();
	if (box.bottom <= 0 || box.top >= innerHeight || box.right <= 0 || box.left >= innerWidth) return "!outside " + name;
	return name;
})()`

// press presses keys one after the other and looks at the focus after each.
func (k keyboard) press(keys ...string) (where string) {
	k.t.Helper()
	for _, key := range keys {
		k.tab.Press(key)
		k.tab.Eval(focused, &where)
		if strings.HasPrefix(where, "!") {
			k.t.Errorf("after %s on %s the focus cannot be seen: %s", key, k.tab.URL(), where)
		}
	}
	return where
}

// to presses Tab (or Shift+Tab) until the element has the focus.
func (k keyboard) to(sel string, keys ...string) {
	k.t.Helper()
	k.tab.WaitTrue(`document.readyState === "complete"`)
	if len(keys) == 0 {
		keys = []string{"Tab"}
	}
	var way []string
	for lost := 0; len(way) < 120; {
		var there bool
		k.tab.Eval(fmt.Sprintf(`!!document.activeElement?.matches(%q)`, sel), &there)
		if there {
			return
		}
		where := k.press(keys...)
		way = append(way, where)
		if where == "" {
			lost++
		}
		if lost > 1 { // once is the end of the page
			break
		}
	}
	k.t.Fatalf("on %s the Tab key does not lead to %s, only to:\n%s", k.tab.URL(), sel, strings.Join(way, "\n"))
}

// follow goes to a link or button and presses Enter.
func (k keyboard) follow(sel string) {
	k.t.Helper()
	k.to(sel)
	k.tab.Press("Enter")
}

// write goes to a field and types into it.
func (k keyboard) write(sel, text string) {
	k.t.Helper()
	k.to(sel)
	k.letters(text)
	if got := k.tab.Value(sel); got != text {
		k.t.Fatalf("after typing, %s holds %q, want %q", sel, got, text)
	}
}

func (k keyboard) letters(text string) {
	k.t.Helper()
	for _, letter := range text {
		k.tab.Press(string(letter))
	}
}

// hasFocus waits until the element has the focus.
func (k keyboard) hasFocus(sel string) {
	k.t.Helper()
	k.tab.WaitTrue(fmt.Sprintf(`!!document.activeElement?.matches(%q)`, sel))
}

func (k keyboard) setUp() {
	k.t.Helper()
	k.tab.Go(k.process.SetupURL())
	k.hasFocus("#setup-organization")
	k.write("#setup-organization", "Acme")
	k.write("#setup-slug", "acme")
	k.write("#setup-name", "Ada Lovelace")
	k.write("#setup-email", owner)
	k.write("#setup-password", password)
	k.follow("main form button.primary")
	k.tab.WaitURL(orgPath + "/apps/sandbox")
	k.press("Tab")
	k.hasFocus("a.skip")
	k.tab.Press("Enter")
	k.hasFocus("main")
}

func (k keyboard) signOutAndIn() {
	k.t.Helper()
	k.at(orgPath)
	k.follow("button.user")
	k.tab.WaitVisible("#user-menu")
	k.tab.Press("Escape")
	k.tab.WaitGone("#user-menu")
	k.hasFocus("button.user")
	k.tab.Press("Space")
	k.follow(`form[action="/sign-out"] button`)
	k.tab.WaitURL("/sign-in")
	k.hasFocus("#sign-in-email")
	k.write("#sign-in-email", owner)
	k.write("#sign-in-password", password)
	k.tab.Press("Enter")
	k.tab.WaitURL(orgPath)
}

func (k keyboard) createApplication() {
	k.t.Helper()
	k.follow(`main a[href$="/apps/new"]`)
	k.tab.WaitURL("/apps/new")
	k.write("#application-name", "Orders")
	k.write("#application-slug", "orders")
	k.tab.Press("Enter")
	k.tab.WaitText(".message", "Application “Orders” created")
	k.follow(`main a[href$="/apis/new"]`)
	k.tab.WaitURL("/apis/new")
	k.write("#api-name", "Backend API")
	k.write("#api-slug", "backend")
	k.write("#api-upstream", "builtin:echo")
	k.tab.Press("Enter")
	k.tab.WaitText(".message", "API “Backend API” added")
}

// elevateInDialog leaves the dialog once by Escape and once by Cancel: each time the focus is where it came from.
func (k keyboard) elevateInDialog() {
	k.t.Helper()
	const opener = `main a[href$="/tokens/new"]`
	k.follow(opener)
	k.tab.WaitVisible("dialog[open]")
	k.hasFocus("#elevate-reason")
	k.tab.Press("Escape")
	k.tab.WaitGone("dialog")
	k.hasFocus(opener)
	k.tab.Press("Enter")
	k.follow("dialog [data-cancel]")
	k.tab.WaitGone("dialog")
	k.hasFocus(opener)
	k.tab.Press("Enter")
	k.tab.WaitVisible("dialog[open]")
	k.write("#elevate-reason", reason)
	k.to(`dialog input[name="minutes"]`)
	k.press("ArrowLeft")
	k.tab.WaitText("[data-minutes-label]", "Elevate for 15 minutes")
	k.follow("[data-minutes-label]")
	k.tab.WaitURL("/manage-api/tokens/new")
	k.tab.WaitText(".elevation", reason)
}

func (k keyboard) createToken() string {
	k.t.Helper()
	k.hasFocus("#token-label")
	k.write("#token-label", "Northwind nightly")
	k.to(`input[name="scope"][value="*:write"]`)
	k.press("Space")
	k.to(`input[name="expires"]:checked`)
	k.press("ArrowUp")
	k.tab.WaitTrue(`document.querySelector('input[name="expires"][value="30d"]').checked`)
	k.follow("main form button.primary")
	k.tab.WaitText("h1", "Token “Northwind nightly” created")
	k.tab.WaitText(".facts", "read, write")
	k.follow(`[data-copy="#secret"]`)
	k.tab.WaitText(`[data-copy="#secret"]`, "Copied")
	return k.tab.Clipboard()
}

func (k keyboard) revealBasic() (username, password string) {
	k.t.Helper()
	k.follow(`form[action$="/basic/reveal"] button:not([name])`)
	password = k.tab.Value("#basic-password")
	username = k.tab.Text("#basic-username")
	k.to("[data-hide]")
	k.tab.Press("Enter")
	k.tab.WaitGone("#basic-password")
	k.hasFocus(`form[action$="/basic/reveal"] button`)
	k.press("Tab") // had Enter pressed the button too, the password would come back
	k.tab.WaitGone("#basic-password")
	return username, password
}

// disableBasic: Cancel has the focus when the dialog opens, and the button that confirms cannot be reached before
// the slug is there.
func (k keyboard) disableBasic() {
	k.t.Helper()
	const opener = `main a[href$="/basic/disable"]`
	k.follow(opener)
	k.hasFocus("dialog [data-cancel]")
	k.tab.Press("Enter")
	k.tab.WaitGone("dialog")
	k.hasFocus(opener)
	k.tab.Press("Enter")
	k.hasFocus("dialog [data-cancel]")
	k.to("#disable-confirm", "Shift+Tab")
	k.letters("order")
	k.tab.Press("Enter")
	k.tab.WaitTrue(`document.querySelector("dialog button.fatal").disabled`)
	k.letters("s")
	k.follow("dialog button.fatal")
	k.tab.WaitText(".message", "Basic is disabled for good")
}

func (k keyboard) revokeToken() {
	k.t.Helper()
	k.follow("table.tokens button.more")
	k.tab.WaitVisible(".row-menu:popover-open")
	k.follow(`.row-menu a[href*="/tokens/revoke"]`)
	k.hasFocus("dialog [data-cancel]")
	k.tab.Press("Escape")
	k.tab.WaitGone("dialog")
	k.hasFocus("table.tokens button.more")
	k.tab.Press("Enter")
	k.follow(`.row-menu a[href*="/tokens/revoke"]`)
	k.hasFocus("dialog [data-cancel]")
	k.tab.Press("Enter")
	k.tab.WaitGone("dialog")
	k.hasFocus("table.tokens button.more")
	k.tab.WaitGone(".row-menu") // had Enter pressed the button too, the menu would be open
	k.tab.Press("Enter")
	k.follow(`.row-menu a[href*="/tokens/revoke"]`)
	k.hasFocus("dialog [data-cancel]")
	k.to("dialog button.fatal")
	k.tab.Press("Space")
	k.tab.WaitText(".message", "“Northwind nightly” is revoked")
}
