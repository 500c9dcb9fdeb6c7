package main_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"claviger/internal/testkit"
)

// answerBound is for how long a node whose database hangs keeps a caller waiting for its 503 (docs/several-nodes.md).
const answerBound = 5 * time.Second

// cutOff is one of two nodes, on its way to the database through something that can be cut.
type cutOff struct {
	c        *crash
	node     *testkit.Process
	cut, end func()
}

// TestFaultCutOff cuts a node off from PostgreSQL, by a network that loses every packet and by a connection that just
// hangs, and revokes on another node: a second after the confirmation the node accepts nothing that was revoked, answers
// 503 within a bound, and heals by itself.
func TestFaultCutOff(t *testing.T) {
	t.Parallel()
	t.Run("network", func(t *testing.T) {
		t.Parallel()
		network := testkit.NewNetwork(t)
		server := testkit.SharedPostgres(t)
		wire := testkit.NewWireAt(t, network.Here, server.Address(), "nothing is held back")
		f := newCutOff(t, server, wire.Address(), func(dir string) {
			text := fmt.Sprintf("[server]\nlisten = %s:8080\ndata_dir = %s\n\n[gateway]\nlisten = %s:8081\n", network.Apart, filepath.Join(dir, "data"), network.Apart)
			if err := os.WriteFile(filepath.Join(dir, "claviger.ini"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		})
		f.node.Under = network.Under
		f.cut, f.end = func() { network.Pull(t) }, func() { network.Plug(t) }
		f.run(t)
	})
	t.Run("hanging connections", func(t *testing.T) {
		t.Parallel()
		server := testkit.SharedPostgres(t)
		wire := testkit.NewWire(t, server.Address(), "claviger")
		f := newCutOff(t, server, wire.Address(), nil)
		f.cut, f.end = wire.Hold, wire.Release
		f.run(t)
	})
}

// newCutOff makes two nodes, of which the second one reaches the database at address. prepare may write its configuration.
func newCutOff(t *testing.T, server *testkit.Postgres, address string, prepare func(dir string)) *cutOff {
	t.Helper()
	database, keys := server.EmptyDatabase(t), filepath.Join(t.TempDir(), "claviger.key")
	f := &cutOff{c: newCrash(t, shared(database, keys))}
	f.c.database = database
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = address
	dir := t.TempDir()
	if prepare != nil {
		prepare(dir)
	}
	f.node = testkit.Install(t, dir, shared(u.String(), keys))
	return f
}

func (f *cutOff) run(t *testing.T) {
	c := f.c
	c.signIn(t, 4)
	f.node.Start()
	longest := time.Duration(0)
	for round := range dose(t, 1, 5) {
		c.act(round, 3, 4)
		c.healsAt(t, f.node)
		loads := []watch{c.watch(t, f.node, otherNode), c.watch(t, f.node, otherNode)}
		client := &http.Client{Transport: &http.Transport{}}
		for _, id := range c.order { // all are asked, and remembered
			statusOf(t.Context(), client, f.node.ConsoleURL+"/verify/acme/orders/backend", "Bearer "+c.tokens[id].token)
		}
		f.cut()
		for _, id := range slices.Clone(c.order) {
			if !c.tokens[id].asked && c.tokens[id].round == round && id[len(id)-2]%2 == 0 {
				c.revoke(c.people[0], id)
			}
		}
		confirmed := time.Now()
		<-time.After(otherNode)
		for range 2 {
			began := time.Now()
			status := statusOf(t.Context(), client, f.node.ConsoleURL+"/verify/acme/orders/backend", "Bearer "+c.tokens[c.order[0]].token)
			if longest = max(longest, time.Since(began)); status != http.StatusServiceUnavailable {
				t.Errorf("a node that is cut off for %s answers %d, want 503", time.Since(confirmed), status)
			}
		}
		f.end()
		began := time.Now()
		c.healsAt(t, f.node)
		c.check(t, f.node, round)
		t.Logf("cut off: 503 after at most %s, healed %s after the end of it; calls: %s", longest.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), printed(loads[0].stop(), loads[1].stop()))
		client.CloseIdleConnections()
	}
	if longest > answerBound+time.Second {
		t.Errorf("a caller waited %s for the answer", longest)
	}
	c.checkAll(t)
}
