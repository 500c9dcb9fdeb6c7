package journey

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

const (
	owner    = "ada@acme.example"
	password = testkit.Password
	reason   = "Rotate the keys of Northwind, ticket 4711"

	orgPath    = "/orgs/acme"
	ordersPath = orgPath + "/apps/orders"
	managePath = ordersPath + "/manage-api"
)

// console is a running Claviger and a tab that looks at it.
type console struct {
	t                      testing.TB
	process                *testkit.Process // nil: it runs in the test's own process, see onSite
	tab                    *testkit.Tab
	ConsoleURL, GatewayURL string
}

// open starts the real program, without any data, and a browser.
func open(t testing.TB, options ...testkit.BrowserOption) *console {
	t.Helper()
	return watch(t, testkit.Start(t, t.TempDir(), nil), options...)
}

// watch opens a browser beside a process that runs.
func watch(t testing.TB, process *testkit.Process, options ...testkit.BrowserOption) *console {
	t.Helper()
	return &console{t, process, testkit.Browser(t, options...), process.ConsoleURL, process.GatewayURL}
}

// onSite opens a browser beside a Claviger within the test's process, whose clock the test moves. acme/orders has
// the API backend.
func onSite(t testing.TB, options ...testkit.BrowserOption) (*testkit.Site, *console) {
	t.Helper()
	site := testkit.Server(t)
	site.Organization("acme")
	site.Application("acme", "orders")
	site.User(owner, "acme", access.Owner)
	return site, &console{t, nil, testkit.Browser(t, options...), site.ConsoleURL, site.GatewayURL}
}

// another is the same console seen in another tab of the browser.
func (c *console) another() *console {
	c.t.Helper()
	other := *c
	other.tab = c.tab.NewTab()
	return &other
}

// run carries out a command of the command line and returns what it prints on standard output.
func (c *console) run(stdin string, args ...string) string {
	c.t.Helper()
	stdout, stderr, code := c.process.Run(stdin, args...)
	if code != 0 {
		c.t.Fatalf("claviger %s: exit code %d\n%s", strings.Join(args, " "), code, stderr)
	}
	return strings.TrimSpace(stdout)
}

// filled makes organization, owner and applications by the command line, for tests that are about something else
// than that. acme/orders has the APIs backend and oplog, both of which echo.
func (c *console) filled() {
	c.t.Helper()
	c.run("", "org", "add", "acme", "--name", "Acme")
	c.run(password, "user", "add", owner, "--org", "acme", "--role", "owner", "--name", "Ada Lovelace")
	c.run("", "app", "add", "acme/orders", "--name", "Orders")
	c.run("", "api", "add", "acme/orders/backend", "--name", "Backend API", "--upstream", "builtin:echo")
	c.run("", "api", "add", "acme/orders/oplog", "--name", "Oplog API", "--upstream", "builtin:echo")
}

// at opens a page of the console.
func (c *console) at(path string) {
	c.t.Helper()
	c.tab.Go(c.ConsoleURL + path)
}

// signIn signs in on the sign-in page, which the tab shows.
func (c *console) signIn(email string) {
	c.t.Helper()
	c.tab.Fill("#sign-in-email", email)
	c.tab.Fill("#sign-in-password", password)
	c.tab.Click("main form button.primary")
	c.tab.WaitVisible("button.user")
}

// elevate fills in the form of the elevation, in its dialog or on its page, and sends it. The password is asked
// for when it was given longer than five minutes ago.
func (c *console) elevate() {
	c.t.Helper()
	var asked bool
	c.tab.WaitVisible("#elevate-reason")
	c.tab.Eval(`!!document.querySelector("#elevate-password")`, &asked)
	if asked {
		c.tab.Fill("#elevate-password", password)
	}
	c.tab.Fill("#elevate-reason", reason)
	c.tab.Click("[data-minutes-label]")
	c.tab.WaitVisible(".bar.elevated")
}

// elevated signs the owner in and elevates for acme/orders.
func (c *console) elevated() {
	c.t.Helper()
	c.at(managePath)
	c.signIn(owner)
	c.tab.WaitURL("/elevate")
	c.elevate()
	c.tab.WaitURL(managePath)
}

// createToken makes a token that may read and write everything, starting from Manage API, and returns its secret.
func (c *console) createToken(label string) string {
	c.t.Helper()
	c.tab.Click("main .head a.primary")
	c.tab.Fill("#token-label", label)
	c.tab.Click(`input[name="scope"][value="*:write"]`)
	c.tab.Click("main form button.primary")
	c.tab.WaitText("h1", "Token “"+label+"” created")
	return c.tab.Value("#secret")
}

// comes opens a page again and again until an element on it has the text: uses of credentials are written within a
// second, not at once.
func (c *console) comes(path, sel, text string) {
	c.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		c.at(path)
		if strings.Contains(c.tab.Text(sel), text) {
			return
		}
	}
	c.t.Fatalf("%s: %s does not come to say %q, it says %q", path, sel, text, c.tab.Text(sel))
}

// call sends a request with an Authorization header ("" is none) and returns its status and body.
func call(t testing.TB, method, address, authorization string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	request.Header.Set("User-Agent", "northwind-sync/2.4")
	if strings.Contains(address, "/verify/") {
		request.Header.Set("X-Forwarded-Method", method) // as a proxy tells it, who asks in its own words
		request.Header.Set("X-Forwarded-Uri", "/orders/17")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// opens checks that both ways to the API answer with the status.
func (c *console) opens(authorization string, want int) {
	c.t.Helper()
	for _, address := range []string{c.ConsoleURL + "/verify/acme/orders/backend", c.GatewayURL + "/acme/orders/backend/orders/17"} {
		if got, body := call(c.t, http.MethodGet, address, authorization); got != want {
			c.t.Errorf("GET %s: status %d, want %d\n%s", address, got, want, body)
		}
	}
}

func bearer(token string) string { return "Bearer " + token }

func basic(username, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
}
