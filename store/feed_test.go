package store_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// bound is what is promised of other nodes: what is revoked is refused by every request
// that begins later than this after the confirmation.
const bound = time.Second

// twoNodes are two nodes on one database, with an application and tokens.
type twoNodes struct {
	t      *testing.T
	server *testkit.Postgres
	url    string
	a, b   *testkit.Site
	tokens []access.Issued
}

// nodes makes two nodes; the second one reaches the database by reach.
func nodes(t *testing.T, server *testkit.Postgres, tokens int, reach func(url string) string) *twoNodes {
	t.Helper()
	n := &twoNodes{t: t, server: server, url: server.Database(t)}
	n.a = testkit.Server(t, testkit.OnDatabase(n.url))
	n.b = testkit.Server(t, testkit.OnDatabase(reach(n.url)), testkit.Beside(n.a))
	n.a.Organization("acme")
	n.a.Application("acme", "orders")
	for i := range tokens {
		n.tokens = append(n.tokens, n.a.Token("acme", "orders", fmt.Sprint("token ", i), ""))
	}
	return n
}

func directly(url string) string { return url }

// through reaches a database by a wire.
func through(t *testing.T, wire *testkit.Wire) func(url string) string {
	return func(at string) string {
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		u.Host = wire.Address()
		return u.String()
	}
}

// ask asks the second node about a token; 0 where it gave no answer in time.
func (n *twoNodes) ask(i int) int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.b.ConsoleURL+"/verify/acme/orders/backend", nil)
	if err != nil {
		return 0
	}
	request.Header.Set("Authorization", "Bearer "+n.tokens[i].Secret.Expose())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// warm has the second node remember every token.
func (n *twoNodes) warm() {
	n.t.Helper()
	for i := range n.tokens {
		if status := n.ask(i); status != http.StatusOK {
			n.t.Fatalf("token %d: status %d before anything was revoked", i, status)
		}
	}
}

func (n *twoNodes) revoke(i int) {
	n.t.Helper()
	if _, err := n.a.Registry.Each(n.t.Context(), n.a.Operator(), "acme", "orders", access.RevokeThem, []string{n.tokens[i].Credential.ID}); err != nil {
		n.t.Fatalf("revoke: %v", err)
	}
}

// heard returns how long after a confirmation the second node's epoch changed, at most:
// zero where it had before.
func (n *twoNodes) heard(before uint64, confirmed time.Time) time.Duration {
	n.t.Helper()
	for i := 0; ; i++ {
		now, sure := n.b.Store.Epoch()
		lag := time.Since(confirmed)
		switch {
		case (now != before || !sure) && i == 0:
			return 0
		case now != before || !sure:
			return lag
		case lag > bound:
			n.t.Fatal("the other node has not heard of a change after a second, and is certain that there is none")
		}
	}
}

// until asks until a token is refused, and returns how long after the confirmation the
// last request began that was accepted; zero if there was none.
func (n *twoNodes) until(i int) (last time.Duration) {
	n.t.Helper()
	confirmed := time.Now()
	for {
		began := time.Since(confirmed)
		switch status := n.ask(i); {
		case status == http.StatusUnauthorized:
			return last
		case status == http.StatusOK && began > bound:
			n.t.Errorf("token %d: accepted by a request that began %s after its revocation was confirmed", i, began)
			return began
		case status == http.StatusOK:
			last = began
		case began > 30*time.Second:
			n.t.Fatalf("token %d: status %d for 30 s", i, status)
		}
	}
}

// TestRevocationReachesOtherNodes revokes on one node and asks the other, which
// remembers each token.
func TestRevocationReachesOtherNodes(t *testing.T) {
	t.Parallel()
	revocations := 1000
	if testing.Short() {
		revocations = 100
	}
	n := nodes(t, testkit.SharedPostgres(t), revocations, directly)
	n.warm()
	if _, sure := n.b.Store.Epoch(); !sure {
		t.Fatal("the other node remembers nothing: there is nothing to see here")
	}
	lags := make([]time.Duration, 0, revocations)
	accepted := 0
	for i := range n.tokens {
		before, _ := n.b.Store.Epoch()
		n.revoke(i)
		lags = append(lags, n.heard(before, time.Now()))
		if n.until(i) > 0 {
			accepted++
		}
	}
	slices.Sort(lags)
	t.Logf("%d revocations, %d followed by an acceptance on the other node; it heard of them after their confirmation: median %s, last %s",
		revocations, accepted, lags[len(lags)/2], lags[len(lags)-1])
}

// TestFeedIsCutOff cuts the feeds off again and again while tokens are revoked.
func TestFeedIsCutOff(t *testing.T) {
	t.Parallel()
	n := nodes(t, testkit.SharedPostgres(t), 40, directly)
	n.warm()
	for i := range n.tokens {
		testkit.AwaitFeed(t, n.b.Store) // it heals
		for range 2 {                   // asked, and remembered
			if status := n.ask(i); status != http.StatusOK {
				t.Fatalf("token %d: status %d before it was revoked", i, status)
			}
		}
		var cutting sync.WaitGroup
		cutting.Go(func() {
			n.server.Exec(t, n.url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'claviger feed'`)
		})
		n.revoke(i)
		n.until(i)
		cutting.Wait()
	}
}

// TestFeedHangs has the other node's feed fall silent without its connection breaking.
func TestFeedHangs(t *testing.T) {
	t.Parallel()
	server := testkit.SharedPostgres(t)
	wire := testkit.NewWire(t, server.Address(), "claviger feed")
	n := nodes(t, server, 12, through(t, wire))
	n.warm()
	worst := time.Duration(0)
	for i := range n.tokens {
		testkit.AwaitFeed(t, n.b.Store)
		if status := n.ask(i); status != http.StatusOK {
			t.Fatalf("token %d: status %d before it was revoked", i, status)
		}
		wire.Hold()
		n.revoke(i)
		worst = max(worst, n.until(i))
		if _, sure := n.b.Store.Epoch(); sure {
			t.Fatal("the feed is certain although it cannot hear")
		}
		wire.Release()
	}
	if worst == 0 {
		t.Error("no token was accepted after its revocation: the feed did not hang, or nothing was remembered")
	}
	t.Logf("with a feed that hangs, the last acceptance began %s after the confirmation", worst)
}

// TestDatabaseRestarts stops the database under two nodes and starts it again.
func TestDatabaseRestarts(t *testing.T) {
	t.Parallel()
	n := nodes(t, testkit.NewPostgres(t), 4, directly)
	n.warm()
	n.revoke(0)
	n.until(0)
	n.server.Stop(t)
	for range 20 {
		for i := range n.tokens {
			if status := n.ask(i); status != http.StatusServiceUnavailable {
				t.Fatalf("token %d while the database is down: status %d, want 503", i, status)
			}
		}
	}
	n.server.Start(t)
	deadline := time.Now().Add(20 * time.Second)
	for healed := 0; healed < len(n.tokens); {
		healed = 0
		for i := range n.tokens {
			switch status, want := n.ask(i), map[bool]int{true: http.StatusUnauthorized, false: http.StatusOK}[i == 0]; {
			case status == want:
				healed++
			case status != http.StatusServiceUnavailable || time.Now().After(deadline):
				t.Fatalf("token %d after the database came back: status %d, want %d", i, status, want)
			}
		}
	}
	testkit.AwaitFeed(t, n.a.Store)
	testkit.AwaitFeed(t, n.b.Store)
	n.revoke(1)
	n.until(1)
}
