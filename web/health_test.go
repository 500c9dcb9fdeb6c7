package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"claviger/internal/testkit"
)

// TestReadiness: ready while the database answers; a problem in words when it does not. /healthz says that the process
// serves either way.
func TestReadiness(t *testing.T) {
	t.Parallel()
	s := testkit.Server(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := s.Call("GET", s.ConsoleURL+path); a.Status != http.StatusOK || a.Body != "ok\n" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q", path, a.Status, a.Body)
		}
	}
	if a := s.Call("GET", s.ConsoleURL+"/readyz/x"); a.Status != http.StatusNotFound {
		t.Errorf("below it: %d", a.Status)
	}
	if err := s.Store.Close(); err != nil {
		t.Fatal(err)
	}
	a := s.Call("GET", s.ConsoleURL+"/readyz")
	if a.Status != http.StatusServiceUnavailable || a.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(a.Body, "The database cannot be reached") || !strings.Contains(a.Body, `"reference"`) {
		t.Errorf("without a database: %d %s", a.Status, a.Body)
	}
	if a := s.Call("GET", s.ConsoleURL+"/healthz"); a.Status != http.StatusOK {
		t.Errorf("healthz without a database: %d", a.Status)
	}
}

// TestDraining: a server that is about to stop says so at /readyz, and serves on.
func TestDraining(t *testing.T) {
	t.Parallel()
	s := testkit.Server(t)
	server := anotherServer(s, s.ConsoleURL, slog.DiscardHandler)
	console := server.Console()
	ask := func(path string) *httptest.ResponseRecorder {
		recorder := httptest.NewRecorder()
		console.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
		return recorder
	}
	if a := ask("/readyz"); a.Code != http.StatusOK {
		t.Fatalf("before: %d", a.Code)
	}
	server.Drain()
	if a := ask("/readyz"); a.Code != http.StatusServiceUnavailable || !strings.Contains(a.Body.String(), "The server is stopping") {
		t.Errorf("draining: %d %s", a.Code, a.Body)
	}
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/sign-in": http.StatusOK} {
		if a := ask(path); a.Code != want {
			t.Errorf("%s while draining: %d", path, a.Code)
		}
	}
}

// TestReadinessTellsReadOnly: a database in which a transaction can begin but nothing be written is told, and so is its end;
// not each answer asks it.
func TestReadinessTellsReadOnly(t *testing.T) {
	t.Parallel()
	server := testkit.SharedPostgres(t)
	url := server.EmptyDatabase(t)
	s := testkit.Server(t, testkit.OnDatabase(url))
	at, _, _ := strings.Cut(url, "?")
	name := at[strings.LastIndexByte(at, '/')+1:]
	postgres := strings.Replace(url, "/"+name, "/postgres", 1)
	turn := func(setting string) {
		t.Helper()
		server.Exec(t, postgres, "ALTER DATABASE "+name+" SET default_transaction_read_only = "+setting)
		server.Exec(t, postgres, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '"+name+"'")
	}
	const limited = "limited: the database cannot be written to"
	says := func(want bool, when string) {
		t.Helper()
		if a := s.Call("GET", s.ConsoleURL+"/readyz"); a.Status != http.StatusOK || strings.Contains(a.Body, limited) != want {
			t.Errorf("%s: %d %q", when, a.Status, a.Body)
		}
	}
	says(false, "at first")
	turn("on")
	says(false, "found out a moment ago")
	s.Clock.Advance(6 * time.Second)
	says(true, "read-only")
	turn("off")
	s.Clock.Advance(2 * time.Second)
	says(false, "healed")
}
