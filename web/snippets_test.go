package web_test

import (
	"html"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"claviger/internal/access"
	"claviger/internal/testkit"

	"github.com/google/go-cmp/cmp"
)

var tag = regexp.MustCompile(`<[^>]*>`)

// snippetsOf returns the texts of a page's snippets by their headings ("curl Token",
// "nginx"), as somebody would copy them.
func snippetsOf(t *testing.T, page *testkit.HTML) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, panel := range page.All(".snippets .panel") {
		out[panel.One("h3").Text()] = strings.TrimSpace(html.UnescapeString(tag.ReplaceAllString(panel.One("pre code").String(), "")))
	}
	return out
}

// TestCallSnippetsRun runs what stands on the Manage API page, as it stands there.
// PowerShell is not to be had everywhere: its text is compared with a golden file.
func TestCallSnippetsRun(t *testing.T) {
	s := newShop(t)
	s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
	s.User("ada@acme.example", "acme", access.Admin)
	visitor := s.Elevated("ada@acme.example", "acme/orders")
	snippets := snippetsOf(t, visitor.Get("/orgs/acme/apps/orders/manage-api").Page(t))
	runners := map[string][]string{
		"curl":       {testkit.Tool(t, "sh"), "-c"},
		"JavaScript": {testkit.Tool(t, "node"), "--input-type=module", "-e"},
		"Python":     {testkit.Tool(t, "python3"), "-c"},
		"Go":         {testkit.Tool(t, "sh"), "-c", `printf '%s' "$0" >main.go && exec go run main.go`},
	}
	if len(snippets) != 3*(len(runners)+1) {
		t.Errorf("%d snippets, want three for each of %d languages", len(snippets), len(runners)+1)
	}
	for language, runner := range runners {
		for method, want := range map[string]http.Header{
			"Token": {"X-Auth-Kind": {"token"}, "X-Auth-Subject": {s.tokenID}},
			"Basic": {"X-Auth-Kind": {"basic"}, "X-Auth-Subject": {s.username}},
			"Query": {"X-Auth-Kind": {"token"}, "X-Auth-Subject": {s.tokenID}},
		} {
			t.Run(language+" "+method, func(t *testing.T) { s.callSnippet(t, language, runner, snippets[language+" "+method], want) })
		}
	}
	golden(t, "powershell.txt", strings.ReplaceAll(snippets["PowerShell Token"]+"\n\n"+snippets["PowerShell Basic"]+"\n\n"+snippets["PowerShell Query"]+"\n", s.GatewayURL, "GATEWAY"))
	s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = false })
	visitor.Post("/orgs/acme/apps/orders/manage-api/basic/disable", "confirm", "orders")
	for name := range snippetsOf(t, visitor.Get("/orgs/acme/apps/orders/manage-api").Page(t)) {
		if strings.Contains(name, "Basic") || strings.Contains(name, "Query") {
			t.Errorf("Basic is disabled and query credentials are off, and the page still shows %q", name)
		}
	}
}

// callSnippet runs a snippet with the right secrets, and with wrong ones.
func (s shop) callSnippet(t *testing.T, language string, runner []string, text string, want http.Header) {
	t.Helper()
	for _, secret := range []string{s.token, s.password} {
		if text == "" || strings.Contains(text, secret) {
			t.Fatalf("no snippet, or one with a secret: %q", text)
		}
	}
	out := runSnippet(t, runner, text, []string{"TOKEN=" + s.token, "USERNAME=" + s.username, "PASSWORD=" + s.password})
	status, body, _ := strings.Cut(out, "{")
	if language != "curl" && strings.TrimSpace(status) != "200" {
		t.Errorf("it prints %.100q", out)
	}
	end := strings.LastIndex(body, "}")
	got := echoOf(t, "{"+body[:end+1])
	for name := range want {
		if diff := cmp.Diff(want[name], got.Headers[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if strings.Contains(got.Query, "access_token") {
		t.Errorf("the upstream sees the query %q", got.Query)
	}
	if out := runSnippet(t, runner, text, []string{"TOKEN=x", "USERNAME=x", "PASSWORD=x"}); !strings.Contains(out, "401") {
		t.Errorf("with a wrong secret it prints %.300q", out)
	}
}

// golden compares a text with a file of testdata, which -update writes anew.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *updatePages {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s changed; -update writes it anew:\n%s", file, diff)
	}
}

// runSnippet runs a text with an environment and returns all it prints.
func runSnippet(t *testing.T, runner []string, text string, environment []string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), runner[0], append(runner[1:len(runner):len(runner)], text)...)
	command.Env = append(os.Environ(), environment...)
	command.Dir = t.TempDir()
	var stdout, stderr strings.Builder
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return stdout.String() + stderr.String() // the answer, or what Python says of it
	}
	return stdout.String()
}

