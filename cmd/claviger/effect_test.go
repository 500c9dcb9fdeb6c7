package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"claviger/internal/testkit"
)

// TestCommandHasTakenEffect: by the time a command line has returned, the very next request is refused: 200 times, at
// forward-auth and at the gateway, while others load both. Half of the commands are sent to the socket by the test itself,
// which asks at once when the server has answered, without the milliseconds in which a process ends.
func TestCommandHasTakenEffect(t *testing.T) {
	const times = 200
	p := testkit.Start(t, t.TempDir(), nil)
	acme(t, p)
	admin := elevated(t, p, owner, testkit.Password)
	good, _, err := admin.createToken("stays good")
	if err != nil || good == "" {
		t.Fatalf("make a token: %q, %v", good, err)
	}
	stop, accepted := load(t, p, "Bearer "+good)
	defer stop()
	for i := range times {
		token, id, err := admin.createToken(fmt.Sprintf("victim %d", i))
		if err != nil || token == "" {
			t.Fatalf("make token %d: %q, %v", i, token, err)
		}
		urls := []string{p.ConsoleURL + "/verify/acme/orders/backend", p.GatewayURL + "/acme/orders/backend/x"}
		if i%2 == 1 {
			urls[0], urls[1] = urls[1], urls[0] // whichever comes first is the very next request
		}
		for _, url := range urls {
			if status, body, err := present(url, "Bearer "+token); err != nil || status != http.StatusOK {
				t.Fatalf("token %d before: %d, %v: %s", i, status, err, body)
			}
		}
		act, want := "revoke", "revoked"
		if i%4 >= 2 {
			act, want = "pause", "paused"
		}
		if i%8 < 4 {
			must(t, p, "", "token", act, id, "--reason", reason)
		} else if answer, err := askSocket(filepath.Join(p.DataDir, "claviger.sock"), "token", act, id, "--reason", reason); err != nil || !strings.Contains(answer, `"exit":0`) {
			t.Fatalf("token %d: %s: %s, %v", i, act, answer, err)
		}
		for _, url := range urls {
			status, body, err := present(url, "Bearer "+token)
			if err != nil || status != http.StatusUnauthorized || !strings.Contains(body, want) {
				t.Fatalf("token %d after %s: %s answers %d, %v: %s", i, act, url, status, err, body)
			}
		}
	}
	stop()
	t.Logf("%d cut-offs, each refused at once, under %d other accepted calls", times, accepted.Load())
	if accepted.Load() < times {
		t.Errorf("only %d other calls: that is no load", accepted.Load())
	}
}

// load calls forward-auth and gateway with what is good, by two callers, until stop; each refusal is a failure.
func load(t *testing.T, p *testkit.Process, authorization string) (stop func(), accepted *atomic.Int64) {
	accepted = &atomic.Int64{}
	done := make(chan struct{})
	var wait sync.WaitGroup
	for _, url := range []string{p.ConsoleURL + "/verify/acme/orders/backend", p.GatewayURL + "/acme/orders/backend/load"} {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if status, body, err := present(url, authorization); err != nil || status != http.StatusOK {
					t.Errorf("what stays good: %d, %v: %s", status, err, body)
					return
				}
				accepted.Add(1)
			}
		})
	}
	return sync.OnceFunc(func() { close(done); wait.Wait() }), accepted
}

// TestUserDisabledAtOnce: the sessions of a disabled user are over at their next page, and there is no way back in.
func TestUserDisabledAtOnce(t *testing.T) {
	p := testkit.Start(t, t.TempDir(), nil)
	acme(t, p)
	for i := range 10 {
		email := fmt.Sprintf("user%d@example.com", i)
		must(t, p, testkit.Password+"\n", "user", "add", email, "--org", "acme", "--role", "admin")
		who := elevated(t, p, email, testkit.Password)
		if status, _, err := who.get(orders); err != nil || status != http.StatusOK {
			t.Fatalf("before: %d, %v", status, err)
		}
		must(t, p, "", "user", "disable", email, "--reason", reason)
		if i%2 == 0 {
			if token, _, _ := who.createToken("too late"); token != "" {
				t.Errorf("%s made a token although disabled", email)
			}
		}
		if status, body, err := who.get(orders); err != nil || status != http.StatusSeeOther {
			t.Errorf("the next page: %d, %v, want 303 to the sign-in: %.200s", status, err, body)
		}
		if status, _, err := who.post("/sign-in", "email", email, "password", testkit.Password); err != nil || status != http.StatusUnprocessableEntity {
			t.Errorf("sign in again: %d, %v, want 422", status, err)
		}
	}
}

// TestStopsGracefully: on SIGTERM a request under way is answered, new ones are not taken, and the use that was
// counted last is in the database.
func TestStopsGracefully(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	upstream := slowUpstream(t, arrived, release)
	p := testkit.Install(t, t.TempDir(), nil)
	acme(t, p)
	must(t, p, "", "api", "add", "acme/orders/slow", "--upstream", upstream)
	slow := must(t, p, "", "token", "create", "acme/orders", "--label", "slow", "--reason", reason)
	last := must(t, p, "", "token", "create", "acme/orders", "--label", "last", "--reason", reason)
	p.Start()
	type answer struct {
		status int
		body   string
		err    error
	}
	underWay := make(chan answer, 1)
	go func() {
		status, body, err := present(p.GatewayURL+"/acme/orders/slow/x", "Bearer "+slow)
		underWay <- answer{status, body, err}
	}()
	select {
	case <-arrived:
	case a := <-underWay:
		t.Fatalf("the slow call ended at once: %+v", a)
	}
	if status, _, err := present(p.ConsoleURL+"/verify/acme/orders/backend", "Bearer "+last); err != nil || status != http.StatusOK {
		t.Fatalf("the last call: %d, %v", status, err)
	}
	code := make(chan int, 1)
	go func() { code <- p.Stop() }()
	refused := false
	for deadline := time.Now().Add(10 * time.Second); !refused && time.Now().Before(deadline); {
		_, _, err := present(p.GatewayURL+"/healthz", "")
		refused = err != nil
	}
	close(release)
	if a := <-underWay; a.err != nil || a.status != http.StatusOK || a.body != "slow but whole" {
		t.Errorf("the request under way was answered %+v", a)
	}
	if c := <-code; c != 0 {
		t.Errorf("exit code %d: %s", c, p.Stderr())
	}
	if !refused {
		t.Error("new requests were taken after SIGTERM")
	}
	var tokens []struct {
		Label    string
		LastUsed *time.Time `json:"last_used"`
	}
	if err := json.Unmarshal([]byte(must(t, p, "", "token", "list", "acme/orders", "--json")), &tokens); err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens {
		if token.LastUsed == nil {
			t.Errorf("the call with %q, made right before the end, was not counted", token.Label)
		}
	}
}
