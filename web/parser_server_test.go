package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/store"
)

// stillClock is an access.Clock that stands.
type stillClock time.Time

// Now returns the time at which it stands.
func (c stillClock) Now() time.Time { return time.Time(c) }

// parserServer is a Server over a real store with one secured application. It is for
// tests within the package, which cannot use the test kit: that imports it.
func parserServer(t testing.TB, proxies ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	keys, err := secret.OpenKeyring(filepath.Join(dir, "claviger.key"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "claviger.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	})
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	deps := access.Deps{Store: rows, Keys: keys, Passwords: secret.NewPasswords(1), Clock: stillClock(time.Now())}
	o := Options{
		Registry: access.NewRegistry(deps), Accounts: access.NewAccounts(deps), Verifier: access.NewVerifier(deps, access.NewUseLog(rows, log)),
		Keys: keys, Clock: deps.Clock, Log: log, ConsoleURL: "http://console.test", GatewayURL: "http://gateway.test",
	}
	for _, network := range proxies {
		o.TrustedProxies = append(o.TrustedProxies, netip.MustParsePrefix(network))
	}
	operator := access.Operator("tester", "because a test needs it")
	if _, err := o.Registry.CreateOrganization(t.Context(), operator, access.OrganizationDraft{Slug: "acme"}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Registry.CreateApplication(t.Context(), operator, "acme", access.ApplicationDraft{Slug: "orders"}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Registry.CreateAPI(t.Context(), operator, "acme", "orders", access.APIDraft{Slug: "backend", Upstream: access.EchoUpstream}); err != nil {
		t.Fatal(err)
	}
	return New(o)
}

// statusFor sends a GET with an Authorization header to a handler.
func statusFor(handler http.Handler, path, authorization string) int {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header["Authorization"] = []string{authorization}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code
}
