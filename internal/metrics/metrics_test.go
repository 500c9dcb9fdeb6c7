package metrics_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claviger/internal/access"
	"claviger/internal/metrics"
	"claviger/internal/secret"
	"claviger/internal/ship"
	"claviger/internal/testkit"
	"claviger/web"
)

// shop is an installation that is measured, and its metrics.
type shop struct {
	*testkit.Site
	t                *testing.T
	token            string
	console, gateway http.Handler
	metrics          http.Handler
	shipper          *access.Shipper
}

// newShop wires what cmd wires: the site's own servers are not measured, so it has two of its own.
func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{Site: testkit.Server(t), t: t}
	s.Organization("acme")
	s.Application("acme", "orders")
	s.token = s.Token("acme", "orders", "nightly", "").Secret.Expose()
	measured := metrics.Measure(s.Store, s.Clock)
	deps := access.Deps{Store: measured, Keys: s.Keys, Passwords: secret.NewPasswords(1), Clock: s.Clock}
	uses := access.NewUseLog(measured, discard())
	verifier, accounts := access.NewVerifier(deps, uses), access.NewAccounts(deps)
	server := web.New(web.Options{
		Registry: access.NewRegistry(deps), Accounts: accounts, Verifier: verifier, Authority: access.NewAuthority(deps, accounts, verifier),
		Keys: s.Keys, Clock: s.Clock, Log: discard(), ConsoleURL: "http://localhost:8080", GatewayURL: "http://localhost:8081",
	})
	file := access.ShipTarget{Name: "file:orders", Label: "file-1", Send: ship.File{Path: filepath.Join(t.TempDir(), "events.jsonl")}.Send}
	s.shipper = access.NewShipper(deps, file, "node", access.DefaultShipPace(), discard())
	s.console, s.gateway = server.Console(), server.Gateway()
	s.metrics = metrics.Handler(metrics.Sources{
		Web: server, Verifier: verifier, Uses: uses, Store: measured, Clock: s.Clock, Version: "test",
		Keys:        func() int { return len(s.Keys.IDs()) },
		Certificate: func() time.Time { return time.Unix(1, 0) },
		Jumps:       func() access.Jumps { return access.Jumps{Count: 2} },
		Shippers:    []*access.Shipper{s.shipper},
	})
	return s
}

func (s *shop) call(h http.Handler, path string, authorization string) int {
	s.t.Helper()
	request := httptest.NewRequest(http.MethodGet, path, nil)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	return recorder.Code
}

// introspect asks what a token is, as a client of the application.
func (s *shop) introspect(tokens ...string) {
	s.t.Helper()
	client, err := s.Registry.IssueClient(s.t.Context(), s.Operator(), "acme", "orders", access.Draft{Label: "asker"})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, token := range tokens {
		request := httptest.NewRequest(http.MethodPost, "/oauth/introspect", strings.NewReader("token="+token))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.SetBasicAuth(client.Credential.ID, client.Secret.Expose())
		recorder := httptest.NewRecorder()
		if s.console.ServeHTTP(recorder, request); recorder.Code != http.StatusOK {
			s.t.Fatalf("introspection: %d %s", recorder.Code, recorder.Body)
		}
	}
}

