package access_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/ship"
	"claviger/internal/testkit"
	"claviger/store"
)

// briskly is a pace at which a test need not wait.
var briskly = access.ShipPace{Poll: time.Millisecond, Least: time.Millisecond, Most: 4 * time.Millisecond, Send: 10 * time.Second}

// until waits for something to come true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// running runs a shipper until what is returned is called, or the test ends.
func running(t *testing.T, s *access.Shipper) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return stop
}

// act adds events to a chain.
func actTimes(t *testing.T, st access.Store, n int) {
	t.Helper()
	auditor := access.NewAuditor(access.Deps{Store: st, Clock: testkit.NewClock()})
	for i := range n {
		if err := auditor.Record(t.Context(), access.Operator("root", "because"), access.ActBackup, map[string]string{"n": fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
}

func headOf(t *testing.T, st access.Store) int64 {
	t.Helper()
	head, err := access.NewAuditor(access.Deps{Store: st}).Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head.Seq
}

func cursorOf(t *testing.T, st access.Store, target string) (c access.ShipCursor) {
	t.Helper()
	err := st.View(t.Context(), func(tx access.ReadTx) error {
		var err error
		if c, err = tx.ShipCursor(target); errors.Is(err, access.ErrNoRow) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wholeChain fails unless lines are all events from the first to one, in order.
func wholeChain(t *testing.T, text []byte, through int64) {
	t.Helper()
	chain := access.NewChain(access.EventHead{})
	for line := range bytes.Lines(text) {
		e, err := access.ParseEventLine(line)
		if err != nil {
			t.Fatal(err)
		}
		chain.Follow(e)
	}
	if chain.Broken > 0 || chain.Head.Seq != through {
		t.Errorf("shipped up to %d of %d: %v", chain.Head.Seq, through, chain.Breaks)
	}
}

// TestWebhookThatFails: a target that refuses, breaks off and hangs up gets everything in the end, in order and without a gap;
// acts go on meanwhile, and what was acknowledged is not sent again after a restart.
func TestWebhookThatFails(t *testing.T) {
	st := testkit.Store(t)
	actTimes(t, st, 450) // more than two batches
	var mu sync.Mutex
	var got bytes.Buffer
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		calls++
		switch {
		case err != nil || calls%3 == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case calls%3 == 2:
			panic(http.ErrAbortHandler) // no answer
		default:
			got.Write(body)
		}
	}))
	t.Cleanup(server.Close)
	deps := access.Deps{Store: st, Clock: testkit.NewClock()}
	target := access.ShipTarget{Name: server.URL, Label: "webhook-1", Send: ship.NewWebhook(server.URL, "0123456789abcdef", "test", deps.Clock, nil).Send}
	var log testkit.Log
	s := access.NewShipper(deps, target, self(t, st), briskly, slog.New(slog.NewJSONHandler(&log, nil)))
	stop := running(t, s)
	actTimes(t, st, 50)
	until(t, "all is shipped", func() bool { return cursorOf(t, st, server.URL).Seq == 500 })
	stop()
	n := s.Stats()
	if n.Shipped != 500 || n.Failures < 4 || !n.Holds || n.Seq != 500 || n.Waiting != 0 || !n.ShippedAt.Equal(cursorOf(t, st, server.URL).ShippedAt) {
		t.Errorf("stats: %+v", n)
	}
	auditor := access.NewAuditor(deps)
	auditor.Ships = []string{server.URL, "new"}
	progress, err := auditor.Shipping(t.Context())
	if err != nil || len(progress) != 2 || progress[0].Seq != 500 || progress[0].Waiting != 0 || progress[1].Seq != 0 || progress[1].Waiting != 500 {
		t.Errorf("how far it has got: %+v, %v", progress, err)
	}
	if text := log.String(); !strings.Contains(text, "events could not be shipped") || !strings.Contains(text, "events are shipped again") {
		t.Errorf("log: %s", text)
	}
	actTimes(t, st, 1)
	running(t, access.NewShipper(deps, target, "the next process", briskly, slog.New(slog.DiscardHandler)))
	if !testkit.OnPostgres() {
		until(t, "the rest is shipped", func() bool { return cursorOf(t, st, server.URL).Seq == 501 })
		mu.Lock()
		defer mu.Unlock()
		wholeChain(t, got.Bytes(), 501)
	}
}

// self is the id of the node that a store belongs to.
func self(t *testing.T, st *store.Store) string {
	t.Helper()
	id := "the only one"
	until(t, "the node is known", func() bool {
		nodes, err := st.Nodes(t.Context())
		i := slices.IndexFunc(nodes, func(n access.Node) bool { return n.Self })
		if i >= 0 {
			id = nodes[i].ID
		}
		return err == nil && (nodes == nil || i >= 0)
	})
	return id
}

// TestNodesShipInTurn: of two nodes one ships; when it goes, or its target fails only there, the other one goes on where it was.
func TestNodesShipInTurn(t *testing.T) {
	database := testkit.SharedPostgres(t).Database(t)
	stores := []*store.Store{testkit.PostgresStore(t, database), testkit.PostgresStore(t, database)}
	path := filepath.Join(t.TempDir(), "events.jsonl")
	var broken sync.Map // by node: its way to the target
	shippers := make([]*access.Shipper, 2)
	for i, st := range stores {
		id := self(t, st)
		send := func(ctx context.Context, events []access.Event) error {
			if _, bad := broken.Load(id); bad {
				return errors.New("no way from here")
			}
			return ship.File{Path: path}.Send(ctx, events)
		}
		shippers[i] = access.NewShipper(access.Deps{Store: st, Clock: testkit.NewClock()}, access.ShipTarget{Name: "file", Label: "file-1", Send: send}, id, briskly, slog.New(slog.DiscardHandler))
	}
	actTimes(t, stores[0], 5)
	stop := running(t, shippers[0])
	until(t, "the first ships", func() bool { return cursorOf(t, stores[1], "file").Seq == 5 })
	running(t, shippers[1])
	actTimes(t, stores[1], 5)
	until(t, "the first ships what the second did", func() bool { return cursorOf(t, stores[1], "file").Seq == 10 })
	if n := shippers[1].Stats(); n.Shipped != 0 || n.Holds {
		t.Errorf("the second ships too: %+v", n)
	}
	broken.Store(self(t, stores[0]), true)
	actTimes(t, stores[1], 5)
	until(t, "the second ships instead", func() bool { return cursorOf(t, stores[1], "file").Seq == 15 && shippers[1].Stats().Shipped > 0 })
	if n := shippers[1].Stats(); n.Shipped != 5 {
		t.Errorf("the second: %+v", n)
	}
	broken.Delete(self(t, stores[0]))
	until(t, "one holds", func() bool { return cursorOf(t, stores[1], "file").Holder == self(t, stores[1]) })
	stop()
	if err := stores[0].Close(); err != nil {
		t.Fatal(err)
	}
	actTimes(t, stores[1], 5)
	until(t, "the one that is left ships", func() bool { return cursorOf(t, stores[1], "file").Seq == 20 })
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wholeChain(t, text, 20)
}

// TestLateAcknowledgement: a node that was taken for gone while it sent does not move the cursor of the one that took over.
func TestLateAcknowledgement(t *testing.T) {
	st := testkit.Store(t)
	actTimes(t, st, 3)
	sent := 0
	target := access.ShipTarget{Name: "slow", Label: "webhook-1"}
	target.Send = func(ctx context.Context, _ []access.Event) error {
		if sent++; sent > 1 {
			return errors.New("only once")
		}
		return st.Note(ctx, func(tx access.NoteTx) error {
			_, err := tx.HoldShipping("slow", self(t, st), "another")
			return err
		})
	}
	s := access.NewShipper(access.Deps{Store: st, Clock: testkit.NewClock()}, target, self(t, st), access.ShipPace{Poll: time.Hour, Least: time.Hour, Most: time.Hour, Send: time.Minute}, slog.New(slog.DiscardHandler))
	stop := running(t, s)
	until(t, "it is sent", func() bool { return cursorOf(t, st, "slow").Holder == "another" })
	stop()
	if c := cursorOf(t, st, "slow"); c.Seq != 0 || s.Stats().Shipped != 0 {
		t.Errorf("cursor %+v, stats %+v", c, s.Stats())
	}
}

// TestPruneWaitsForTargets: what a target has not acknowledged is not deleted.
func TestPruneWaitsForTargets(t *testing.T) {
	site := testkit.Server(t)
	actTimes(t, site.Store, 5)
	deps := access.Deps{Store: site.Store, Keys: site.Keys, Clock: site.Clock}
	auditor := access.NewAuditor(deps)
	var through access.EventHead
	if err := auditor.Export(t.Context(), access.Period{}, func(e access.Event) error {
		if e.Seq == 3 {
			through = access.EventHead{Seq: 3, Hash: e.Hash}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	auditor.Ships = []string{"file:/a"}
	who := access.Operator("root", "moved to the archive")
	if _, err := auditor.Prune(t.Context(), who, through); access.KindOf(err) != access.Conflict || !strings.Contains(err.Error(), "file:/a") {
		t.Errorf("nothing was shipped: %v", err)
	}
	move := func(seq int64) {
		t.Helper()
		err := site.Store.Note(t.Context(), func(tx access.NoteTx) error {
			_, err1 := tx.HoldShipping("file:/a", "", "n")
			_, err2 := tx.MoveShipCursor("file:/a", "n", seq, site.Clock.Now())
			return errors.Join(err1, err2)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	move(2)
	before := headOf(t, site.Store)
	if _, err := auditor.Prune(t.Context(), who, through); access.KindOf(err) != access.Conflict {
		t.Errorf("two were shipped: %v", err)
	}
	if head := headOf(t, site.Store); head != before {
		t.Errorf("a refused prune was recorded: %d events, then %d", before, head)
	}
	move(3)
	if n, err := auditor.Prune(t.Context(), who, through); err != nil || n != 3 {
		t.Errorf("three were shipped: %d, %v", n, err)
	}
}