// front is a real proxy with the snippet of the Getting started page, in front of a
// real upstream.
type front struct {
	shop
	upstream *recorder
	snippet  string
	base     string
}

var proxies = map[string]func(testing.TB, string) string{"nginx": testkit.Nginx, "Caddy": testkit.Caddy}

// throughProxies runs a test through each proxy.
func throughProxies(t *testing.T, test func(*testing.T, front)) {
	for name, run := range proxies {
		t.Run(name, func(t *testing.T) {
			f := front{shop: shop{Site: testkit.Server(t, testkit.TrustedProxies("127.0.0.1/32"))}, upstream: newRecorder(t)}
			f.Organization("acme")
			var err error
			if f.app, err = f.Registry.CreateApplication(t.Context(), f.Operator(), "acme", access.ApplicationDraft{Slug: "orders"}); err != nil {
				t.Fatal(err)
			}
			f.API("acme", "orders", "backend", f.upstream.URL)
			issued := f.Token("acme", "orders", "till", "")
			f.token, f.tokenID = issued.Secret.Expose(), issued.Credential.ID
			f.reader = f.Token("acme", "orders", "reader", "*:read").Secret.Expose()
			f.username, f.password = f.Basic("acme", "orders")
			f.User("ada@acme.example", "acme", access.Member)
			f.snippet = snippetsOf(t, f.SignedIn("ada@acme.example").Get("/orgs/acme/apps/orders").Page(t))[name]
			f.base = run(t, f.snippet)
			test(t, f)
		})
	}
}

// TestProxySnippetsLetIn: the upstream sees the request as it was, the identity, and
// no credential.
func TestProxySnippetsLetIn(t *testing.T) {
	throughProxies(t, func(t *testing.T, f front) {
		basicIdentity := f.identityOf(f.tokenID, "Basic%20credentials")
		var basicID string
		if err := f.Store.View(t.Context(), func(tx access.ReadTx) error {
			c, err := tx.BasicOf(f.app.ID)
			basicID = c.ID
			return err
		}); err != nil {
			t.Fatal(err)
		}
		basicIdentity["X-Auth-Kind"], basicIdentity["X-Auth-Credential"], basicIdentity["X-Auth-Subject"] = []string{"basic"}, []string{basicID}, []string{f.username}
		for authorization, want := range map[string]map[string][]string{
			"Bearer " + f.token:          f.identityOf(f.tokenID, "till"),
			pair(f.username, f.password): basicIdentity,
		} {
			for _, method := range []string{"GET", "POST", "DELETE", "OPTIONS", "PATCH"} {
				a := exchange(t, f.base, rawRequest(method, "/v1/a%20b?x=1&y=%2F", "Authorization: "+authorization, "X-Custom: kept", "X-Forwarded-For: 203.0.113.9", "Content-Length: 0"))
				header, uri, got, _ := f.upstream.last()
				if a.Status != 200 || got != method || uri != "/v1/a%20b?x=1&y=%2F" {
					t.Errorf("%s: status %d, the upstream sees %s %s", method, a.Status, got, uri)
				}
				if diff := cmp.Diff(want, identityIn(header)); diff != "" {
					t.Errorf("%s: identity (-want +got):\n%s", method, diff)
				}
				if header.Get("Authorization") != "" || header.Get("X-Custom") != "kept" || strings.Contains(header.Get("X-Forwarded-For"), "203.0.113.9") {
					t.Errorf("%s: the upstream sees %v", method, header)
				}
			}
		}
	})
}

