package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// withUpstream is a server whose API "live" has a real upstream and which is
// impatient with it; it returns the gateway's address and a token.
func withUpstream(t *testing.T, upstream http.HandlerFunc) (gateway, token string) {
	t.Helper()
	s := parserServer(t)
	s.UpstreamTimeout = 50 * time.Millisecond
	server := httptest.NewServer(upstream)
	t.Cleanup(server.Close)
	operator := access.Operator("tester", "because a test needs it")
	if _, err := s.Registry.CreateAPI(t.Context(), operator, "acme", "orders", access.APIDraft{Slug: "live", Upstream: server.URL}); err != nil {
		t.Fatal(err)
	}
	issued, err := s.Registry.IssueToken(t.Context(), operator, "acme", "orders", access.Draft{Label: "till"})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(s.Gateway())
	t.Cleanup(front.Close)
	return front.URL + "/acme/orders/live/", issued.Secret.Expose()
}

// callUpstream returns the answer, with as much of its body as came, and the error
// that ended it.
func callUpstream(t *testing.T, url, token string) (*http.Response, string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

func TestGatewayUpstreamTooSlow(t *testing.T) {
	done := make(chan struct{})
	url, token := withUpstream(t, func(http.ResponseWriter, *http.Request) { <-done })
	defer close(done)
	response, body, err := callUpstream(t, url, token)
	var p problem
	if err != nil || json.Unmarshal([]byte(body), &p) != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if response.StatusCode != http.StatusGatewayTimeout || p.Type != problemBase+"upstream-timeout" || p.Reference == "" {
		t.Errorf("status %d: %s", response.StatusCode, body)
	}
}

func TestGatewayUpstreamHangsUp(t *testing.T) {
	url, token := withUpstream(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	response, body, err := callUpstream(t, url, token)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusBadGateway || !strings.Contains(body, "upstream-unreachable") {
		t.Errorf("status %d: %s", response.StatusCode, body)
	}
}

// TestGatewayHalfAnAnswerIsNoWhole: where the upstream breaks off, the caller's
// answer breaks off too, whether or not its length was told.
func TestGatewayHalfAnAnswerIsNoWhole(t *testing.T) {
	for _, length := range []string{"", "1000"} {
		url, token := withUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			_, _ = fmt.Fprint(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		if response, body, err := callUpstream(t, url, token); err == nil {
			t.Errorf("length %q: status %d, %q came as if it were all", length, response.StatusCode, body)
		}
	}
}

// TestPanicIsAnswered: with a problem where nothing was sent, and by breaking off
// where something was.
func TestPanicIsAnswered(t *testing.T) {
	s := parserServer(t)
	serve := func(handler http.HandlerFunc) (*http.Response, error) {
		server := httptest.NewServer(s.logged("gateway", handler))
		t.Cleanup(server.Close)
		response, err := http.Get(server.URL)
		if err != nil {
			return nil, err
		}
		defer func() { _ = response.Body.Close() }()
		_, err = io.ReadAll(response.Body)
		return response, err
	}
	if response, err := serve(func(http.ResponseWriter, *http.Request) { panic("at once") }); err != nil || response.StatusCode != http.StatusInternalServerError {
		t.Errorf("at once: %v (%v)", response, err)
	}
	if response, err := serve(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic("in the middle")
	}); err == nil {
		t.Errorf("in the middle: %v came as if it were all", response)
	}
}

// TestGatewayTrailers: a trailer of the caller's is no way around the rules for
// headers (RFC 9110 §6.5).
func TestGatewayTrailers(t *testing.T) {
	seen := make(chan http.Header, 1)
	url, token := withUpstream(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		seen <- r.Trailer.Clone()
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, struct{ io.Reader }{strings.NewReader("body")})
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Trailer = http.Header{"X-Auth-Subject": {"spoofed"}, "X_auth_kind": {"spoofed"}, "Authorization": {"Bearer " + token}, "X-Checksum": {"1"}}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	for name, values := range <-seen {
		if foldHeader(name) != "x-checksum" {
			t.Errorf("the upstream sees the trailer %s: %q", name, values)
		}
	}
}

// TestErrorsInShort: what is cut off for the log leaves no part of a secret behind.
func TestErrorsInShort(t *testing.T) {
	text := secret.Generate(secret.Token).Expose()
	for at := mostSaid - 2*len(text); at <= mostSaid; at++ {
		got := inShort(strings.Repeat("x", at) + text + strings.Repeat("y", 2000))
		if len(got) > mostSaid+len("…") || strings.Contains(got, text[:8]) {
			t.Fatalf("a secret at %d: …%s", at, got[at-10:])
		}
	}
}

// TestWhatWasDoneIsNotDenied: an act that took place, and could not be noted beside the
// database, is not said to have changed nothing.
func TestWhatWasDoneIsNotDenied(t *testing.T) {
	s := parserServer(t)
	for done, want := range map[bool]string{false: "Nothing was changed.", true: "It took place."} {
		recorder := httptest.NewRecorder()
		s.writePageError(recorder, httptest.NewRequest(http.MethodGet, "/", nil), &access.Error{Kind: access.Unavailable, Message: "It took place.", Done: done, Err: io.EOF})
		if body := recorder.Body.String(); recorder.Code != http.StatusServiceUnavailable || !strings.Contains(body, want) || strings.Contains(body, "Nothing was changed") == done {
			t.Errorf("done %v: %d: %s", done, recorder.Code, body)
		}
	}
}

// stuckStore is a real store that takes notes and never answers.
type stuckStore struct {
	access.Store
	asked atomic.Int64
}

// Note waits until nobody waits for it.
func (s *stuckStore) Note(ctx context.Context, _ func(access.NoteTx) error) error {
	s.asked.Add(1)
	<-ctx.Done()
	return &access.Error{Kind: access.Unavailable, Err: ctx.Err()}
}

// TestReadinessIsAskedOnce: those who ask at the same time whether the database can be
// written to wait for one and the same answer, not one behind the other.
func TestReadinessIsAskedOnce(t *testing.T) {
	s := parserServer(t)
	deps := s.Accounts.Deps
	stuck := &stuckStore{Store: deps.Store}
	deps.Store = stuck
	s.Accounts, s.Clock = access.NewAccounts(deps), access.NewSteadyClock(time.Now)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := s.writable(t.Context()); err == nil {
				t.Error("it can be written to")
			}
		})
	}
	all.Wait()
	if n := stuck.asked.Load(); n != 1 {
		t.Errorf("the database was asked %d times", n)
	}
}
