package web_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claviger/internal/access"
	"claviger/internal/testkit"
	"claviger/web"
)

var updatePages = flag.Bool("update", false, "write the golden files anew")

// TestRouteList: a route that comes, goes or changes its audience is a visible decision.
func TestRouteList(t *testing.T) {
	var list strings.Builder
	for _, line := range web.RouteLines() {
		list.WriteString(strings.TrimRight(fmt.Sprintf("%-62s %-10s %s", line.Pattern, line.Audience, line.Form), " ") + "\n")
	}
	golden := filepath.Join("testdata", "routes.txt")
	if *updatePages {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(list.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), list.String()); diff != "" {
		t.Errorf("the routes changed; go test ./web -update writes the list anew:\n%s", diff)
	}
}

// console is a site with the organization acme, whose application orders is what
// the pages are asked for.
type console struct {
	*testkit.Site
	t *testing.T
}

func newConsole(t *testing.T, options ...testkit.SiteOption) *console {
	t.Helper()
	c := &console{testkit.Server(t, options...), t}
	c.Organization("acme")
	c.Application("acme", "orders")
	return c
}

// The audiences of the table below, in the order of its columns.
var audiences = []string{"stranger", "non-member", "viewer", "member", "admin", "admin elevated", "owner"}

func (c *console) visitorAs(audience string) *testkit.Visitor {
	c.t.Helper()
	const email = "ann@example.com"
	switch audience {
	case "stranger":
		return c.Visitor()
	case "non-member":
		c.Organization("beta")
		c.User(email, "beta", access.Owner)
	case "admin elevated":
		c.User(email, "acme", access.Admin)
		return c.Elevated(email, "acme/orders")
	default:
		c.User(email, "acme", access.Role(audience))
	}
	return c.SignedIn(email)
}

// scenario is one route, how it is asked for, and what each audience is answered:
// a status, or where a 303 leads: "in" = the sign-in, "up" = the elevation, "on" =
// onwards.
type scenario struct {
	pattern string
	query   string
	form    string
	want    string
}

const (
	everybody = "in on on on on on on"
	visible   = "in 404 200 200 200 200 200" // to members of any role
	writers   = "in 404 403 200 200 200 200"
	admins    = "in 404 403 403 200 200 200"
	adminActs = "in 404 403 403 on on on"
	lifted    = "in 404 403 403 up 200 up"
	liftActs  = "in 404 403 403 up on up"
)

func scenarios() []scenario {
	const (
		org    = "/orgs/{org}"
		app    = org + "/apps/{app}"
		manage = app + "/manage-api"
		tokens = manage + "/tokens"
		token  = tokens + "/{id}"
	)
	return []scenario{
		{"GET /{$}", "", "", "in on on on on on on"},
		{"GET /setup/{token}", "", "", "404 404 404 404 404 404 404"},
		{"POST /setup/{token}", "", "organization=A&slug=a&name=N&email=a@example.com&password=correct+horse+battery", "404 404 404 404 404 404 404"},
		{"GET /sign-in", "", "", "200 on on on on on on"},
		{"POST /sign-in", "", "email=nobody@example.com&password=x", "422 422 422 422 422 422 422"},
		{"POST /profile/theme", "", "theme=dark", "on on on on on on on"},
		{"GET /elevate", "scope=acme/orders", "", admins},
		{"GET /orgs", "", "", "in 200 200 200 200 200 200"},
		{"GET " + org, "", "", visible},
		{"GET " + org + "/activity", "", "", admins},
		{"GET " + org + "/apps/new", "", "", admins},
		{"POST " + org + "/apps", "", "name=New&slug=new", adminActs},
		{"GET " + app, "", "", writers},
		{"POST " + app, "", "name=Another+name", adminActs},
		{"GET " + app + "/edit", "", "", admins},
		{"GET " + app + "/calls", "", "", writers},
		{"GET " + app + "/apis/new", "", "", admins},
		{"POST " + app + "/apis", "", "name=Oplog&slug=oplog&upstream=builtin:echo", adminActs},
		{"GET " + app + "/apis/{api}/edit", "", "", admins},
		{"POST " + app + "/apis/{api}", "", "name=Backend+API&upstream=http://127.0.0.1:9", "in 404 403 403 up on up"},
		{"GET " + manage, "", "", lifted},
		{"POST " + manage + "/basic/reveal", "", "nonce=n1", lifted},
		{"GET " + tokens + "/new", "", "", lifted},
		{"POST " + tokens, "", "label=CI&expires=90d&scope=*:read&nonce=n2", lifted},
		{"GET " + tokens + "/revoke", "id={id}", "", lifted},
		{"GET " + token, "", "", lifted},
		{"GET " + token + "/calls", "", "", lifted},
		{"GET " + token + "/rename", "", "", lifted},
		{"POST " + token + "/rename", "", "label=Renamed", liftActs},
		{"POST " + token + "/pause", "", "", liftActs},
		{"POST " + token + "/resume", "", "", liftActs},
		{"POST " + tokens + "/revoke", "", "id={id}", liftActs},
		{"GET " + manage + "/basic/disable", "", "", lifted},
		{"POST " + manage + "/basic/disable", "", "confirm=orders", liftActs},
		{"POST /elevate", "", "scope=acme/orders&minutes=15&reason=" + url.QueryEscape(testkit.Reason), adminActs},
		{"POST /elevation/drop", "", "", everybody},
		{"POST /sign-out", "", "", "in in in in in in in"},
	}
}

