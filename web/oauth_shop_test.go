package web_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// till is a shop with everything that the OAuth endpoints deal with: a client of the
// application, one of the organization, and a member who signs in.
type till struct {
	shop
	t                   *testing.T
	appClient, appKey   string
	orgClient, orgKey   string
	appIssued, orgMade  access.Issued
	person              access.User
	stockClient, stockK string // of another application, "stock"
}

const member = "Mia+till@acme.example"

// newTill makes one; the password grant is on for "orders", and off for "stock".
func newTill(t *testing.T, options ...testkit.SiteOption) till {
	t.Helper()
	s := till{shop: newShop(t, options...), t: t}
	s.Application("acme", "stock")
	s.appIssued = s.client("orders", "pos", "")
	s.appClient, s.appKey = s.appIssued.Credential.ID, s.appIssued.Secret.Expose()
	s.orgMade = s.client("", "suite", "")
	s.orgClient, s.orgKey = s.orgMade.Credential.ID, s.orgMade.Secret.Expose()
	stock := s.client("stock", "shelves", "")
	s.stockClient, s.stockK = stock.Credential.ID, stock.Secret.Expose()
	s.person = s.User(member, "acme", access.Member)
	s.setSwitches(t, func(w *access.Switches) { w.PasswordGrant = true })
	return s
}

// client makes a client of an application of acme, or, where app is empty, acme's own.
func (s till) client(app, label, scope string) access.Issued {
	s.t.Helper()
	scopes, err := access.ParseScopes(scope)
	if err != nil {
		s.t.Fatal(err)
	}
	issued, err := s.Registry.IssueClient(s.t.Context(), s.Operator(), "acme", app, access.Draft{Label: label, Scopes: scopes})
	if err != nil {
		s.t.Fatal(err)
	}
	return issued
}

// listeners are the base URLs of both listeners, by name.
func (s till) listeners() map[string]string {
	return map[string]string{"console": s.ConsoleURL, "gateway": s.GatewayURL}
}

// both runs a test on both listeners.
func (s till) both(do func(t *testing.T, base string)) {
	for name, base := range s.listeners() {
		s.t.Run(name, func(t *testing.T) { do(t, base) })
	}
}

// reply is an answer in JSON.
type reply struct {
	testkit.Answer
	JSON map[string]any
}

func (r reply) text(name string) string { text, _ := r.JSON[name].(string); return text }

func (r reply) token() string { return r.text("access_token") }

func (r reply) number(name string) int64 { n, _ := r.JSON[name].(float64); return int64(n) }

const (
	formBody = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// send sends a body as it stands and reads the JSON that comes back.
func send(t testing.TB, method, url, contentType, body string, headers ...string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{Answer: testkit.Answer{Status: response.StatusCode, Header: response.Header, Body: string(text)}}
	if err := json.Unmarshal(text, &r.JSON); err != nil && method != http.MethodHead && !strings.Contains(url, "/verify/") {
		t.Fatalf("%s %s: status %d, no JSON object (%v): %.300s", method, url, r.Status, err, text)
	}
	return r
}

// form posts a form, given as names and values in turn; a name may come again.
func form(t testing.TB, url string, fields ...string) reply {
	t.Helper()
	return send(t, http.MethodPost, url, formBody, encode(fields...))
}

func encode(fields ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Add(fields[i], fields[i+1])
	}
	return values.Encode()
}

// jsonBody posts a JSON object of names and values in turn.
func jsonBody(t testing.TB, url string, fields ...any) reply {
	t.Helper()
	object := map[string]any{}
	for i := 0; i+1 < len(fields); i += 2 {
		object[fields[i].(string)] = fields[i+1]
	}
	body, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, http.MethodPost, url, jsonType, string(body))
}

// clientToken gets a token of the application's client.
func (s till) clientToken(fields ...string) reply {
	s.t.Helper()
	r := form(s.t, s.ConsoleURL+"/oauth/token", append([]string{"grant_type", "client_credentials", "client_id", s.appClient, "client_secret", s.appKey}, fields...)...)
	if r.Status != http.StatusOK {
		s.t.Fatalf("no token of the client: status %d: %s", r.Status, r.Body)
	}
	return r
}

// userToken gets a token of the member.
func (s till) userToken(fields ...string) reply {
	s.t.Helper()
	r := form(s.t, s.ConsoleURL+"/oauth/token", append([]string{"grant_type", "password", "username", member, "password", testkit.Password}, fields...)...)
	if r.Status != http.StatusOK {
		s.t.Fatalf("no token of the user: status %d: %s", r.Status, r.Body)
	}
	return r
}

// call presents a bearer token to an application's API at the gateway and returns
// the status.
func (s till) call(method, app, token string) int {
	s.t.Helper()
	return s.Call(method, s.GatewayURL+"/acme/"+app+"/backend/x", "Authorization", "Bearer "+token).Status
}

// refused compares a refusal of an OAuth endpoint with what it is to be, and checks
// what RFC 6749 §5.2 asks of every one.
func refused(t testing.TB, r reply, status int, code string) {
	t.Helper()
	if r.Status != status || r.text("error") != code {
		t.Errorf("status %d %q, want %d %q: %s", r.Status, r.text("error"), status, code, r.Body)
	}
	description := r.text("error_description")
	if description == "" || strings.ContainsFunc(description, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
		t.Errorf("error_description %q", description)
	}
	if r.Header.Get("Content-Type") != jsonType || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Pragma") != "no-cache" {
		t.Errorf("headers %v", r.Header)
	}
	if r.token() != "" {
		t.Errorf("a refusal has a token: %s", r.Body)
	}
}
