package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
	"claviger/store"
	"claviger/store/storetest"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	server := testkit.SharedPostgres(t)
	storetest.Run(t, func(t *testing.T) access.Store { return testkit.PostgresStore(t, server.Database(t)) })
}

// TestPostgresStartsAtOnce opens an empty database from many nodes at once: one makes
// the schema, the others wait for it.
func TestPostgresStartsAtOnce(t *testing.T) {
	t.Parallel()
	url := testkit.SharedPostgres(t).EmptyDatabase(t)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			s, err := store.Open(t.Context(), store.Options{URL: url})
			if err == nil {
				err = errors.Join(s.View(t.Context(), func(tx access.ReadTx) error { _, err := tx.Users(); return err }), s.Close())
			}
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func query(t *testing.T, url, text string, into ...any) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(t.Context(), text).Scan(into...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// TestPostgresOrdersByBytes looks at every column of text there is.
func TestPostgresOrdersByBytes(t *testing.T) {
	t.Parallel()
	url := testkit.SharedPostgres(t).Database(t)
	var columns, others int
	query(t, url, `SELECT COUNT(*), COUNT(*) FILTER (WHERE collation_name IS DISTINCT FROM 'C')
		FROM information_schema.columns WHERE table_schema = 'public' AND data_type = 'text'`, &columns, &others)
	if columns < 50 || others != 0 {
		t.Errorf("%d of %d columns of text are ordered by a language", others, columns)
	}
}

// TestPostgresNewerSchema is a database that a newer program has changed.
func TestPostgresNewerSchema(t *testing.T) {
	t.Parallel()
	server := testkit.SharedPostgres(t)
	url := server.EmptyDatabase(t)
	if err := testkit.PostgresStore(t, url).Close(); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, url, `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, TRUE)`, store.SchemaVersion+1)
	_, err := store.Open(t.Context(), store.Options{URL: url})
	if err == nil || !strings.Contains(err.Error(), "start the newer claviger") {
		t.Errorf("error %v, want one that names the newer claviger", err)
	}
}

// TestPostgresFrozenNode has another node stop in the middle of an act, with the turn in
// its hands. The turn comes back.
func TestPostgresFrozenNode(t *testing.T) {
	t.Parallel()
	url := testkit.SharedPostgres(t).Database(t)
	s, frozen := testkit.PostgresStore(t, url), testkit.PostgresStore(t, url)
	inside, thaw := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- frozen.Update(context.Background(), func(tx access.Tx) error {
			close(inside)
			<-thaw
			_, err := tx.UseNonce("lost", time.Now())
			return err
		})
	}()
	<-inside
	_, err := s.Nodes(t.Context())
	if err != nil {
		t.Errorf("reading waits for no turn: %v", err)
	}
	if err := s.Update(t.Context(), func(tx access.Tx) error { _, err := tx.UseNonce("kept", time.Now()); return err }); err != nil {
		t.Errorf("an act behind a node that froze: %v", err)
	}
	close(thaw)
	if err := <-ended; access.KindOf(err) != access.Unavailable {
		t.Errorf("the act of the node that froze: %v, want unavailable", err)
	}
	for nonce, fresh := range map[string]bool{"lost": true, "kept": false} {
		var got bool
		if err := s.Update(t.Context(), func(tx access.Tx) (err error) { got, err = tx.UseNonce(nonce, time.Now()); return err }); err != nil || got != fresh {
			t.Errorf("nonce %s is new: %v (%v), want %v", nonce, got, err, fresh)
		}
	}
}

// TestNodeIsKnownBeforeItRemembers: from the moment at which a node trusts what it remembers, the others know that they
// have to wait for it.
func TestNodeIsKnownBeforeItRemembers(t *testing.T) {
	t.Parallel()
	url := testkit.SharedPostgres(t).Database(t)
	for i := range 5 {
		s := testkit.PostgresStore(t, url) // whose feed is certain
		nodes, err := s.Nodes(t.Context())
		if err != nil || len(nodes) != i+1 || !slices.ContainsFunc(nodes, func(n access.Node) bool { return n.Self && n.Alive() }) {
			t.Errorf("the nodes that are known after %d began: %+v, %v", i+1, nodes, err)
		}
	}
}

// TestConfirmed: whoever changes something can wait until the others act on it.
func TestConfirmed(t *testing.T) {
	t.Parallel()
	url := testkit.SharedPostgres(t).Database(t)
	a := testkit.Server(t, testkit.OnDatabase(url))
	other := testkit.PostgresStore(t, url)
	for i := range 20 {
		before, _ := other.Epoch()
		a.Organization(fmt.Sprint("org-", i))
		if waiting, err := a.Store.Confirmed(t.Context(), 30*time.Second); err != nil || len(waiting) != 0 {
			t.Fatalf("not confirmed by %v, %v", waiting, err)
		}
		if now, _ := other.Epoch(); now == before {
			t.Fatal("a node confirmed what it did not act on")
		}
	}
	var head access.EventHead
	err := a.Store.View(t.Context(), func(tx access.ReadTx) (err error) { head, err = tx.EventHead(); return err })
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := a.Store.Nodes(t.Context())
	if err != nil || len(nodes) != 2 {
		t.Fatalf("%d nodes, %v; want 2", len(nodes), err)
	}
	for _, n := range nodes {
		if !n.Alive() || n.Confirmed != head.Seq || n.Name == "" || n.StartedAt.IsZero() {
			t.Errorf("a node: %+v", n)
		}
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if nodes, err = a.Store.Nodes(t.Context()); err != nil || len(nodes) != 1 {
		t.Errorf("after one took its leave: %d nodes, %v", len(nodes), err)
	}
}
