package web_test

import (
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
var audiences = []string{"stranger", "non-member", "viewer", "member", "admin", "admin elevated", "owner", "owner elevated"}

func (c *console) visitorAs(audience string) *testkit.Visitor {
	c.t.Helper()
	const email = ann
	switch audience {
	case "stranger":
		return c.Visitor()
	case "non-member":
		c.Organization("beta")
		c.User(email, "beta", access.Owner)
	case "admin elevated":
		c.User(email, "acme", access.Admin)
		return c.Elevated(email, "acme/orders")
	case "owner elevated":
		c.User(email, "acme", access.Owner)
		return c.Elevated(email, "acme")
	default:
		c.User(email, "acme", access.Role(audience))
	}
	return c.SignedIn(email)
}

// address fills in a pattern's path and returns its method and path.
func (sc scenario) address(org, app string, at ids) (method, path string) {
	method, path, _ = strings.Cut(sc.pattern, " ")
	if sc.query != "" {
		path += "?" + sc.query
	}
	fill := strings.NewReplacer("{$}", "", "{org}", org, "{app}", app, "{api}", "backend", "{id}", at.id, "{user}", at.user, "{token}", at.token)
	return method, fill.Replace(path)
}

func (sc scenario) send(v *testkit.Visitor, org, app string, at ids) testkit.Answer {
	method, path := sc.address(org, app, at)
	if method == http.MethodGet {
		return v.Get(path)
	}
	form, _ := url.ParseQuery(strings.ReplaceAll(sc.form, "{id}", at.id))
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
				at := c.things(sc.pattern, "acme", "orders")
				before := c.state()
				a := sc.send(v, "acme", "orders", at)
				want := strings.Fields(sc.want)[i]
				if got := answered(a); got != want {
					t.Errorf("%s: %s (%s), want %s", sc.pattern, got, a.Location, want)
				}
				refused := want != "on" && want != "200" && sc.pattern != "POST /sign-out" && sc.pattern != "POST /profile/revoke"
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
	if a.Status == http.StatusOK && strings.HasSuffix(pattern, "/export") {
		if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/csv; charset=utf-8") || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
			c.t.Errorf("%s: no file to keep: %v", pattern, a.Header)
		}
		return
	}
	if a.Status != http.StatusSeeOther {
		page := a.Page(c.t)
		if a.Header.Get("Content-Type") != "text/html; charset=utf-8" || page.Has("script:not([src]), style, [style], [onclick], [onload]") {
			c.t.Errorf("%s: not HTML, or with script or style of its own", pattern)
		}
	}
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
		there, none := sc.send(outsider, "acme", "orders", nowhere), sc.send(outsider, "none", "orders", nowhere)
		if there.Status != http.StatusNotFound || none.Status != http.StatusNotFound {
			t.Errorf("%s: %d for what is there, %d for what is not", sc.pattern, there.Status, none.Status)
			continue
		}
		said := strings.ReplaceAll(there.Page(t).One("main").Text(), "acme", "none")
		if other := none.Page(t).One("main").Text(); said != other {
			t.Errorf("%s: %q for what is there, %q for what is not", sc.pattern, said, other)
		}
		if a := sc.send(stranger, "none", "none", nowhere); answered(a) != "in" {
			t.Errorf("%s: a stranger is answered %d", sc.pattern, a.Status)
		}
	}
}

// TestNothingIsThere: what a member asks for and is not there is 404, and what
// belongs to another application or organization is not there.
func TestNothingIsThere(t *testing.T) {
	c := newConsole(t)
	c.Application("acme", "billing")
	c.Organization("rival")
	c.Application("rival", "theirs")
	v := c.visitorAs("owner elevated")
	for _, sc := range scenarios() {
		ours := c.things(sc.pattern, "acme", "orders")
		foreign := []ids{c.things(sc.pattern, "rival", "theirs"), {"tok_none", "usr_none", "act_none"}, {"new%00", "%00", "%ff"}}
		if strings.Contains(sc.pattern, "{app}") {
			foreign = append(foreign, c.things(sc.pattern, "acme", "billing"))
		}
		before := c.state()
		if strings.Contains(sc.pattern, "{app}") {
			if a := sc.send(v, "acme", "none", ours); a.Status != http.StatusNotFound {
				t.Errorf("%s of no application: %d", sc.pattern, a.Status)
			}
		}
		for _, at := range foreign {
			c.checkForeign(sc, v, ours, at)
		}
		if c.state() != before {
			t.Errorf("%s changed something that is not there", sc.pattern)
		}
	}
}

// checkForeign asks for what is not there, or not ours.
func (c *console) checkForeign(sc scenario, v *testkit.Visitor, ours, foreign ids) {
	c.t.Helper()
	switch {
	case strings.HasPrefix(sc.pattern, "GET /profile"): // one's own are chosen from what one has
		return
	case strings.Contains(sc.pattern, "{user}"):
		if a := sc.send(v, "acme", "orders", ids{ours.id, foreign.user, ours.token}); a.Status != http.StatusNotFound {
			c.t.Errorf("%s of the user %q: %d", sc.pattern, foreign.user, a.Status)
		}
	case strings.Contains(sc.pattern+sc.query+sc.form, "{id}"):
		if a := sc.send(v, "acme", "orders", ids{foreign.id, ours.user, ours.token}); a.Status != http.StatusNotFound {
			c.t.Errorf("%s of %q: %d", sc.pattern, foreign.id, a.Status)
		}
	}
	if !strings.Contains(sc.pattern, "/access-tokens/{token}") {
		return
	}
	want := "404"
	if strings.HasPrefix(sc.pattern, "GET ") {
		want = "on" // back to the list: nothing of it is there
	}
	if a := sc.send(v, "acme", "orders", ids{ours.id, ours.user, foreign.token}); answered(a) != want {
		c.t.Errorf("%s of the access token %q: %s, want %s", sc.pattern, foreign.token, answered(a), want)
	}
}

// TestRolesAreToldInWords: a 403 says what one is and what it takes.
func TestRolesAreToldInWords(t *testing.T) {
	c := newConsole(t)
	v := c.visitorAs("viewer")
	for path, want := range map[string]string{
		"/orgs/acme/apps/orders":            "You are a viewer of acme. This takes a member.",
		"/orgs/acme/activity":               "You are a viewer of acme. This takes an admin.",
		"/orgs/acme/nodes":                  "You are a viewer of acme. This takes an admin.",
		"/orgs/acme/apps/orders/manage-api": "You are a viewer of acme. This takes an admin.",
		"/elevate?scope=acme":               "You cannot elevate permissions",
	} {
		a := v.Get(path)
		if text := a.Page(t).One("main").Text(); a.Status != http.StatusForbidden || !strings.Contains(text, want) {
			t.Errorf("%s: %d %q, want %q", path, a.Status, text, want)
		}
	}
}