// TestProxySnippetsRefuse: with the status and the challenge, and nothing reaches
// the upstream. What a stranger says of method, address and origin does not matter.
func TestProxySnippetsRefuse(t *testing.T) {
	throughProxies(t, func(t *testing.T, f front) {
		f.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
		restricted, err := f.Registry.IssueToken(t.Context(), f.Operator(), "acme", "orders", access.Draft{Label: "office", Allow: []string{"203.0.113.0/24"}})
		if err != nil {
			t.Fatal(err)
		}
		good, reader := "Authorization: Bearer "+f.token, "Authorization: Bearer "+f.reader
		office := "Authorization: Bearer " + restricted.Secret.Expose()
		for _, c := range []struct {
			name, method, target string
			lines                []string
			want                 int
		}{
			{"nothing", "GET", "/", nil, 401},
			{"wrong", "GET", "/", []string{"Authorization: Bearer x"}, 401},
			{"a query of its own", "GET", "/?x=1", nil, 401},
			{"reads", "GET", "/", []string{reader}, 200},
			{"heads", "HEAD", "/", []string{reader}, 200},
			{"writes", "POST", "/", []string{reader, "Content-Length: 0"}, 403},
			{"deletes", "DELETE", "/", []string{reader}, 403},
			{"writes, says it reads", "POST", "/", []string{reader, "Content-Length: 0", "X-Forwarded-Method: GET"}, 403},
			{"writes, says to nginx it reads", "POST", "/", []string{reader, "Content-Length: 0", "X-Original-Method: GET", "X-Original-URI: /"}, 403},
			{"writes, overrides", "POST", "/", []string{reader, "Content-Length: 0", "X-HTTP-Method-Override: GET", "X_Forwarded_Method: GET"}, 403},
			{"reads, says it writes", "GET", "/", []string{reader, "X-Forwarded-Method: POST", "X-Original-Method: POST"}, 200},
			{"reads, says it is elsewhere", "GET", "/", []string{reader, "X-Forwarded-Uri: /x", "X-Original-URI: /y"}, 200},
			{"hides the method", "POST", "/", []string{reader, "Content-Length: 0", "Connection: X-Forwarded-Method, X-Original-Method, X-Forwarded-Uri"}, 403},
			{"a credential in a URI that it says", "GET", "/", []string{"X-Forwarded-Uri: /?access_token=" + f.token, "X-Original-URI: /?access_token=" + f.token}, 401},
			{"a credential in the query", "GET", "/?access_token=" + f.token, nil, 200},
			{"two methods", "GET", "/?access_token=" + f.token, []string{good}, 401},
			{"another address", "GET", "/", []string{office}, 403},
			{"says it is at a good address", "GET", "/", []string{office, "X-Forwarded-For: 203.0.113.9"}, 403},
			{"says so in other words", "GET", "/", []string{office, "X-Real-IP: 203.0.113.9", "Forwarded: for=203.0.113.9", "X_Forwarded_For: 203.0.113.9"}, 403},
			{"hides its address", "GET", "/", []string{office, "X-Forwarded-For: 203.0.113.9", "Connection: X-Forwarded-For"}, 403},
			{"says it is behind another application", "GET", "/verify/acme/sandbox/echo", nil, 401},
		} {
			a := exchange(t, f.base, rawRequest(c.method, c.target, c.lines...))
			_, _, _, calls := f.upstream.last()
			if a.Status != c.want || (calls == 1) != (c.want == 200) {
				t.Errorf("%s: status %d, want %d; the upstream was called %d times", c.name, a.Status, c.want, calls)
			}
			if c.want == 401 && !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), `Bearer realm="Claviger"`) {
				t.Errorf("%s: challenge %q", c.name, a.Header.Values("WWW-Authenticate"))
			}
		}
		for _, lines := range [][]string{{good, good}, {good, "Authorization: Bearer x"}, {"Authorization: Bearer x", good}, {good, "Authorization:"}} {
			a := exchange(t, f.base, rawRequest("GET", "/", lines...))
			if _, _, _, calls := f.upstream.last(); a.Status < 400 || a.Status > 403 || calls != 0 {
				t.Errorf("%d headers: status %d, %d calls", len(lines), a.Status, calls)
			}
		}
		if a := exchange(t, f.base, rawRequest("GET", "/_claviger", good)); strings.Contains(f.snippet, "/_claviger") && a.Status != 404 {
			t.Errorf("the inner location answers %d", a.Status)
		}
	})
}

