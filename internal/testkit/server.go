package testkit

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/store"
	"claviger/web"
)

// Password is what every user that a Site makes signs in with.
const Password = "correct horse battery staple"

// Reason is long enough for every act that needs one.
const Reason = "because a test needs it"

// Site is a whole Claviger within the test's process, over real SQLite and real
// HTTP, whose clock the test moves.
type Site struct {
	Store     *store.Store
	Keys      *secret.Keyring
	Clock     *Clock
	Registry  *access.Registry
	Accounts  *access.Accounts
	Verifier  *access.Verifier
	Authority *access.Authority
	Uses      *access.UseLog
	Log       *Log // everything that was logged, at every level
	DataDir   string

	ConsoleURL, GatewayURL string
	Console                http.Handler // what listens at ConsoleURL

	t testing.TB
}

// SiteOption changes how Server makes a Site.
type SiteOption func(*siteOptions)

type siteOptions struct {
	limits  access.Limits
	proxies []netip.Prefix
	zone    *time.Location
	url     string // of the database on PostgreSQL; empty: any
	beside  *Site
	gateway func(*web.Options)
}

// Limits changes the limits that the site's rules depend on.
func Limits(change func(*access.Limits)) SiteOption {
	return func(o *siteOptions) { change(&o.limits) }
}

// OnDatabase puts the site on the PostgreSQL database with that URL.
func OnDatabase(url string) SiteOption {
	return func(o *siteOptions) { o.url = url }
}

// Beside makes the site another node of a site that is there: with the same keys, and
// with OnDatabase the same database.
func Beside(other *Site) SiteOption {
	return func(o *siteOptions) { o.beside = other }
}

// Gateway changes how the site's gateway treats callers and upstreams.
func Gateway(change func(*web.Options)) SiteOption {
	return func(o *siteOptions) { o.gateway = change }
}

// TrustedProxies sets whose X-Forwarded-For is believed.
func TrustedProxies(networks ...string) SiteOption {
	return func(o *siteOptions) {
		for _, n := range networks {
			o.proxies = append(o.proxies, netip.MustParsePrefix(n))
		}
	}
}

