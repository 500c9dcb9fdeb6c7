package web_test

import (
	"html"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