// address fills in a pattern's path and returns its method and path.
func (sc scenario) address(org, app, id string) (method, path string) {
	method, path, _ = strings.Cut(sc.pattern, " ")
	fill := strings.NewReplacer("{$}", "", "{org}", org, "{app}", app, "{api}", "backend", "{id}", id, "{token}", "guess")
	if sc.query != "" {
		path += "?" + sc.query
	}
	return method, fill.Replace(path)
}

func (sc scenario) send(v *testkit.Visitor, org, app, id string) testkit.Answer {
	method, path := sc.address(org, app, id)
	if method == http.MethodGet {
		return v.Get(path)
	}
	form, _ := url.ParseQuery(strings.ReplaceAll(sc.form, "{id}", id))
	return v.Send(path, form)
}

// answered prints an answer as the table does.
func answered(a testkit.Answer) string {
	switch {
	case a.Status != http.StatusSeeOther:
		return fmt.Sprint(a.Status)
	case a.Location == "/sign-in" || strings.HasPrefix(a.Location, "/sign-in?"):
		return "in"
	case strings.HasPrefix(a.Location, "/elevate?"):
		return "up"
	}
	return "on"
}

func TestEveryRouteHasAScenario(t *testing.T) {
	known := map[string]int{}
	for _, sc := range scenarios() {
		known[sc.pattern]++
	}
	for _, line := range web.RouteLines() {
		if known[line.Pattern] == 0 {
			t.Errorf("%s has no scenario: say who is answered what", line.Pattern)
		}
		delete(known, line.Pattern)
	}
	for pattern := range known {
		t.Errorf("%s is no route", pattern)
	}
}

// TestRoutesByAudience is every route asked for by everybody. Whatever is refused
// or led elsewhere changes nothing.
func TestRoutesByAudience(t *testing.T) {
	for i, audience := range audiences {
		t.Run(strings.ReplaceAll(audience, " ", "_"), func(t *testing.T) {
			t.Parallel()
			c := newConsole(t)
			v := c.visitorAs(audience)
			for _, sc := range scenarios() {
				id := c.Token("acme", "orders", "one of many", "").Credential.ID
				before := c.state()
				a := sc.send(v, "acme", "orders", id)
				want := strings.Fields(sc.want)[i]
				if got := answered(a); got != want {
					t.Errorf("%s: %s (%s), want %s", sc.pattern, got, a.Location, want)
				}
				refused := want != "on" && want != "200" && sc.pattern != "POST /sign-out"
				if (refused || strings.HasPrefix(sc.pattern, "GET ")) && c.state() != before {
					t.Errorf("%s: answered %s and changed something all the same", sc.pattern, want)
				}
				c.checkHeaders(sc.pattern, a)
			}
		})
	}
}

// checkHeaders looks at what every page's answer must have.
func (c *console) checkHeaders(pattern string, a testkit.Answer) {
	c.t.Helper()
	for name, want := range web.PageHeaders() {
		if got := a.Header.Values(name); len(got) != 1 || got[0] != want {
			c.t.Errorf("%s: %s: %q, want %q", pattern, name, got, want)
		}
	}
	if a.Header.Get("Cache-Control") != "no-store" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "script-src 'self';") {
		c.t.Errorf("%s: cached by whom, or scripts from where? %v", pattern, a.Header)
	}
	for _, cookie := range a.Header.Values("Set-Cookie") {
		if !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") || !strings.Contains(cookie, "Path=/") || strings.Contains(cookie, "Domain") {
			c.t.Errorf("%s sets the cookie %s", pattern, cookie)
		}
	}
	if a.Status != http.StatusSeeOther {
		page := a.Page(c.t)
		if a.Header.Get("Content-Type") != "text/html; charset=utf-8" || page.Has("script:not([src]), style, [style], [onclick], [onload]") {
			c.t.Errorf("%s: not HTML, or with script or style of its own", pattern)
		}
	}
}

