package main_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"claviger/internal/testkit"
)

// TestScripts runs every script of testdata twice: with no server, and beside one that runs in the same
// installation. Besides testscript's own commands the scripts know
//
//	claviger WORDS…          must end with 0
//	fails CODE WORDS…        must end with CODE, with words on standard error and nothing on standard output
//	keep FILE stdout|stderr  writes what the last command printed, its spaces trimmed, into a variable of that name
//	remember, unchanged      compare all that the list commands know
//	call STATUS TOKEN PLACE  (beside a server) presents a token to forward-auth and to the gateway
//	basic STATUS PAIR PLACE  the same with USERNAME:PASSWORD
//	grant STATUS PAIR PLACE  (beside a server) asks both listeners for an access token with CLIENT_ID:CLIENT_SECRET and presents it
//	authorize STATUS EMAIL PASSWORD PLACE  the same with POST /authorization; STATUS is that of the grant, or of the call after it
//	query STATUS TOKEN PLACE (beside a server) presents a token as ?access_token=
//	anonymous STATUS PLACE   (beside a server) presents nothing
//	client LABEL             puts the id of the client of that label into $ID
//	endless WORDS…           like claviger, with a standard input that never ends
//	signs-in EMAIL PASSWORD  (beside a server) signs in at the console, or, negated, is refused
//	key STATE                puts the id of the server's key in that state into $KEY
//	id LABEL ORG/APP         puts the id of the token of that label into $ID
//
// and the condition [server].
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) < 8 {
		t.Fatalf("%d scripts found (%v): nearly nothing would be tested", len(scripts), err)
	}
	for _, script := range scripts {
		for _, beside := range []bool{false, true} {
			name := strings.TrimSuffix(filepath.Base(script), ".txtar") + map[bool]string{false: "/alone", true: "/beside_server"}[beside]
			t.Run(name, func(t *testing.T) { runScript(t, script, beside) })
		}
	}
}

func runScript(t *testing.T, script string, beside bool) {
	s := &scripted{}
	testscript.Run(t, testscript.Params{
		Files:              []string{script},
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			tb, ok := env.T().(testing.TB)
			if !ok {
				return errors.New("testscript's T is no testing.TB")
			}
			s.program = testkit.Binary(tb)
			s.process = testkit.Install(tb, env.WorkDir, nil)
			env.Setenv("CLAVIGER_CONFIG", s.process.Config)
			env.Setenv("CONSOLE", s.process.ConsoleURL)
			env.Setenv("GATEWAY", s.process.GatewayURL)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("WHO", osUserName(tb))
			if beside {
				s.process.Start()
			}
			return nil
		},
		Condition: func(condition string) (bool, error) {
			if condition == "server" {
				return beside, nil
			}
			return false, fmt.Errorf("unknown condition %q", condition)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"claviger": s.claviger, "fails": s.fails, "keep": keep, "remember": s.remember, "unchanged": s.unchanged,
			"call": s.call, "basic": s.basic, "grant": s.grant, "authorize": s.authorize, "query": s.query, "anonymous": s.anonymous, "client": s.client,
			"endless": s.endless, "id": s.id, "key": s.key,
			"signs-in": func(ts *testscript.TestScript, neg bool, args []string) { s.signsIn(t, ts, neg, args) },
		},
	})
}

// scripted is what the commands of one script share.
type scripted struct {
	process *testkit.Process
	program string // the binary's path
	before  string // what the lists said when remember was called
}

// run runs the binary and returns its exit code.
func (s *scripted) run(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(s.program, args...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

func (s *scripted) claviger(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("use: fails CODE …, which says which exit code is meant")
	}
	if code := s.run(ts, args); code != 0 {
		ts.Fatalf("exit code %d, want 0", code)
	}
}

func (s *scripted) fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE WORDS…")
	}
	if code := s.run(ts, args[1:]); fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("a failure printed on standard output: %q", out)
	}
	if text := ts.ReadFile("stderr"); !strings.HasPrefix(text, "claviger: ") || len(text) < len("claviger: ")+15 {
		ts.Fatalf("not an error that helps: %q", text)
	}
}

