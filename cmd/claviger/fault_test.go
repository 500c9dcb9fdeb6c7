package main_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// This file and its neighbours (fault_*_test.go) break what a real server stands on, while it serves: its disk, its
// database, its network. Whatever breaks, nothing that was acknowledged is lost, nothing that is revoked opens anything,
// nothing that is good is called wrong, and it heals when the fault is over. TestCrash shares the means.

// watch is a caller who presents tokens, one after the other, whatever becomes of the server.
type watch struct {
	stop func() map[int]int // ends it and returns how often each status was answered; 0 = no answer
}

// watch presents tokens to a node at its two listeners in turn. One whose revocation was acknowledged longer than slack
// ago opens nothing, and one that nobody asked to revoke is never called wrong.
func (c *crash) watch(t *testing.T, p *testkit.Process, slack time.Duration) watch {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	answers := map[int]int{}
	var wait sync.WaitGroup
	wait.Go(func() {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for n := 0; ctx.Err() == nil; n++ {
			url := p.ConsoleURL + "/verify/acme/orders/backend"
			if n%2 == 1 {
				url = p.GatewayURL + "/acme/orders/backend/x"
			}
			if status := c.presentOne(ctx, t, client, url, slack); ctx.Err() == nil {
				answers[status]++
			}
		}
	})
	stop := sync.OnceFunc(func() { cancel(); wait.Wait() })
	t.Cleanup(stop)
	return watch{func() map[int]int { stop(); return answers }}
}

// presentOne presents a token that is there, and judges the answer.
func (c *crash) presentOne(ctx context.Context, t *testing.T, client *http.Client, url string, slack time.Duration) int {
	began := time.Now()
	c.mu.Lock()
	id := c.order[rand.IntN(len(c.order))]
	token, revoked, asked := c.tokens[id].token, c.tokens[id].revoked && began.Sub(c.tokens[id].at) > slack, c.tokens[id].asked
	c.mu.Unlock()
	status := statusOf(ctx, client, url, "Bearer "+token)
	if !asked {
		c.mu.Lock()
		asked = c.tokens[id].asked // meanwhile
		c.mu.Unlock()
	}
	switch {
	case status == http.StatusOK && revoked:
		t.Errorf("%s: token %s, which was revoked, is accepted", url, id)
	case status == http.StatusUnauthorized && !asked:
		t.Errorf("%s: token %s, which is good, is called wrong", url, id)
	case !slices.Contains([]int{0, 200, 401, 503}, status):
		t.Errorf("%s: token %s: status %d", url, id, status)
	}
	return status
}

// statusOf sends a GET and returns its status; 0 where no answer came.
func statusOf(ctx context.Context, client *http.Client, url, authorization string) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("X-Original-Method", "GET")
	response, err := client.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// act has n people make and revoke tokens, each so many times, whether or not that is done.
func (c *crash) act(round, n, times int) {
	var wait sync.WaitGroup
	for i, who := range c.people[:n] {
		wait.Go(func() {
			for k := range times {
				c.write(who, round, fmt.Sprintf("round %d writer %d token %d", round, i, k))
			}
		})
	}
	wait.Wait()
}

// heals waits until acts are done again, and returns how long that took.
func (c *crash) heals(t *testing.T, round int) time.Duration {
	t.Helper()
	began := time.Now()
	for n := 0; ; n++ {
		status := c.write(c.people[0], round, fmt.Sprintf("round %d healed %d", round, n))
		if status == http.StatusOK {
			return time.Since(began)
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("round %d: an act is answered %d for 30 s after the fault", round, status)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// onlyUnavailable checks that what was not done was answered 503, and returns how much that was.
func (c *crash) onlyUnavailable(t *testing.T) (refused int) {
	t.Helper()
	for status, n := range c.refused {
		refused += n
		if status != http.StatusServiceUnavailable {
			t.Errorf("%d acts that were not done were answered %d, want 503", n, status)
		}
	}
	return refused
}

func (c *crash) acknowledged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.recorded[access.ActCreateToken]) + len(c.recorded[access.ActRevokeToken])
}

// printed prints counts by status.
func printed(counts ...map[int]int) string {
	all := map[int]int{}
	for _, m := range counts {
		for status, n := range m {
			all[status] += n
		}
	}
	var words []string
	for _, status := range slices.Sorted(maps.Keys(all)) {
		words = append(words, fmt.Sprintf("%d × %d", all[status], status))
	}
	return strings.Join(words, ", ")
}
