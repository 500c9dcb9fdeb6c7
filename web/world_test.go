package web_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"

	"github.com/google/go-cmp/cmp"
)

// identityNames are the headers of the contract.
var identityNames = []string{
	"X-Auth-Organization", "X-Auth-Application", "X-Auth-Kind", "X-Auth-Credential", "X-Auth-Label", "X-Auth-Subject", "X-Auth-Scope",
}

const (
	callersAddress = "203.0.113.9"
	label          = "night, 5 %"
	encodedLabel   = "night%2C%205%20%25"
)

// world is a site in which each cell of the table has an application of its own.
type world struct {
	t           *testing.T
	site        *testkit.Site
	org, rival  access.Organization
	rivalApp    access.Application
	invalidBody string // of the first request that was refused as invalid
	n           int
	made        map[string]made
}

// made is what was made for the cells that differ only in endpoint and method.
type made struct {
	app        access.Application
	credential access.Credential
	text       secret.Secret
	email      string
	issued     access.AccessToken // where one is presented; credential is its client's, or none
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, site: testkit.Server(t, testkit.TrustedProxies("127.0.0.1/32")), made: map[string]made{}}
	w.org, w.rival = w.site.Organization("acme"), w.site.Organization("rival")
	w.rivalApp = w.site.Application("rival", "theirs")
	return w
}

func (w *world) update(do func(access.Tx) error) {
	w.t.Helper()
	if err := w.site.Store.Update(w.t.Context(), do); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) id(prefix string) string {
	w.n++
	return fmt.Sprintf("%s_%026d", prefix, w.n)
}

// prepared is a request for a cell, with what it is made from.
type prepared struct {
	cell
	made
	url     string
	headers []string
}

func (w *world) prepare(c cell) prepared {
	w.t.Helper()
	key := c.presented + c.matter + c.application
	m, ok := w.made[key]
	if !ok {
		m = w.make(c)
		w.made[key] = m
	}
	p := prepared{cell: c, made: m, headers: []string{"X-Forwarded-For", callersAddress}}
	if c.matter == unknownAddress {
		p.headers[1] = "nonsense"
	}
	query, header := w.present(c, m)
	for _, h := range header {
		p.headers = append(p.headers, "Authorization", h)
	}
	path := "/" + w.org.Slug + "/" + m.app.Slug
	switch c.matter {
	case unknownApp:
		path = "/" + w.org.Slug + "/nowhere"
	case unknownOrg:
		path = "/nobody/" + m.app.Slug
	}
	api := "/backend"
	if noSuchAPI.has(c.matter) {
		api = "/elsewhere"
	}
	switch c.endpoint {
	case verifyApp, verifyAPI:
		if c.endpoint == verifyAPI {
			path += api
		}
		p.url = w.site.ConsoleURL + "/verify" + path
		p.headers = append(p.headers, "X-Forwarded-Method", c.method, "X-Forwarded-Uri", "/some/where?"+query)
	case verifyEnvoy:
		p.url = w.site.ConsoleURL + "/verify" + path + api + "/some/where?" + query
	case gateway:
		p.url = w.site.GatewayURL + path + api + "/some/where?" + query
	}
	return p
}

