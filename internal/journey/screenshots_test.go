package journey

import (
	"flag"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var updateScreenshots = flag.Bool("update-screenshots", false, "write the pictures to docs/screenshots instead of a temporary directory")

// TestScreenshots makes the pictures of the console from the real program, with the data of a company in it. Without
// the flag they are made all the same, so that a page that cannot be shown any more fails the test.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	album := &album{t: t, dir: t.TempDir()}
	if *updateScreenshots {
		album.dir = filepath.Join("..", "..", "docs", "screenshots")
	}
	if err := os.MkdirAll(album.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	album.console = open(t)
	album.tab.Go(album.process.SetupURL())
	album.take("setup", false)

	base := []string{"CLAVIGER_GATEWAY_BASE_URL=https://api.acme.example", "CLAVIGER_SERVER_BASE_URL=https://console.acme.example"}
	album.console = furnished(t, base)
	album.beforeElevation()
	album.tokens()
	album.danger()
	album.people()
	album.clients()
	album.own()
	album.at(orgPath + "/activity")
	album.take("activity", false)
}

// album takes pictures of what the tab shows, and checks that they are some.
type album struct {
	*console
	t   *testing.T
	dir string
}

// take makes NAME-light.png and NAME-dark.png, of the whole page if full, else of what is in view.
func (a *album) take(name string, full bool) {
	a.t.Helper()
	a.tab.SetSize(1280, 800)
	for _, dark := range []bool{false, true} {
		a.tab.SetTheme(dark)
		file := filepath.Join(a.dir, name+"-light.png")
		if dark {
			file = strings.Replace(file, "-light", "-dark", 1)
		}
		a.tab.Screenshot(file, full)
		a.check(file)
	}
	a.tab.SetTheme(false)
}

// check makes sure that the picture shows something: paper and ink.
func (a *album) check(file string) {
	a.t.Helper()
	picture, err := os.Open(file)
	must(a.t, err)
	defer func() { _ = picture.Close() }()
	decoded, err := png.Decode(picture)
	must(a.t, err)
	bounds, colours := decoded.Bounds(), map[any]bool{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y += 3 {
		for x := bounds.Min.X; x < bounds.Max.X; x += 3 {
			colours[decoded.At(x, y)] = true
		}
	}
	if bounds.Dx() != 1280 || len(colours) < 16 {
		a.t.Errorf("%s is %d px wide and has %d colours", filepath.Base(file), bounds.Dx(), len(colours))
	}
}

func (a *album) beforeElevation() {
	a.t.Helper()
	a.at(orgPath)
	a.take("sign-in", false)
	a.signIn(maria)
	a.tab.WaitURL(orgPath)
	a.take("overview", false)
	a.at(ordersPath)
	a.take("getting-started", true)
	a.tab.Eval(`document.querySelector(".steps > li:nth-child(3)").scrollIntoView()`, nil)
	a.take("proxies", false)
	a.tab.Click(`main .head a[href$="/manage-api"]`)
	a.tab.Fill("dialog #elevate-reason", reason)
	a.take("elevate", false)
	a.elevate()
	a.tab.WaitURL(managePath)
}

func (a *album) tokens() {
	a.t.Helper()
	a.take("manage-api", true)
	a.at(managePath + "/tokens/new")
	a.tab.Fill("#token-label", "Tailspin export")
	a.take("token-form", true)
	a.at(managePath)
	token := a.createToken("Tailspin export")
	if status, body := call(a.t, http.MethodGet, a.GatewayURL+"/acme/orders/backend/orders/17", bearer(token)); status != http.StatusOK {
		a.t.Fatalf("call with the new token: status %d\n%s", status, body)
	}
	a.tab.WaitVisible(".first-call.seen")
	a.take("token-created", false)
	a.at(managePath)
	a.at(managePath + "?q=northwind")
	a.tab.Click("table.tokens tbody th a")
	a.tab.WaitText("h2", "History")
	a.take("token", true)
	a.tab.Click(`main .acts a[href$="/restrict"]`)
	a.tab.WaitURL("/restrict")
	a.take("edit", false)
	a.at(managePath + "/basic")
	a.take("basic-use", true)
}

func (a *album) danger() {
	a.t.Helper()
	a.at(managePath)
	a.tab.Click("table.tokens [data-select-all]")
	a.tab.Click("[data-selected-count]")
	a.tab.WaitVisible("dialog[open]")
	a.take("revoke", false)
	a.at(managePath)
	a.tab.Click(`a[href$="/basic/disable"]`)
	a.tab.Fill("#disable-confirm", "orders")
	a.take("disable-basic", false)
}

// people takes the members, the invitation, and one's own tokens.
func (a *album) people() {
	a.t.Helper()
	a.at("/elevate?scope=acme")
	a.elevate()
	a.tab.WaitURL(orgPath)
	a.at(membersPath)
	a.take("members", true)
	a.at(membersPath + "/tokens")
	a.take("members-tokens", true)
	a.at(membersPath + "/invites/new")
	a.tab.Fill("#invite-email", "kim.berg@acme.example")
	a.take("invite", true)
	a.tab.Click("main form button.primary")
	a.tab.WaitText("h1", "Invitation for")
	a.take("invite-created", false)
	a.at("/profile")
	a.tab.Click("main .head a.primary")
	a.tab.Fill("#personal-label", "Backup script on my laptop")
	a.take("personal-form", false)
	a.tab.Click("dialog button.primary")
	a.tab.WaitText("h1", "created")
	a.take("personal-created", true)
	a.at("/profile")
	a.take("profile", true)
}

// clients takes clients, a replacement, the settings and the paste page.
func (a *album) clients() {
	a.t.Helper()
	a.at(ordersPath + "/clients/new")
	a.tab.Fill("#client-label", "Tailspin sync")
	a.tab.Click("main form button.primary")
	a.tab.WaitText("h1", "created")
	a.take("client-created", true)
	a.at(ordersPath)
	a.tab.Click(`section[aria-labelledby="clients"] tbody tr:last-child th a`)
	a.tab.WaitText("h2", "History")
	a.take("client", true)
	a.at(managePath + "?q=contoso+shop")
	a.tab.Click("table.tokens tbody th a")
	a.tab.WaitText("h2", "Replacement")
	a.take("replacement", false)
	a.tab.Click(`main .acts a[href$="/replace"]`)
	a.tab.WaitURL("/replace")
	a.take("replace", true)
	a.at(ordersPath + "/settings")
	a.tab.Click(`input[name="access"][value="open"]`)
	a.take("settings", true)
	a.at(orgPath + "/inspect")
	a.tab.Fill("#inspect-pasted", "curl -u "+a.username()+":… https://api.acme.example/acme/orders/backend/")
	a.tab.Click("main form button.primary")
	a.tab.WaitVisible(".result")
	a.take("inspect", true)
}

// own takes one's sessions: this one, and one in another browser.
func (a *album) own() {
	a.t.Helper()
	guest := a.elsewhere()
	guest.at("/profile")
	guest.signIn(maria)
	a.at("/profile/sessions")
	a.take("sessions", false)
}

// username is the Basic username of Orders.
func (a *album) username() string {
	a.t.Helper()
	username, _, _ := strings.Cut(a.run("", "app", "show", "acme/orders", "--reveal-basic", "--reason", "a picture of the paste page"), ":")
	return username
}
