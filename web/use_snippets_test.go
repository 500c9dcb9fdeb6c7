package web_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// TestPersonalSnippetsRun: both ways to use a personal token, and the string behind
// "Basic", as the page that shows the token spells them; with an email that holds
// what a shell would run, too.
func TestPersonalSnippetsRun(t *testing.T) {
	for email, inPowerShell := range map[string]string{member: member, "o'`echo${HOME}$x@acme.example": "o'``echo`${HOME}`$x@acme.example"} {
		t.Run(email, func(t *testing.T) { personalSnippetsRun(t, email, inPowerShell) })
	}
}

func personalSnippetsRun(t *testing.T, email, inPowerShell string) {
	s := newTill(t)
	if email != member {
		s.User(email, "acme", access.Member)
	}
	a := s.SignedIn(email).Post("/profile/tokens", "label", "laptop", "organization", "acme", "expires", "90d")
	page := a.Page(t)
	text := page.One("[data-secret]").Attr("value")
	snippets := snippetsOf(t, page)
	shell := []string{testkit.Tool(t, "sh"), "-c"}
	for _, name := range []string{"curl Basic", "curl Bearer"} {
		line := strings.Replace(snippets[name], "APPLICATION/API", "orders/backend", 1)
		if line == "" || strings.Contains(line, text) {
			t.Fatalf("%s: no snippet, or one with the secret: %q", name, line)
		}
		if got := echoOf(t, runSnippet(t, shell, line, []string{"TOKEN=" + text})).Headers; got.Get("X-Auth-Kind") != "personal" || got.Get("X-Auth-Subject") != email {
			t.Errorf("%s: the upstream sees %v", name, got)
		}
	}
	want := base64.StdEncoding.EncodeToString([]byte(email + ":" + text))
	if got := runSnippet(t, shell, snippets["Linux and macOS"], []string{"TOKEN=" + text}); got != want {
		t.Errorf("base64: %q, want %q", got, want)
	}
	if got, want := snippets["PowerShell"], `[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes("`+inPowerShell+`:$env:TOKEN"))`; got != want {
		t.Errorf("PowerShell (not run here): %q, want %q", got, want)
	}
}

// TestClientSnippetsRun: how to use a client, as its page spells it.
func TestClientSnippetsRun(t *testing.T) {
	s := newTill(t)
	s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
	s.User("ada@acme.example", "acme", access.Admin)
	page := s.Elevated("ada@acme.example", "acme/orders").Post("/orgs/acme/apps/orders/clients", "label", "pos", "expires", "90d").Page(t)
	text := page.One("input[data-secret]").Attr("value")
	snippets := snippetsOf(t, page)
	shell := []string{testkit.Tool(t, "sh"), "-c"}
	if got := runSnippet(t, shell, snippets["Access token"], []string{"CLIENT_SECRET=" + text}); !strings.Contains(got, `"access_token":"clava_`) {
		t.Errorf("access token: %q gives %q", snippets["Access token"], got)
	}
	if got := runSnippet(t, shell, snippets["Query string"], []string{"CLIENT_SECRET=" + text}); echoOf(t, got).Headers.Get("X-Auth-Kind") != "client" {
		t.Errorf("query string: %q gives %q", snippets["Query string"], got)
	}
}

// TestDescriptionsWithCurl runs the lines that the descriptions are told in.
func TestDescriptionsWithCurl(t *testing.T) {
	s := newTill(t)
	s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
	username, password := s.Basic("acme", "stock")
	environment := []string{
		"API=" + s.GatewayURL, "CONSOLE=" + s.ConsoleURL, "TOKEN=" + s.token, "ID=" + s.appClient, "SECRET=" + s.appKey, "EMAIL=" + member,
		"PASSWORD=" + testkit.Password, "PERSONAL=" + s.personal(member, "curl").Secret.Expose(), "PAIR=" + username + ":" + password,
	}
	got := `sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'`
	for name, c := range map[string]struct{ line, kind string }{
		"A, Basic":  {`curl -s --user "$PAIR" $API/acme/stock/backend/`, "basic"},
		"A, Bearer": {`curl -s -H "Authorization: Bearer $TOKEN" $API/acme/orders/backend/`, "token"},
		"B, login in JSON": {
			`T=$(curl -s -X POST -H 'Content-Type: application/json' -d '{"grant_type":"password","username":"'"$EMAIL"'","password":"'"$PASSWORD"'"}' $API/acme/orders/token | ` + got + `)
curl -s "$API/acme/orders/backend/things?access_token=$T"`, "access-token",
		},
		"B, client in the query": {`curl -s "$API/acme/orders/backend/?client_id=$ID&client_secret=$SECRET"`, "client"},
		"B, client credentials": {
			`T=$(curl -s -d grant_type=client_credentials -d client_id=$ID -d client_secret=$SECRET $API/acme/orders/token | ` + got + `)
curl -s -H "Authorization: Bearer $T" $API/acme/orders/backend/`, "access-token",
		},
		"B, anonymous": {`curl -s $API/acme/sandbox/echo/`, "anonymous"},
		"C": {
			`T=$(curl -s --data-urlencode "username=$EMAIL" --data-urlencode "password=$PASSWORD" $CONSOLE/authorization | ` + got + `)
curl -s -H "Authorization: Bearer $T" $API/acme/orders/backend/`, "access-token",
		},
		"D": {`curl -s --user "$EMAIL:$PERSONAL" $API/acme/orders/backend/`, "personal"},
	} {
		out := runSnippet(t, []string{testkit.Tool(t, "sh"), "-c"}, c.line, environment)
		if !strings.HasPrefix(out, "{") || echoOf(t, out).Headers.Get("X-Auth-Kind") != c.kind {
			t.Errorf("%s: it prints %.400q", name, out)
		}
	}
}
