package main_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"claviger/internal/testkit"
)

// otherNode is how long after a confirmation another node may still accept what was revoked.
const otherNode = time.Second

// TestFaultPostgres restarts and kills (SIGKILL) PostgreSQL under two servers, while people act on the one and callers
// call both. The database is set to answer commits before they are on the disk: what Claviger acknowledges is there all
// the same.
func TestFaultPostgres(t *testing.T) {
	server := testkit.NewPostgres(t, "fsync = on", "full_page_writes = on", "synchronous_commit = off", "wal_writer_delay = 5s")
	database := server.EmptyDatabase(t)
	env := shared(database, filepath.Join(t.TempDir(), "claviger.key"))
	c := newCrash(t, env)
	c.database = database
	c.signIn(t, 4)
	other := testkit.Start(t, t.TempDir(), env)
	rounds := dose(t, 2, 30)
	var served []map[int]int
	var healed []time.Duration
	for round := range rounds {
		c.act(round, 3, 2)
		calls, elsewhere := c.watch(t, c.p, 0), c.watch(t, other, otherNode)
		var acting sync.WaitGroup
		acting.Go(func() { c.act(round, 4, 4) })
		<-time.After(time.Duration(20*(1+round%5)) * time.Millisecond)
		if round%2 == 0 {
			server.Kill(t)
		} else {
			server.Stop(t)
		}
		acting.Wait()
		began := time.Now()
		server.Start(t)
		c.heals(t, round)
		c.healsAt(t, other)
		healed = append(healed, time.Since(began))
		served = append(served, calls.stop(), elsewhere.stop())
		c.check(t, c.p, round)
		c.check(t, other, round)
		if t.Failed() {
			t.FailNow()
		}
	}
	refused := c.onlyUnavailable(t)
	c.checkAll(t)
	slices.Sort(healed)
	t.Logf("%d ends of PostgreSQL: %d acts acknowledged, 0 lost; %d answered 503; calls meanwhile: %s; from its start to acts on one node and calls on the other: median %s, longest %s",
		rounds, c.acknowledged(), refused, printed(served...), healed[len(healed)/2].Round(time.Millisecond), healed[len(healed)-1].Round(time.Millisecond))
	if refused == 0 || !strings.Contains(printed(served...), "503") {
		t.Error("nothing was answered 503: the database was always there")
	}
}

// healsAt waits until a node accepts a good token again.
func (c *crash) healsAt(t *testing.T, p *testkit.Process) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	c.mu.Lock()
	token := c.tokens[c.order[0]].token // which nobody revokes
	c.mu.Unlock()
	for began := time.Now(); ; {
		status := statusOf(t.Context(), client, p.ConsoleURL+"/verify/acme/orders/backend", "Bearer "+token)
		if status == http.StatusOK {
			return
		}
		if status != http.StatusServiceUnavailable || time.Since(began) > 30*time.Second {
			t.Fatalf("a good token is answered %d, %s after the fault", status, time.Since(began))
		}
	}
}

// TestFaultRevocations revokes on one of two real servers, by forms, while the other one is under load, and asks that
// one until it refuses: nothing is accepted by a request that begins more than a second after the confirmation.
func TestFaultRevocations(t *testing.T) {
	database := testkit.SharedPostgres(t).EmptyDatabase(t)
	env := shared(database, filepath.Join(t.TempDir(), "claviger.key"))
	c := newCrash(t, env)
	c.database = database
	c.signIn(t, 4)
	other := testkit.Start(t, t.TempDir(), env)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	defer client.CloseIdleConnections()
	url := other.ConsoleURL + "/verify/acme/orders/backend"
	c.act(0, 3, 3)
	loads := []watch{c.watch(t, other, otherNode), c.watch(t, other, otherNode)}
	times := dose(t, 50, 1000)
	var lags []time.Duration
	accepted := 0
	for i := range times {
		token, id, err := c.people[0].createToken(fmt.Sprint("victim ", i))
		if err != nil || token == "" {
			t.Fatalf("make token %d: %v", i, err)
		}
		c.acknowledge(id, token, 0)
		for range 2 { // asked, and remembered
			if status := statusOf(t.Context(), client, url, "Bearer "+token); status != http.StatusOK {
				t.Fatalf("token %d before: %d", i, status)
			}
		}
		if status := c.revoke(c.people[0], id); status != http.StatusOK {
			t.Fatalf("revoke token %d: %d", i, status)
		}
		lag, last := lagOf(t.Context(), client, url, token)
		if lags = append(lags, lag); last > 0 {
			accepted++
		}
		if lag > otherNode {
			t.Errorf("token %d: accepted %s after the confirmation, refused after %s", i, last, lag)
		}
	}
	var calls []map[int]int
	for _, load := range loads {
		calls = append(calls, load.stop())
	}
	slices.Sort(lags)
	t.Logf("%d revocations: %d were followed by an acceptance on the other node; from the confirmation to the first refusal there: median %s, longest %s; calls meanwhile: %s",
		times, accepted, lags[len(lags)/2], lags[len(lags)-1], printed(calls...))
	if t.Failed() {
		return
	}
	c.checkAll(t)
}

// lagOf asks until a token is refused, and returns when, since now, the request that was refused began, and the last one
// that was accepted; zero if there was none.
func lagOf(ctx context.Context, client *http.Client, url, token string) (refused, accepted time.Duration) {
	confirmed := time.Now()
	for {
		began := time.Since(confirmed)
		status := statusOf(ctx, client, url, "Bearer "+token)
		if status != http.StatusOK || began > 10*time.Second {
			return began, accepted
		}
		accepted = max(began, 1)
	}
}
