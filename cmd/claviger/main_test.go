package main_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os/user"
	"regexp"
	"strings"
	"testing"
	"time"

	"claviger/internal/testkit"
)

var (
	tokenText   = regexp.MustCompile(`clavt_[0-9A-Za-z]{38}`)
	tokenIDText = regexp.MustCompile(`tok_[0-9a-z]{26}`)
)

const reason = "because a test needs it"

// osUserName is who events say was at the command line.
func osUserName(t testing.TB) string {
	t.Helper()
	who, err := user.Current()
	if err != nil {
		t.Fatalf("who runs this test: %v", err)
	}
	return who.Username
}

// must runs a command that has to succeed and returns its standard output, trimmed.
func must(t testing.TB, p *testkit.Process, stdin string, args ...string) string {
	t.Helper()
	stdout, stderr, code := p.Run(stdin, args...)
	if code != 0 {
		t.Fatalf("claviger %s: exit code %d: %s", strings.Join(args, " "), code, stderr)
	}
	return strings.TrimSpace(stdout)
}

// acme makes the organization acme with the application orders, its API backend, and an owner who signs in with
// testkit.Password.
func acme(t testing.TB, p *testkit.Process) {
	t.Helper()
	must(t, p, "", "org", "add", "acme")
	must(t, p, "", "app", "add", "acme/orders")
	must(t, p, "", "api", "add", "acme/orders/backend", "--upstream", "builtin:echo")
	must(t, p, testkit.Password+"\n", "user", "add", owner, "--org", "acme", "--role", "owner")
}

const (
	owner  = "owner@example.com"
	orders = "/orgs/acme/apps/orders/manage-api"
)

// person is a browser without JavaScript before a server that may die at any moment: what does not come back whole
// is an error to be looked at, no failure of the test.
type person struct {
	base   string
	client *http.Client
}

func newPerson(t testing.TB, p *testkit.Process) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatalf("make a cookie jar: %v", err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &person{base: p.ConsoleURL, client: &http.Client{
		Jar: jar, Timeout: 30 * time.Second, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// elevated returns a person who has signed in and elevated for acme.
func elevated(t testing.TB, p *testkit.Process, email, password string) *person {
	t.Helper()
	who := newPerson(t, p)
	if status, _, err := who.post("/sign-in", "email", email, "password", password); err != nil || status != http.StatusSeeOther {
		t.Fatalf("sign in as %s: %d, %v", email, status, err)
	}
	status, body, err := who.post("/elevate", "scope", "acme", "reason", reason, "minutes", "60", "password", password)
	if err != nil || status != http.StatusSeeOther {
		t.Fatalf("elevate: %d, %v\n%s", status, err, body)
	}
	return who
}

func (w *person) get(path string) (status int, body string, err error) {
	return w.answer(w.client.Get(w.base + path))
}

// post sends a form, given as names and values in turn.
func (w *person) post(path string, fields ...string) (status int, body string, err error) {
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return w.answer(w.client.PostForm(w.base+path, form))
}

func (w *person) answer(response *http.Response, err error) (int, string, error) {
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// made finds the secret and the id of the token on the page that shows it once.
func made(body string) (token, id string) {
	return tokenText.FindString(body), tokenIDText.FindString(body)
}

// createToken makes a token with the form; it is acknowledged when token is not empty and err is nil.
func (w *person) createToken(label string) (token, id string, err error) {
	status, body, err := w.post(orders+"/tokens", "label", label, "expires", "90d")
	if err != nil || status != http.StatusOK {
		return "", "", err
	}
	token, id = made(body)
	return token, id, nil
}

// slowUpstream says on arrived that a request is there, and answers it when release is closed.
func slowUpstream(t *testing.T, arrived chan<- struct{}, release <-chan struct{}) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		_, _ = io.WriteString(w, "slow but whole")
	}))
	t.Cleanup(server.Close)
	return server.URL
}