// Server starts a Site with an empty database; it ends with the test.
func Server(t testing.TB, options ...SiteOption) *Site {
	t.Helper()
	o := siteOptions{zone: time.UTC, limits: access.Limits{
		ElevationMax: time.Hour, SessionIdle: 8 * time.Hour, SessionMax: 7 * 24 * time.Hour, PasswordAttempts: 10, PasswordWindow: 15 * time.Minute,
		DefaultTTL: 7 * 24 * time.Hour, MaxTTL: 30 * 24 * time.Hour,
	}}
	for _, option := range options {
		option(&o)
	}
	dir := t.TempDir()
	s := &Site{Clock: NewClock(), Log: &Log{}, DataDir: dir, t: t}
	switch {
	case o.url != "":
		s.Store = PostgresStore(t, o.url)
	case OnPostgres():
		s.Store = Store(t)
	default:
		s.Store = StoreAt(t, filepath.Join(dir, "claviger.db"))
	}
	if o.beside != nil {
		s.Keys, s.Clock = o.beside.Keys, o.beside.Clock
	} else {
		var err error
		s.Keys, err = secret.OpenKeyring(filepath.Join(s.DataDir, "claviger.key"))
		s.must("make a key file", err)
	}
	log := slog.New(slog.NewJSONHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	deps := access.Deps{Store: s.Store, Keys: s.Keys, Passwords: secret.NewPasswords(2), Clock: s.Clock, Limits: o.limits}
	s.Uses = access.NewUseLog(s.Store, log)
	s.Registry, s.Accounts, s.Verifier = access.NewRegistry(deps), access.NewAccounts(deps), access.NewVerifier(deps, s.Uses)
	s.Authority = access.NewAuthority(deps, s.Accounts, s.Verifier)
	// The pages print the listeners' addresses, which are known once they listen.
	console, gateway := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	s.ConsoleURL, s.GatewayURL = "http://"+console.Listener.Addr().String(), "http://"+gateway.Listener.Addr().String()
	given := web.Options{
		Registry: s.Registry, Accounts: s.Accounts, Verifier: s.Verifier, Authority: s.Authority, Keys: s.Keys, Clock: s.Clock, Log: log,
		ConsoleURL: s.ConsoleURL, GatewayURL: s.GatewayURL, TrustedProxies: o.proxies, Zone: o.zone,
		Wall: access.NewSteadyClock(time.Now),
	}
	if o.gateway != nil {
		o.gateway(&given)
	}
	server := web.New(given)
	watched := make(chan struct{})
	watching, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	go func() { defer close(watched); s.Verifier.Watch(watching) }()
	t.Cleanup(func() { stop(); <-watched })
	s.Console = server.Console()
	console.Config.Handler, gateway.Config.Handler = s.Console, server.Gateway()
	console.Start()
	gateway.Start()
	t.Cleanup(console.Close)
	t.Cleanup(gateway.Close)
	return s
}

// Operator is the actor of the command line.
func (s *Site) Operator() access.Actor { return access.Operator("tester", Reason) }

// Organization makes an organization.
func (s *Site) Organization(slug string) access.Organization {
	s.t.Helper()
	org, err := s.Registry.CreateOrganization(s.t.Context(), s.Operator(), access.OrganizationDraft{Slug: slug})
	s.must("make an organization", err)
	return org
}

// Application makes a secured application with one API, backend, that echoes.
func (s *Site) Application(org, slug string) access.Application {
	s.t.Helper()
	app, err := s.Registry.CreateApplication(s.t.Context(), s.Operator(), org, access.ApplicationDraft{Slug: slug})
	s.must("make an application", err)
	s.API(org, slug, "backend", access.EchoUpstream)
	return app
}

// API adds an API to an application.
func (s *Site) API(org, app, slug, upstream string) access.API {
	s.t.Helper()
	api, err := s.Registry.CreateAPI(s.t.Context(), s.Operator(), org, app, access.APIDraft{Slug: slug, Upstream: upstream})
	s.must("add an API", err)
	return api
}

// Token makes a token; scope may be empty, which is no restriction.
func (s *Site) Token(org, app, label, scope string) access.Issued {
	s.t.Helper()
	scopes, err := access.ParseScopes(scope)
	s.must("read the scope", err)
	issued, err := s.Registry.IssueToken(s.t.Context(), s.Operator(), org, app, access.Draft{Label: label, Scopes: scopes})
	s.must("make a token", err)
	return issued
}

// Basic reveals an application's Basic credentials.
func (s *Site) Basic(org, app string) (username, password string) {
	s.t.Helper()
	revealed, err := s.Registry.RevealBasic(s.t.Context(), s.Operator(), org, app, "")
	s.must("reveal Basic", err)
	return revealed.Username, revealed.Password.Expose()
}

// User makes a user, or adds a membership to one, who signs in with Password.
func (s *Site) User(email, org string, role access.Role) access.User {
	s.t.Helper()
	password := func() (secret.Secret, error) { return secret.New(Password), nil }
	user, _, err := s.Accounts.AddMember(s.t.Context(), s.Operator(), org, access.UserDraft{Email: email}, role, password)
	s.must("add a user", err)
	return user
}

// FlushUses writes the uses of credentials that wait in memory.
func (s *Site) FlushUses() {
	s.t.Helper()
	s.must("write uses", s.Uses.Flush(context.Background()))
}

// Events returns an organization's latest events, the newest first; all events of
// the installation where org is empty.
func (s *Site) Events(org string) []access.Event {
	s.t.Helper()
	var out []access.Event
	s.must("read events", s.Store.View(s.t.Context(), func(tx access.ReadTx) error {
		f := access.EventFilter{Limit: 1000}
		if org != "" {
			o, err := tx.Organization(org)
			if err != nil {
				return err
			}
			f.OrganizationID = o.ID
		}
		var err error
		out, err = tx.Events(f)
		return err
	}))
	return out
}

func (s *Site) must(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// Visitor is a browser without JavaScript: it keeps cookies and follows no redirect.
type Visitor struct {
	*http.Client
	site *Site
}

// Visitor returns a new one, with no cookies.
func (s *Site) Visitor() *Visitor {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	s.must("make a cookie jar", err)
	client := &http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &Visitor{client, s}
}

// SignedIn returns a visitor who has signed in with Password.
func (s *Site) SignedIn(email string) *Visitor {
	s.t.Helper()
	v := s.Visitor()
	if a := v.Post("/sign-in", "email", email, "password", Password); a.Status != http.StatusSeeOther {
		s.t.Fatalf("sign in as %s: status %d", email, a.Status)
	}
	return v
}

// Elevated returns a visitor who has signed in and elevated for ORG or ORG/APP.
func (s *Site) Elevated(email, scope string) *Visitor {
	s.t.Helper()
	v := s.SignedIn(email)
	v.Elevate(scope)
	return v
}

// Elevate elevates for ORG or ORG/APP, for 30 minutes.
func (v *Visitor) Elevate(scope string) {
	v.site.t.Helper()
	if a := v.Post("/elevate", "scope", scope, "reason", Reason, "minutes", "30", "password", Password); a.Status != http.StatusSeeOther {
		v.site.t.Fatalf("elevate for %s: status %d, want 303\n%s", scope, a.Status, a.Body)
	}
}

// Answer is what came back.
type Answer struct {
	Status   int
	Header   http.Header
	Location string // of a redirect
	Body     string
}

// Page parses the answer's body.
func (a Answer) Page(t testing.TB) *HTML {
	t.Helper()
	return ParseHTML(t, a.Body)
}

// Get asks the console for a page.
func (v *Visitor) Get(path string) Answer {
	v.site.t.Helper()
	return v.do(http.MethodGet, path, nil)
}

// Post sends a form to the console, given as names and values in turn.
func (v *Visitor) Post(path string, fields ...string) Answer {
	v.site.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return v.Send(path, form)
}

// Send sends a form to the console.
func (v *Visitor) Send(path string, form url.Values) Answer {
	v.site.t.Helper()
	return v.do(http.MethodPost, path, form)
}

func (v *Visitor) do(method, path string, form url.Values) Answer {
	v.site.t.Helper()
	request, err := http.NewRequestWithContext(v.site.t.Context(), method, v.site.ConsoleURL+path, strings.NewReader(form.Encode()))
	v.site.must("make a request", err)
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return v.site.send(v.Client, request)
}

// Call sends a request to the gateway or to forward-auth, without cookies. headers
// are names and values in turn; a name may come again.
func (s *Site) Call(method, url string, headers ...string) Answer {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, url, nil)
	s.must("make a request", err)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header[http.CanonicalHeaderKey(headers[i])] = append(request.Header[http.CanonicalHeaderKey(headers[i])], headers[i+1])
	}
	return s.send(http.DefaultClient, request)
}

func (s *Site) send(client *http.Client, request *http.Request) Answer {
	s.t.Helper()
	response, err := client.Do(request)
	s.must(request.Method+" "+request.URL.Path, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	s.must("read the answer", err)
	return Answer{Status: response.StatusCode, Header: response.Header, Location: response.Header.Get("Location"), Body: string(body)}
}

// Log keeps what was logged.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write appends to the log.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// String returns everything that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