// make makes the application and the credential of a cell.
func (w *world) make(c cell) made {
	w.t.Helper()
	now := w.site.Clock.Now()
	app := access.Application{ID: w.id("app"), OrganizationID: w.org.ID, CreatedAt: now}
	app.Slug, app.Name = fmt.Sprintf("app%d", w.n), c.String()
	app.Switches = access.Switches{Open: c.application == open, QueryCredentials: c.matter != queryOff, PasswordGrant: c.matter != grantOff}
	ours, ourText := w.credential(access.KindBasic, app)
	ours.Label = "Basic credentials"
	m := made{app: app, credential: ours, text: ourText}
	apis := []access.API{
		{ID: w.id("api"), ApplicationID: app.ID, Slug: "backend", Name: "Backend", Upstream: access.EchoUpstream, CreatedAt: now},
		{ID: w.id("api"), ApplicationID: app.ID, Slug: "oplog", Name: "Oplog", Upstream: access.EchoUpstream, CreatedAt: now},
	}
	if c.matter == defaultAPI {
		app.DefaultAPI = apis[0].ID
	}
	user := access.User{}
	if accessToken.has(c.presented) {
		user = w.issue(c, &m)
	} else if kind := kindOf(c.presented); kind != access.KindBasic {
		m.credential, m.text = w.credential(kind, app)
		if c.presented == orgClient {
			m.credential.ApplicationID = ""
		}
		if kind == access.KindPersonal {
			user = w.user()
			m.email, m.credential.UserID, m.credential.ApplicationID = user.Email, user.ID, ""
		}
	}
	w.spoil(c, &m)
	w.limit(c, &m)
	w.update(func(tx access.Tx) error {
		if _, err := tx.InsertApplication(app); err != nil {
			return err
		}
		for _, api := range apis {
			if _, err := tx.InsertAPI(api); err != nil {
				return err
			}
		}
		if err := w.insertUser(tx, c, user); err != nil {
			return err
		}
		if m.credential.Kind == access.KindBasic && m.credential.ApplicationID == app.ID {
			ours = m.credential
		}
		if err := tx.InsertCredential(ours); err != nil {
			return err
		}
		if m.credential.ID != "" && m.credential.ID != ours.ID {
			if err := tx.InsertCredential(m.credential); err != nil {
				return err
			}
		}
		if err := w.insertAccessToken(tx, c, m.issued); err != nil {
			return err
		}
		return w.end(tx, c, ours)
	})
	w.spend(c, m)
	return m
}

func kindOf(presented string) access.Kind {
	switch presented {
	case token, tokenInQuery, twoMethods:
		return access.KindToken
	case client, orgClient:
		return access.KindClient
	case personal, personalPair, personalURL:
		return access.KindPersonal
	}
	return access.KindBasic
}

func (w *world) credential(kind access.Kind, app access.Application) (access.Credential, secret.Secret) {
	class := map[access.Kind]secret.Class{
		access.KindBasic: secret.Basic, access.KindToken: secret.Token, access.KindClient: secret.Client, access.KindPersonal: secret.Personal,
	}[kind]
	text := secret.Generate(class)
	prefix, last4 := secret.Shown(text)
	return access.Credential{
		ID: w.id("crd"), OrganizationID: w.org.ID, ApplicationID: app.ID, Kind: kind, Label: label, Prefix: prefix, Last4: last4,
		Digest: w.site.Keys.Digest(text), CreatedAt: w.site.Clock.Now(), CreatedBy: "test",
	}, text
}

func (w *world) user() access.User {
	id := w.id("usr")
	email := fmt.Sprintf("Some.One+%d@example.com", w.n)
	return access.User{ID: id, Email: email, EmailKey: access.FoldEmail(email), Name: "Some One", PasswordHash: "none", CreatedAt: w.site.Clock.Now()}
}

// spoil does to the credential what is the matter with it, as far as that can be
// done before it is stored.
func (w *world) spoil(c cell, m *made) {
	if accessToken.has(c.presented) {
		w.spoilIssued(c, m)
		return
	}
	now := w.site.Clock.Now()
	network := func(text string) { m.credential.Allowed = []netip.Prefix{netip.MustParsePrefix(text)} }
	scope := func(text string) {
		var err error
		if m.credential.Restriction, err = access.ParseScopes(text); err != nil {
			w.t.Fatal(err)
		}
	}
	switch c.matter {
	case expired:
		m.credential.ExpiresAt = now
	case paused:
		m.credential.PausedAt = now
	case revoked:
		m.credential.RevokedAt = now
	case readOnly:
		scope("backend:read oplog:write")
	case writeOnly:
		scope("backend:write")
	case otherAPIOnly:
		scope("oplog:read oplog:write")
	case listed:
		network("203.0.113.0/24")
	case notListed, unknownAddress:
		network("198.51.100.0/24")
	case otherApp:
		w.elsewhere(m, w.org.ID)
	case otherOrg:
		w.elsewhere(m, w.rival.ID)
	}
}

// elsewhere makes the credential one of another application, or of another
// organization.
func (w *world) elsewhere(m *made, organizationID string) {
	other := access.Application{ID: w.id("app"), OrganizationID: organizationID, CreatedAt: w.site.Clock.Now()}
	other.Slug, other.Name = fmt.Sprintf("other%d", w.n), "Other"
	w.update(func(tx access.Tx) error {
		_, err := tx.InsertApplication(other)
		return err
	})
	if m.credential.Kind == access.KindBasic { // the application keeps its own
		m.credential, m.text = w.credential(access.KindBasic, other)
	}
	m.credential.OrganizationID = organizationID
	if m.credential.ApplicationID != "" {
		m.credential.ApplicationID = other.ID
	}
}

