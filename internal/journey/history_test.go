package journey

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
	"claviger/store"
)

// The people of Acme. All sign in with [password].
const (
	maria = "maria.lane@acme.example"
	jonas = "jonas.weber@acme.example"
	lea   = "lea.martin@acme.example"
	sam   = "sam.ortiz@acme.example"
)

// history writes what a company has done with Claviger in three months into a data directory, by the domain's own
// acts under a clock that is moved, before the real program starts on it.
type history struct {
	t         testing.TB
	clock     *testkit.Clock
	now       time.Time
	registry  *access.Registry
	accounts  *access.Accounts
	verifier  *access.Verifier
	authority *access.Authority
	uses      *access.UseLog
	store     *store.Store
}

// furnished starts the real program on an organization with a past, and a browser.
func furnished(t testing.TB, env []string, options ...testkit.BrowserOption) *console {
	t.Helper()
	process := testkit.Install(t, t.TempDir(), env)
	if err := os.MkdirAll(process.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	database := testkit.StoreAt(t, filepath.Join(process.DataDir, "claviger.db"))
	h := newHistory(t, process.DataDir, database)
	h.tell()
	must(t, h.uses.Flush(t.Context()))
	must(t, database.Close())
	process.Start()
	return watch(t, process, options...)
}

func newHistory(t testing.TB, dataDir string, database *store.Store) *history {
	t.Helper()
	keys, err := secret.OpenKeyring(filepath.Join(dataDir, "claviger.key"))
	must(t, err)
	clock := testkit.NewClock()
	deps := access.Deps{
		Store: database, Keys: keys, Passwords: secret.NewPasswords(2), Clock: clock,
		Limits: access.Limits{
			ElevationMax: time.Hour, SessionIdle: 8 * time.Hour, SessionMax: 7 * 24 * time.Hour, PasswordAttempts: 10, PasswordWindow: 15 * time.Minute,
			DefaultTTL: 7 * 24 * time.Hour, MaxTTL: 30 * 24 * time.Hour,
		},
	}
	uses := access.NewUseLog(database, slog.New(slog.DiscardHandler))
	accounts, verifier := access.NewAccounts(deps), access.NewVerifier(deps, uses)
	return &history{t, clock, clock.Now(), access.NewRegistry(deps), accounts, verifier, access.NewAuthority(deps, accounts, verifier), uses, database}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const day = 24 * time.Hour

func (h *history) tell() {
	h.t.Helper()
	h.ago(84*day + 3*time.Hour)
	h.found()
	m := h.elevated(maria, "Issue the first tokens, ticket 4102")
	northwind := h.token(m, "Northwind nightly", "90d", "*:read")
	h.token(m, "CI smoke test", "365d", "*:read", "*:write")
	importer := h.token(m, "Old importer", "never", "backend:write")
	h.token(m, "Fabrikam trial", "30d", "backend:read")
	laptop := h.token(m, "Laptop of Jonas", "365d", "*:read", "*:write")
	h.calls(importer, "backend", "203.0.113.40", "importer/0.9", 3)
	must(h.t, h.uses.Flush(h.t.Context()))

	people := h.fortyDaysAgo()
	h.ago(31 * day)
	j := h.elevated(jonas, "Laptop was stolen, incident 118")
	_, err := h.registry.Each(h.t.Context(), j, "acme", "orders", access.RevokeThem, []string{laptop.Credential.ID})
	must(h.t, err)

	h.sixDaysAgo(people)
	h.ago(3*day + 5*time.Hour)
	m = h.elevated(maria, "Contoso starts on Monday, ticket 4655")
	contoso := h.token(m, "Contoso warehouse", "365d", "backend:read", "backend:write")
	dashboard := h.token(m, "Sales dashboard", "90d", "oplog:read")
	_, err = h.registry.Each(h.t.Context(), m, "acme", "orders", access.PauseThem, []string{importer.Credential.ID})
	must(h.t, err)
	basic, err := h.registry.RevealBasic(h.t.Context(), m, "acme", "orders", "")
	must(h.t, err)

	h.yesterday()
	h.ago(6 * time.Hour)
	h.calls(contoso, "backend", "198.51.100.23", "contoso-wms/5.1", 61)
	h.ago(4 * time.Hour)
	h.calls(dashboard, "oplog", "10.0.3.15", "Grafana/12.1", 144)
	h.anHourAgo(people)
	h.ago(9 * time.Minute)
	h.basicCalls(basic, "10.0.3.7", "curl/8.5.0", 17)
	h.ago(2 * time.Minute)
	h.calls(northwind, "backend", "203.0.113.7", "northwind-sync/2.4", 38)
	_, password := h.orders()
	h.aMonth(
		habit{northwind.Credential.ID, "backend", 30, 70, 2, 3, from("northwind-sync/2.4", "203.0.113.7", "203.0.113.7", "203.0.113.8"), 37, access.InsufficientScope},
		habit{password, "backend", 30, 46, 13, 8, from("curl/8.5.0", "10.0.3.7", "10.0.3.8", "10.0.3.7", "198.51.100.77"), 29, access.AddressNotAllowed},
		habit{contoso.Credential.ID, "backend", 3, 24, 10, 6, from("contoso-wms/5.1", "198.51.100.23"), 0, access.Accepted},
		habit{dashboard.Credential.ID, "oplog", 3, 12, 12, 12, from("Grafana/12.1", "10.0.3.15"), 0, access.Accepted},
	)
	must(h.t, h.uses.Flush(h.t.Context()))
}

// found makes the organization, its people and its applications.
func (h *history) found() {
	h.t.Helper()
	ctx, operator := h.t.Context(), access.Operator("root", "set up Acme")
	_, err := h.registry.CreateOrganization(ctx, operator, access.OrganizationDraft{Slug: "acme", Name: "Acme"})
	must(h.t, err)
	for _, p := range []struct {
		email, name string
		role        access.Role
	}{{maria, "Maria Lane", access.Owner}, {jonas, "Jonas Weber", access.Admin}, {lea, "Lea Martin", access.Member}, {sam, "Sam Ortiz", access.Viewer}} {
		generated := func() (secret.Secret, error) { return secret.New(password), nil }
		_, _, err := h.accounts.AddMember(ctx, operator, "acme", access.UserDraft{Email: p.email, Name: p.name}, p.role, generated)
		must(h.t, err)
	}
	m := h.signedIn(maria).Actor(caller("10.0.3.2"), "Firefox")
	for _, app := range []access.ApplicationDraft{{Slug: "orders", Name: "Orders"}, {Slug: "orders-staging", Name: "Orders staging"}} {
		_, err := h.registry.CreateApplication(ctx, m, "acme", app)
		must(h.t, err)
	}
	for _, api := range []access.APIDraft{{Slug: "backend", Name: "Backend API"}, {Slug: "oplog", Name: "Oplog API"}} {
		h.clock.Advance(20 * time.Second)
		api.Upstream = access.EchoUpstream
		_, err := h.registry.CreateAPI(ctx, m, "acme", "orders", api)
		must(h.t, err)
	}
}

// ago moves the clock to so long before now.
func (h *history) ago(d time.Duration) { h.clock.Advance(h.now.Add(-d).Sub(h.clock.Now())) }

func (h *history) signedIn(email string) access.Visit {
	h.t.Helper()
	in, err := h.accounts.SignIn(h.t.Context(), access.Credentials{Email: email, Password: secret.New(password), Caller: caller("10.0.3.2"), Agent: "Firefox"})
	must(h.t, err)
	visit, err := h.accounts.Authenticate(h.t.Context(), in.Token)
	must(h.t, err)
	return visit
}

// elevated signs somebody in and elevates for acme/orders.
func (h *history) elevated(email, why string) access.Actor {
	h.t.Helper()
	visit := h.signedIn(email)
	token, err := h.accounts.Elevate(h.t.Context(), visit, visit.Actor(caller("10.0.3.2"), "Firefox"), access.ElevationDraft{Organization: "acme", Application: "orders", Reason: why, Minutes: 30})
	must(h.t, err)
	h.clock.Advance(40 * time.Second)
	visit, err = h.accounts.Authenticate(h.t.Context(), token)
	must(h.t, err)
	return visit.Actor(caller("10.0.3.2"), "Firefox")
}

func (h *history) token(who access.Actor, label, expires string, scopes ...string) access.Issued {
	h.t.Helper()
	h.clock.Advance(70 * time.Second)
	draft := access.Draft{Label: label, Expires: expires}
	for _, text := range scopes {
		scope, err := access.ParseScopes(text)
		must(h.t, err)
		draft.Scopes = append(draft.Scopes, scope...)
	}
	issued, err := h.registry.IssueToken(h.t.Context(), who, "acme", "orders", draft)
	must(h.t, err)
	return issued
}

func (h *history) calls(token access.Issued, api, from, agent string, n int) {
	h.t.Helper()
	method := "GET"
	if !token.Credential.Restriction.Effective().Allow(api, access.Read) {
		method = "POST"
	}
	h.present(access.Presented{Way: access.WayBearer, Secret: token.Secret}, method, api, from, agent, n)
}

func (h *history) basicCalls(basic access.Revealed, from, agent string, n int) {
	h.t.Helper()
	h.present(access.Presented{Way: access.WayBasic, Name: basic.Username, Secret: basic.Password}, "GET", "backend", from, agent, n)
}

// present has a credential judged n times.
func (h *history) present(p access.Presented, method, api, from, agent string, n int) {
	h.t.Helper()
	for range n {
		_, err := h.verifier.Verify(h.t.Context(), access.Request{
			Organization: "acme", Application: "orders", API: api, WantAPI: true, Method: method, Presented: p, Caller: caller(from), Agent: agent,
		})
		must(h.t, err)
	}
}

func caller(address string) access.Caller {
	return access.Caller{Address: netip.MustParseAddr(address)}
}