func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep NAME stdout|stderr")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// lists is all that can be listed, as JSON.
func (s *scripted) lists(ts *testscript.TestScript) string {
	var all strings.Builder
	for _, place := range strings.Fields(ts.Getenv("SHOWN")) {
		stdout, stderr, code := s.process.Run("", "app", "show", place, "--json")
		if code != 0 {
			ts.Fatalf("app show: exit code %d: %s", code, stderr)
		}
		all.WriteString(stdout)
	}
	commands := [][]string{{"org", "list"}, {"app", "list"}, {"api", "list"}, {"user", "list"}, {"client", "list"}}
	for _, place := range strings.Fields(ts.Getenv("TOKENS_OF")) {
		commands = append(commands, []string{"token", "list", place}, []string{"app", "show", place})
	}
	for _, command := range commands {
		stdout, stderr, code := s.process.Run("", append(command, "--json")...)
		if code != 0 {
			ts.Fatalf("%v: exit code %d: %s", command, code, stderr)
		}
		all.WriteString(stdout)
	}
	return all.String()
}

func (s *scripted) remember(ts *testscript.TestScript, _ bool, _ []string) { s.before = s.lists(ts) }

func (s *scripted) unchanged(ts *testscript.TestScript, _ bool, _ []string) {
	if now := s.lists(ts); s.before == "" || now != s.before {
		ts.Fatalf("what failed has changed something:\n%s\nbecame\n%s", s.before, now)
	}
}

// call presents a token; PLACE is ORG/APP/API.
func (s *scripted) call(ts *testscript.TestScript, neg bool, args []string) {
	s.both(ts, neg, args, "Bearer ")
}

// basic presents USERNAME:PASSWORD.
func (s *scripted) basic(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 3 {
		args[1] = base64.StdEncoding.EncodeToString([]byte(args[1]))
	}
	s.both(ts, neg, args, "Basic ")
}

// both presents an authorization to forward-auth and to the gateway.
func (s *scripted) both(ts *testscript.TestScript, neg bool, args []string, scheme string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: call or basic STATUS CREDENTIAL ORG/APP/API")
	}
	for _, url := range []string{s.process.ConsoleURL + "/verify/" + args[2], s.process.GatewayURL + "/" + args[2] + "/x"} {
		status, body, err := present(url, scheme+args[1])
		ts.Check(err)
		if fmt.Sprint(status) != args[0] {
			ts.Fatalf("%s: status %d, want %s: %s", url, status, args[0], body)
		}
	}
}

// endless runs a command that must not read its standard input.
func (s *scripted) endless(ts *testscript.TestScript, neg bool, args []string) {
	reader, writer, err := os.Pipe()
	ts.Check(err)
	defer func() { _ = errors.Join(reader.Close(), writer.Close()) }()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, s.program, args...)
	command.Env, command.Stdin = append(os.Environ(), "CLAVIGER_CONFIG="+s.process.Config), reader
	command.Stdout, command.Stderr = ts.Stdout(), ts.Stderr()
	if err := command.Run(); neg || err != nil {
		ts.Fatalf("%v: %v", args, err)
	}
}

func (s *scripted) signsIn(t *testing.T, ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] signs-in EMAIL PASSWORD")
	}
	want := map[bool]int{false: http.StatusSeeOther, true: http.StatusUnprocessableEntity}[neg]
	status, _, err := newPerson(t, s.process).post("/sign-in", "email", args[0], "password", args[1])
	if err != nil || status != want {
		ts.Fatalf("sign in as %s: %d, %v, want %d", args[0], status, err, want)
	}
}

// id finds a token by its label.
func (s *scripted) id(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: id LABEL ORG/APP")
	}
	stdout, stderr, code := s.process.Run("", "token", "list", args[1], "--json")
	var tokens []struct{ ID, Label string }
	if err := json.Unmarshal([]byte(stdout), &tokens); err != nil {
		ts.Fatalf("token list: exit code %d: %v: %s", code, err, stderr)
	}
	for _, token := range tokens {
		if token.Label == args[0] {
			ts.Setenv("ID", token.ID)
			return
		}
	}
	ts.Fatalf("no token %q among %d", args[0], len(tokens))
}

// present sends a GET with an Authorization header (if it is not empty), as nginx's forward-auth and as a caller of the gateway.
func present(url, authorization string) (status int, body string, err error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	if strings.Contains(url, "/verify/") {
		request.Header.Set("X-Original-Method", "GET")
		request.Header.Set("X-Original-URI", "/x")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}