// state is everything that acts change, as text.
func (c *console) state() string {
	c.t.Helper()
	var out []any
	err := c.Store.View(context.Background(), func(tx access.ReadTx) error {
		out = nil
		orgs, err := tx.Organizations()
		if err != nil {
			return err
		}
		users, err := tx.Users()
		if err != nil {
			return err
		}
		head, err := tx.EventHead()
		if err != nil {
			return err
		}
		out = append(out, orgs, users, head)
		for _, org := range orgs {
			apps, err := tx.Applications(org.ID)
			if err != nil {
				return err
			}
			for _, app := range apps {
				apis, err := tx.APIs(app.ID)
				if err != nil {
					return err
				}
				list, err := tx.Credentials(access.CredentialFilter{ApplicationID: app.ID, Limit: 10000})
				if err != nil {
					return err
				}
				out = append(out, app, apis, list)
			}
		}
		return nil
	})
	if err != nil {
		c.t.Fatalf("read the state: %v", err)
	}
	text, err := json.Marshal(out)
	if err != nil {
		c.t.Fatalf("print the state: %v", err)
	}
	return string(text)
}

// TestStrangersLearnNothing: below /orgs and /profile everything, there or not, is
// the same 303 to the sign-in; and signed-in non-members cannot tell what is not
// theirs from what is not there.
func TestStrangersLearnNothing(t *testing.T) {
	c := newConsole(t)
	stranger, outsider := c.Visitor(), c.visitorAs("non-member")
	for _, path := range []string{"/orgs/none", "/orgs/none/x/y", "/orgs/", "/orgs//", "/orgs/acme/none", "/orgs/acme/apps/none/manage-api", "/profile/none", "/orgs/%00", "/orgs/%ff", "/orgs/acme%2fapps"} {
		a := stranger.Get(path)
		for hops := 0; hops < 3 && a.Status == http.StatusTemporaryRedirect && strings.HasPrefix(a.Location, "/orgs"); hops++ {
			a = stranger.Get(a.Location) // net/http's mux cleans paths
		}
		if answered(a) != "in" {
			t.Errorf("%s: %d %s", path, a.Status, a.Location)
		}
	}
	for _, sc := range scenarios() {
		if !strings.Contains(sc.pattern, "{org}") {
			continue
		}
		there, none := sc.send(outsider, "acme", "orders", "tok_x"), sc.send(outsider, "none", "orders", "tok_x")
		if there.Status != http.StatusNotFound || none.Status != http.StatusNotFound {
			t.Errorf("%s: %d for what is there, %d for what is not", sc.pattern, there.Status, none.Status)
			continue
		}
		said := strings.ReplaceAll(there.Page(t).One("main").Text(), "acme", "none")
		if other := none.Page(t).One("main").Text(); said != other {
			t.Errorf("%s: %q for what is there, %q for what is not", sc.pattern, said, other)
		}
		if a := sc.send(stranger, "none", "none", "tok_x"); answered(a) != "in" {
			t.Errorf("%s: a stranger is answered %d", sc.pattern, a.Status)
		}
	}
}

// TestNothingIsThere: what a member asks for and is not there is 404, and no
// other application's token is there.
func TestNothingIsThere(t *testing.T) {
	c := newConsole(t)
	c.Application("acme", "billing")
	foreign := c.Token("acme", "billing", "theirs", "").Credential.ID
	c.User("ann@example.com", "acme", access.Admin)
	v := c.Elevated("ann@example.com", "acme")
	before := c.state()
	for _, sc := range scenarios() {
		if strings.Contains(sc.pattern, "{app}") {
			if a := sc.send(v, "acme", "none", foreign); a.Status != http.StatusNotFound {
				t.Errorf("%s of no application: %d", sc.pattern, a.Status)
			}
		}
		if strings.Contains(sc.pattern, "{id}") || strings.HasSuffix(sc.pattern, "/revoke") {
			for _, id := range []string{foreign, "tok_none", "new%00", "%ff"} {
				if a := sc.send(v, "acme", "orders", id); a.Status != http.StatusNotFound {
					t.Errorf("%s of token %q: %d", sc.pattern, id, a.Status)
				}
			}
		}
	}
	if c.state() != before {
		t.Error("something changed")
	}
}

// TestRolesAreToldInWords: a 403 says what one is and what it takes.
func TestRolesAreToldInWords(t *testing.T) {
	c := newConsole(t)
	v := c.visitorAs("viewer")
	for path, want := range map[string]string{
		"/orgs/acme/apps/orders":            "You are a viewer of acme. This takes a member.",
		"/orgs/acme/activity":               "You are a viewer of acme. This takes an admin.",
		"/orgs/acme/apps/orders/manage-api": "You are a viewer of acme. This takes an admin.",
		"/elevate?scope=acme":               "You cannot elevate permissions",
	} {
		a := v.Get(path)
		if text := a.Page(t).One("main").Text(); a.Status != http.StatusForbidden || !strings.Contains(text, want) {
			t.Errorf("%s: %d %q, want %q", path, a.Status, text, want)
		}
	}
}