// TestProxySnippetsCannotBeSpoofed: S1, S2 and S3 through the real proxies. nginx
// leaves out headers that are empty; Caddy may send them so.
func TestProxySnippetsCannotBeSpoofed(t *testing.T) {
	throughProxies(t, func(t *testing.T, f front) {
		spoofed := func(names ...string) []string {
			lines := []string{"Authorization: Bearer " + f.token}
			for _, name := range names {
				lines = append(lines, name+": spoofed")
			}
			return lines
		}
		sets := [][]string{
			spoofed(identityNames...), spoofed(append(identityNames, identityNames...)...),
			spoofed("X_Auth_Subject", "x_auth_kind", "X_AUTH_SCOPE"), spoofed("X.Auth.Subject", "x.auth.kind"),
			spoofed("X-Auth_Subject", "X-Auth.Subject", "x-auth_kind", "X_Auth-Label"),
			append(spoofed("X-Auth-Label"), "Connection: X-Auth-Subject, X-Auth-Kind"),
			append(spoofed("X-Auth-Subject"), "Connection: close, x-auth-subject", "Connection: X-Auth-Credential"),
			append(spoofed(), "Connection: Authorization"), append(spoofed(), "Te: trailers, X-Auth-Subject", "Trailer: X-Auth-Subject"),
		}
		for _, lines := range sets {
			request := "GET / HTTP/1.1\r\nHost: localhost\r\n" + strings.Join(lines, "\r\n") + "\r\nConnection: close\r\n\r\n"
			a := exchange(t, f.base, request)
			header, _, _, _ := f.upstream.last()
			if a.Status != 200 {
				t.Errorf("%q: status %d", lines[1:], a.Status)
				continue
			}
			if bad := foreign(header); len(bad) > 0 {
				t.Errorf("%q: the upstream sees %q", lines[1:], bad)
			}
			if diff := cmp.Diff(f.identityOf(f.tokenID, "till"), identityIn(header)); diff != "" {
				t.Errorf("%q: identity (-want +got):\n%s", lines[1:], diff)
			}
		}
		// An open application answers with empty values: what the caller says must not take their place (S2).
		f.setSwitches(t, func(w *access.Switches) { w.Open = true })
		for _, lines := range sets {
			a := exchange(t, f.base, "GET / HTTP/1.1\r\nHost: localhost\r\n"+strings.Join(lines[1:], "\r\n")+"\r\nConnection: close\r\n\r\n")
			header, _, _, _ := f.upstream.last()
			if a.Status != 200 || header.Get("X-Auth-Kind") != "anonymous" || header.Get("X-Auth-Subject") != "" || len(foreign(header)) > 0 {
				t.Errorf("open, %q: status %d, the upstream sees %v", lines[1:], a.Status, header)
			}
		}
	})
}

// TestProxySnippetsFailClosed: without Claviger, or without its database, the proxy
// refuses.
func TestProxySnippetsFailClosed(t *testing.T) {
	throughProxies(t, func(t *testing.T, f front) {
		request := rawRequest("GET", "/", "Authorization: Bearer "+f.token)
		if a := exchange(t, f.base, request); a.Status != 200 {
			t.Fatalf("status %d while all is well", a.Status)
		}
		f.upstream.last()
		// What was let in before is remembered; the database is needed for another one.
		request = rawRequest("GET", "/", "Authorization: Bearer "+f.Token("acme", "orders", "another", "").Secret.Expose())
		if err := f.Store.Close(); err != nil {
			t.Fatal(err)
		}
		_, port, _ := strings.Cut(strings.TrimPrefix(f.ConsoleURL, "http://"), ":")
		alone := strings.ReplaceAll(f.snippet, ":"+port, ":"+strconv.Itoa(testkit.FreePort(t)))
		if alone == f.snippet {
			t.Fatalf("the snippet does not name the console:\n%s", f.snippet)
		}
		name := t.Name()[strings.LastIndexByte(t.Name(), '/')+1:]
		for why, base := range map[string]string{"no database": f.base, "no Claviger": proxies[name](t, alone)} {
			a := exchange(t, base, request)
			if _, _, _, calls := f.upstream.last(); a.Status < 500 || calls != 0 {
				t.Errorf("%s: status %d, %d calls", why, a.Status, calls)
			}
		}
	})
}