func (w *world) insertUser(tx access.Tx, c cell, user access.User) error {
	if user.ID == "" {
		return nil
	}
	if _, err := tx.InsertUser(user); err != nil {
		return err
	}
	role := access.Member
	if c.matter == viewerOnly {
		role = access.Viewer
	}
	organization := w.org.ID
	if c.matter == notMember {
		organization = w.rival.ID
	}
	if _, err := tx.InsertMembership(access.Membership{OrganizationID: organization, UserID: user.ID, Role: role, CreatedAt: user.CreatedAt}); err != nil {
		return err
	}
	if c.matter != userDisabled {
		return nil
	}
	_, err := tx.DisableUser(user.ID, user.CreatedAt)
	return err
}

// end revokes what has to be stored before it can be.
func (w *world) end(tx access.Tx, c cell, ours access.Credential) error {
	if c.matter != basicDisabled {
		return nil
	}
	changed, err := tx.RevokeCredential(ours.ID, w.site.Clock.Now(), "test", "test")
	if err == nil && !changed {
		err = fmt.Errorf("Basic of %s was not disabled", ours.ApplicationID)
	}
	return err
}

func pair(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// present returns the query and the Authorization headers of a cell's request.
func (w *world) present(c cell, m made) (query string, header []string) {
	name, text := m.credential.ID, m.text.Expose()
	switch {
	case m.credential.Kind == access.KindBasic:
		name = m.credential.ApplicationID
	case m.email != "":
		name = strings.ToUpper(m.email) // emails are folded
	}
	switch c.matter {
	case wrongSecret:
		class, err := secret.Parse(text)
		if err != nil {
			w.t.Fatal(err)
		}
		text = secret.Generate(class).Expose()
	case noSecret:
		text = text[:len(text)-1] + "~"
	case wrongName:
		name = "someone.else@example.com"
	case wrongWay:
		return w.presentWrongly(c, m, name, text)
	}
	switch c.presented {
	case nothing:
		return "", nil
	case malformed:
		return "", []string{"Bearer " + text + " " + text}
	case twice:
		return "", []string{pair(name, text), pair(name, text)}
	case twoMethods:
		return "access_token=" + text, []string{"Bearer " + text}
	case basic, personalPair:
		return "", []string{pair(name, text)}
	case tokenInQuery, personalURL, clientAccessURL, userAccessURL:
		return "access_token=" + text, nil
	case client, orgClient:
		return url.Values{"client_id": {name}, "client_secret": {text}}.Encode(), nil
	}
	return "", []string{"Bearer " + text}
}

func (w *world) presentWrongly(c cell, m made, name, text string) (query string, header []string) {
	switch c.presented {
	case basic, client, orgClient, tokenInQuery:
		if c.presented == tokenInQuery {
			return url.Values{"client_id": {name}, "client_secret": {text}}.Encode(), nil
		}
		return "", []string{"Bearer " + text}
	case token, clientAccess, orgAccess, userAccess, freeAccess:
		return "", []string{pair(m.app.ID, text)}
	}
	return url.Values{"client_id": {name}, "client_secret": {text}}.Encode(), nil
}

func (w *world) send(p prepared) testkit.Answer {
	w.t.Helper()
	method := p.method
	if p.endpoint == verifyApp || p.endpoint == verifyAPI {
		method = read // as nginx asks
	}
	return w.site.Call(method, p.url, p.headers...)
}

// check sends a cell's request and compares everything the contract says of it.
func (w *world) check(c cell, want outcome) {
	w.t.Helper()
	p := w.prepare(c)
	a := w.send(p)
	if a.Status != want.status {
		w.t.Errorf("%s: status %d, want %d: %s", c, a.Status, want.status, a.Body)
		return
	}
	if got := a.Header.Get("Cache-Control"); got != "no-store" {
		w.t.Errorf("%s: Cache-Control %q", c, got)
	}
	if want.status == 200 {
		w.checkIdentity(p, a)
		return
	}
	w.noIdentity(c, a)
	w.checkReason(c, a, want)
	var problem struct {
		Status                     int
		Type, Title, Detail, Error string
	}
	if err := json.Unmarshal([]byte(a.Body), &problem); err != nil || a.Header.Get("Content-Type") != "application/problem+json" {
		w.t.Fatalf("%s: no problem (%v): %s", c, err, a.Body)
	}
	if problem.Status != want.status || problem.Error != want.code || problem.Type != "urn:claviger:problem:"+want.problemType || !strings.Contains(problem.Detail, want.detail) || problem.Title == "" {
		w.t.Errorf("%s: problem %s, want %+v", c, a.Body, want)
	}
	if want == invalid {
		if w.invalidBody == "" {
			w.invalidBody = a.Body
		}
		if a.Body != w.invalidBody {
			w.t.Errorf("%s: %s, elsewhere %s", c, a.Body, w.invalidBody)
		}
	}
	if diff := cmp.Diff(wantChallenges(c, want, problem.Detail), a.Header.Values("Www-Authenticate")); diff != "" {
		w.t.Errorf("%s: challenges (-want +got):\n%s", c, diff)
	}
}

// wantChallenges is what RFC 6750 §3 and RFC 7617 §2 ask for: Bearer with every
// 401 and where the scope does not reach; Basic with a 401 where it still works.
func wantChallenges(c cell, want outcome, detail string) []string {
	if want.status != 401 && want.code == "" {
		return nil
	}
	bearer := `Bearer realm="Claviger"`
	if want.code != "" {
		bearer += `, error="` + want.code + `", error_description="` + detail + `"`
	}
	if want.scope != "" {
		bearer += `, scope="backend:` + want.scope + `"`
	}
	basicWorks := !noSuchApp.has(c.matter) && c.matter != basicDisabled && (c.presented != basic || c.matter != paused)
	if want.status != 401 || !basicWorks {
		return []string{bearer}
	}
	return []string{bearer, `Basic realm="Claviger", charset="UTF-8"`}
}

func (w *world) noIdentity(c cell, a testkit.Answer) {
	w.t.Helper()
	for _, name := range identityNames {
		if values := a.Header.Values(name); len(values) > 0 {
			w.t.Errorf("%s: a refusal has %s: %q", c, name, values)
		}
	}
}

// checkIdentity compares all identity headers: of the answer, or, at the gateway,
// those that the upstream sees.
func (w *world) checkIdentity(p prepared, a testkit.Answer) {
	w.t.Helper()
	got := map[string][]string{}
	headers := map[string][]string(a.Header)
	if p.endpoint == gateway {
		var echo struct{ Headers map[string][]string }
		if err := json.Unmarshal([]byte(a.Body), &echo); err != nil {
			w.t.Fatalf("%s: %v: %s", p.cell, err, a.Body)
		}
		headers = echo.Headers
		if strings.Contains(a.Body, p.text.Expose()) || headers["Authorization"] != nil {
			w.t.Errorf("%s: the upstream sees the credential: %s", p.cell, a.Body)
		}
		w.noIdentity(p.cell, a)
	}
	for name, values := range headers {
		if strings.HasPrefix(name, "X-Auth") {
			got[name] = values
		}
	}
	if diff := cmp.Diff(w.identity(p), got); diff != "" {
		w.t.Errorf("%s: identity (-want +got):\n%s", p.cell, diff)
	}
}

func (w *world) identity(p prepared) map[string][]string {
	kind, id, shown, subject, scope := string(p.credential.Kind), p.credential.ID, encodedLabel, p.credential.ID, "*:read *:write"
	switch {
	case p.issued.ID != "":
		kind, id, shown, subject = p.issuedTo()
	case p.presented == nothing:
		kind, id, shown, subject = "anonymous", "", "", ""
	case p.presented == basic:
		shown, subject = "Basic%20credentials", p.app.ID
	case p.email != "":
		subject = p.email
	}
	switch p.matter {
	case readOnly:
		scope = "backend:read oplog:write"
	case writeOnly:
		scope = "backend:write"
	case otherAPIOnly:
		scope = "oplog:read oplog:write"
	case viewerOnly, clientReads:
		scope = "*:read"
	}
	return map[string][]string{
		"X-Auth-Organization": {w.org.Slug}, "X-Auth-Application": {p.app.Slug}, "X-Auth-Kind": {kind}, "X-Auth-Credential": {id},
		"X-Auth-Label": {shown}, "X-Auth-Subject": {subject}, "X-Auth-Scope": {scope},
	}
}