// scrape returns the lines of an answer that hold values.
func (s *shop) scrape() []string {
	s.t.Helper()
	recorder := httptest.NewRecorder()
	s.metrics.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(recorder.Result().Body)
	if err != nil || recorder.Code != http.StatusOK {
		s.t.Fatalf("scrape: %d, %v: %s", recorder.Code, err, body)
	}
	var out []string
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// TestCounts: what happened is counted where it belongs, and once.
func TestCounts(t *testing.T) {
	s := newShop(t)
	bearer := "Bearer " + s.token
	s.introspect(s.token, secret.Generate(secret.Access).Expose(), "nothing")
	for range 3 {
		if got := s.call(s.console, "/verify/acme/orders/backend", bearer); got != http.StatusOK {
			t.Fatalf("verify: %d", got)
		}
	}
	s.call(s.gateway, "/acme/orders/backend/secret-path?access_token=x", bearer)
	s.call(s.gateway, "/acme/orders/backend/x", "Bearer "+secret.Generate(secret.Token).Expose())
	s.call(s.console, "/verify/acme/orders/backend", "")
	s.call(s.console, "/sign-in?password=hidden", "")
	s.call(s.console, "/orgs/acme/apps/orders", "")
	s.call(s.console, "/nothing/here", "")
	lines := s.scrape()
	for _, want := range []string{
		`claviger_decisions_total{door="verify",reason="accepted"} 3`,
		`claviger_decisions_total{door="verify",reason="no-credential"} 1`,
		`claviger_decisions_total{door="gateway",reason="accepted"} 0`, // two ways at once
		`claviger_decisions_total{door="gateway",reason="invalid"} 2`,
		`claviger_decisions_total{door="introspect",reason="accepted"} 1`,
		`claviger_decisions_total{door="introspect",reason="invalid"} 2`,
		`claviger_decision_sources_total{source="credential"} 2`,
		`claviger_requests_total{class="2xx",listener="console",route="/verify/{org}/{app}/{api}"} 3`,
		`claviger_requests_total{class="4xx",listener="console",route="/verify/{org}/{app}/{api}"} 1`,
		`claviger_requests_total{class="4xx",listener="gateway",route="/{org}/{app}/{api}"} 2`,
		`claviger_requests_total{class="2xx",listener="console",route="GET /sign-in"} 1`,
		`claviger_requests_total{class="3xx",listener="console",route="GET /orgs/{org}/apps/{app}"} 1`,
		`claviger_requests_total{class="4xx",listener="console",route="/"} 1`,
		`claviger_request_duration_seconds_count{family="verify",listener="console"} 4`,
		`claviger_uses_pending 1`,
		`claviger_keys 1`,
		`claviger_clock_jumps_total 2`,
		`claviger_audit_shipped_total{target="file-1"} 0`,
		`claviger_audit_ship_waiting{target="file-1"} 0`,
		`claviger_audit_ship_acknowledged_event{target="file-1"} 0`,
		`claviger_audit_ship_last_timestamp_seconds{target="file-1"} 0`,
		`claviger_audit_ships{target="file-1"} 0`,
		`claviger_feed_certain 1`,
		`claviger_database_up 1`,
		`claviger_build_info{go_version="` + goVersion(lines) + `",version="test"} 1`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %s", want)
		}
	}
	text := strings.Join(lines, "\n")
	for _, leak := range []string{"acme", "orders", "backend", "secret-path", "hidden", s.token, "nothing", "nightly"} {
		if strings.Contains(text, leak) {
			t.Errorf("%q of a request is in the metrics", leak)
		}
	}
	if s.Store.Close() == nil {
		s.call(s.console, "/verify/acme/orders/backend", "Bearer "+secret.Generate(secret.Token).Expose())
	}
	lines = s.scrape()
	for _, want := range []string{`claviger_database_up 0`, `claviger_decisions_total{door="verify",reason="unavailable"} 1`} {
		if !slices.Contains(lines, want) {
			t.Errorf("without its database: no line %s", want)
		}
	}
	if text := strings.Join(lines, "\n"); strings.Contains(text, "claviger_events_total") || strings.Contains(text, `claviger_store_transaction_failures_total{kind="lookup"} 0`) {
		t.Error("without its database it counts events, or no failures")
	}
}

// discard is a logger that nobody reads.
func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func goVersion(lines []string) string {
	for _, line := range lines {
		if m := regexp.MustCompile(`^go_info\{version="([^"]+)"\}`).FindStringSubmatch(line); m != nil {
			return m[1]
		}
	}
	return "?"
}

var histogramSuffix = regexp.MustCompile(`_(bucket|sum|count)$`)

// names returns the names of metrics in an answer, without the suffixes of histograms.
func names(lines []string) []string {
	var out []string
	for _, line := range lines {
		name, _, _ := strings.Cut(line, " ")
		name, _, _ = strings.Cut(name, "{")
		out = append(out, histogramSuffix.ReplaceAllString(name, ""))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func ours(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return !strings.HasPrefix(name, "claviger_") })
}

// TestDocumented: docs/metrics.md explains each metric that there is, with its labels, and none that there is not.
func TestDocumented(t *testing.T) {
	s := newShop(t)
	s.call(s.console, "/verify/acme/orders/backend", "Bearer "+s.token)
	lines := s.scrape()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(claviger_[a-z_]+)` \\| (gauge|counter|histogram) \\|([^|]*)\\|").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, m[1])
		for _, label := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(m[3], -1) {
			if !slices.ContainsFunc(lines, func(line string) bool {
				return strings.HasPrefix(line, m[1]) && strings.Contains(line, label[1]+`="`)
			}) {
				t.Errorf("%s has no label %s", m[1], label[1])
			}
		}
	}
	slices.Sort(documented)
	if diff := cmp.Diff(ours(names(lines)), documented); diff != "" {
		t.Errorf("metrics (-there are +documented):\n%s", diff)
	}
	for _, m := range regexp.MustCompile(`claviger_[a-z_]+`).FindAllString(string(page), -1) {
		if !slices.Contains(documented, histogramSuffix.ReplaceAllString(m, "")) {
			t.Errorf("docs/metrics.md speaks of %s, which is none", m)
		}
	}
}

// TestDashboard: every question of the dashboard asks for metrics and labels that there are.
func TestDashboard(t *testing.T) {
	s := newShop(t)
	s.call(s.console, "/verify/acme/orders/backend", "Bearer "+s.token)
	there := names(s.scrape())
	text, err := os.ReadFile("../../docs/deploy/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	metric := regexp.MustCompile(`\b((?:claviger|go|process)_[a-z_]+)\b`)
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			found := metric.FindAllString(target.Expr, -1)
			if len(found) == 0 {
				t.Errorf("%s: %q asks for nothing", panel.Title, target.Expr)
			}
			for _, name := range found {
				name = histogramSuffix.ReplaceAllString(name, "")
				asked[name] = true
				if !slices.Contains(there, name) {
					t.Errorf("%s: %q asks for %s, which is none", panel.Title, target.Expr, name)
				}
			}
		}
	}
	for _, name := range ours(there) {
		if !asked[name] && name != "claviger_build_info" {
			t.Errorf("no panel shows %s", name)
		}
	}
}
