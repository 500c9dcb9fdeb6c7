package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// grant asks for an access token as a client and presents it.
func (s *scripted) grant(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: grant STATUS CLIENT_ID:CLIENT_SECRET ORG/APP/API")
	}
	id, password, _ := strings.Cut(args[1], ":")
	s.useToken(ts, "/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {password}}, args[0], args[2])
}

// authorize asks for an access token as a user and presents it.
func (s *scripted) authorize(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: authorize STATUS EMAIL PASSWORD ORG/APP/API")
	}
	s.useToken(ts, "/authorization", url.Values{"username": {args[1]}, "password": {args[2]}}, args[0], args[3])
}

// useToken asks both listeners for a token and presents it at the gateway.
func (s *scripted) useToken(ts *testscript.TestScript, path string, form url.Values, want, place string) {
	for _, base := range []string{s.process.ConsoleURL, s.process.GatewayURL} {
		response, err := http.PostForm(base+path, form)
		ts.Check(err)
		body, err := io.ReadAll(response.Body)
		ts.Check(err)
		ts.Check(response.Body.Close())
		status := response.StatusCode
		var granted struct {
			AccessToken string `json:"access_token"`
		}
		ts.Check(json.Unmarshal(body, &granted))
		if status == http.StatusOK {
			var text string
			status, text, err = present(s.process.GatewayURL+"/"+place+"/x", "Bearer "+granted.AccessToken)
			ts.Check(err)
			body = []byte(text)
		}
		if fmt.Sprint(status) != want {
			ts.Fatalf("%s%s: status %d, want %s: %s", base, path, status, want, body)
		}
	}
}

// query presents a token in the query string.
func (s *scripted) query(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: query STATUS TOKEN ORG/APP/API")
	}
	s.expect(ts, args[0], args[2]+"/x?access_token="+args[1])
}

// anonymous presents nothing.
func (s *scripted) anonymous(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: anonymous STATUS ORG/APP/API")
	}
	s.expect(ts, args[0], args[1]+"/x")
}

func (s *scripted) expect(ts *testscript.TestScript, want, target string) {
	status, body, err := present(s.process.GatewayURL+"/"+target, "")
	ts.Check(err)
	if fmt.Sprint(status) != want {
		ts.Fatalf("status %d, want %s: %s", status, want, body)
	}
}

// client finds a client by its label.
func (s *scripted) client(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: client LABEL")
	}
	stdout, stderr, code := s.process.Run("", "client", "list", "--json")
	var clients []struct{ ID, Label string }
	if err := json.Unmarshal([]byte(stdout), &clients); err != nil {
		ts.Fatalf("client list: exit code %d: %v: %s", code, err, stderr)
	}
	for _, c := range clients {
		if c.Label == args[0] {
			ts.Setenv("ID", c.ID)
			return
		}
	}
	ts.Fatalf("no client %q among %d", args[0], len(clients))
}
