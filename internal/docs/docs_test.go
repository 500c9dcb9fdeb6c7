package docs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"claviger/internal/testkit"
)

// patience bounds one block, in time.
const patience = 30 * time.Second

// who a page's examples are about.
const (
	email    = "mara@example.com"
	password = "correct horse battery staple"
	reason   = "the documentation is tried out"
)

// emptyPages begin where a newcomer does: with an installation that holds nothing.
var emptyPages = map[string]bool{"getting-started.md": true}

// TestDocumentedCommands runs the marked blocks of each page, in their order, against
// the real program. What a block sets, the next ones see. To begin with they see
//
//	CONSOLE, GATEWAY                   the two base URLs
//	EMAIL, PASSWORD                    of Mara, who owns the organization acme
//	TOKEN                              a token of acme/orders, whose APIs backend and oplog echo
//	BASIC                              username:password of acme/orders
//	CLIENT_ID, CLIENT_SECRET           a client of acme/orders
//	ORG_CLIENT_ID, ORG_CLIENT_SECRET   a client of the organization
//	API_TOKEN                          a personal token of Mara's
//
// and claviger on the PATH. Pages of emptyPages see only the first two lines, and no Mara.
func TestDocumentedCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server for each page")
	}
	for _, tool := range []string{"bash", "curl"} {
		testkit.Tool(t, tool)
	}
	ran := 0
	for name, page := range pages(t) {
		blocks, err := blocksOf(page)
		if err != nil {
			continue // TestEveryBlockIsRunOrListed says so
		}
		marked := blocks[:0:0]
		for _, b := range blocks {
			if b.run {
				marked = append(marked, b)
			}
		}
		if len(marked) == 0 {
			continue
		}
		ran += len(marked)
		t.Run(name, func(t *testing.T) { runPage(t, name, marked) })
	}
	if ran < 20 {
		t.Errorf("only %d blocks are run", ran)
	}
}

func runPage(t *testing.T, name string, blocks []block) {
	p := testkit.Start(t, t.TempDir(), nil)
	variables := map[string]string{"CONSOLE": p.ConsoleURL, "GATEWAY": p.GatewayURL, "EMAIL": email, "PASSWORD": password}
	if !emptyPages[name] {
		furnish(t, p, variables)
	}
	s := newShell(t, p, variables)
	for _, b := range blocks {
		if err := s.try(b); err != nil {
			t.Fatalf("docs/%s:%d: %v\n%s", name, b.line, err, b.text)
		}
	}
}

// furnish makes what the examples speak of, by the program's own ways.
func furnish(t *testing.T, p *testkit.Process, variables map[string]string) {
	t.Helper()
	run := func(stdin string, words ...string) string {
		t.Helper()
		out, errs, code := p.Run(stdin, words...)
		if code != 0 {
			t.Fatalf("claviger %s: exit code %d: %s", strings.Join(words, " "), code, errs)
		}
		return strings.TrimSpace(out)
	}
	run("", "org", "add", "acme", "--name", "Acme")
	run(password+"\n", "user", "add", email, "--org", "acme", "--role", "owner", "--name", "Mara")
	run("", "app", "add", "acme/orders", "--name", "Orders")
	for _, api := range []string{"backend", "oplog"} {
		run("", "api", "add", "acme/orders/"+api, "--upstream", "builtin:echo")
	}
	variables["TOKEN"] = run("", "token", "create", "acme/orders", "--label", "Northwind", "--reason", reason)
	variables["BASIC"] = run("", "app", "show", "acme/orders", "--reveal-basic", "--reason", reason)
	for prefix, place := range map[string]string{"": "acme/orders", "ORG_": "acme"} {
		id, secret, _ := strings.Cut(run("", "client", "create", place, "--label", "Southwind", "--reason", reason), ":")
		variables[prefix+"CLIENT_ID"], variables[prefix+"CLIENT_SECRET"] = id, secret
	}
	variables["API_TOKEN"] = personalToken(t, p.ConsoleURL)
}

// personalToken makes a personal token as people do: by the form on their profile.
func personalToken(t *testing.T, console string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: patience}
	post := func(path string, form url.Values) string {
		t.Helper()
		res, err := client.PostForm(console+path, form)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("POST %s: %s (%v)", path, res.Status, err)
		}
		return string(body)
	}
	post("/sign-in", url.Values{"email": {email}, "password": {password}})
	shown := post("/profile/tokens", url.Values{"label": {"laptop"}, "organization": {"acme"}})
	return testkit.ParseHTML(t, shown).One("input[data-secret]").Attr("value")
}

// shell runs blocks one after the other, each in a bash of its own that begins with
// what the last one left.
type shell struct {
	dir   string
	state string // a file of the variables
	env   []string
}

func newShell(t *testing.T, p *testkit.Process, variables map[string]string) *shell {
	t.Helper()
	s := &shell{dir: p.Dir, state: filepath.Join(t.TempDir(), "variables")}
	if err := os.WriteFile(s.state, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "PATH="+filepath.Dir(testkit.Binary(t))+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+p.Dir, "CLAVIGER_CONFIG="+p.Config)
	for name, value := range variables {
		s.env = append(s.env, name+"="+value)
	}
	return s
}

// try runs a block. It fails where a command does, or where the block does not print
// what the page promises.
func (s *shell) try(b block) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	script := "set -euo pipefail\n. \"$1\"\nset -a\n" + b.text + "set +a\nexport -p >\"$1\"\n"
	command := exec.CommandContext(ctx, "bash", "-c", script, "docs", s.state)
	command.Dir, command.Env = s.dir, s.env
	output, err := command.CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("did not end within %s; it printed:\n%s", patience, output)
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return fmt.Errorf("exit code %d; it printed:\n%s", exit.ExitCode(), output)
	}
	if err != nil {
		return err
	}
	for _, want := range b.prints {
		if !strings.Contains(string(output), want) {
			return fmt.Errorf("it does not print %q, but:\n%s", want, output)
		}
	}
	return nil
}

func TestTryCanFail(t *testing.T) {
	testkit.Tool(t, "bash")
	s := &shell{dir: t.TempDir(), state: filepath.Join(t.TempDir(), "variables"), env: []string{"PATH=" + os.Getenv("PATH"), "A=one"}}
	if err := os.WriteFile(s.state, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, trial := range []struct {
		text, prints, wrong string
	}{
		{"echo $A\nB='two words'\n", "one", ""},
		{"echo $B\n", "two words", ""},
		{"printf '%s\\n' \"$B\" | cat\n", "three", "does not print"},
		{"false\necho on\n", "on", "exit code 1"},
		{"false | cat\n", "", "exit code 1"},
		{"(exit 7)\n", "", "exit code 7"},
		{"echo $NOBODY_SET_THIS\n", "", "exit code"},
	} {
		b := block{text: trial.text, run: true}
		if trial.prints != "" {
			b.prints = []string{trial.prints}
		}
		err := s.try(b)
		if (err == nil) != (trial.wrong == "") || err != nil && !strings.Contains(err.Error(), trial.wrong) {
			t.Errorf("%q: %v, want %q", trial.text, err, trial.wrong)
		}
	}
}
