package testkit

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/store"
)

// template returns the bytes of an empty database with the current schema. It is
// migrated once a process, so that a fresh store costs only a copy.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "claviger-template-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return emptyDatabase(filepath.Join(dir, "claviger.db"))
})

// OnPostgres reports whether stores of tests are to be on PostgreSQL: with
// CLAVIGER_TEST_STORE=postgres in the environment.
func OnPostgres() bool { return os.Getenv("CLAVIGER_TEST_STORE") == "postgres" }

// Store returns a fresh store, which is closed at the end of the test: SQLite in a
// directory of its own, or, where [OnPostgres] says so, a database on PostgreSQL.
func Store(tb testing.TB) *store.Store {
	tb.Helper()
	if OnPostgres() {
		return PostgresStore(tb, SharedPostgres(tb).Database(tb))
	}
	return StoreAt(tb, filepath.Join(tb.TempDir(), "claviger.db"))
}

// StoreAt returns the store in the file at path, a fresh one when there is none.
// It is closed at the end of the test, if it was not closed before.
func StoreAt(tb testing.TB, path string) *store.Store {
	tb.Helper()
	if _, err := os.Stat(path); os.IsNotExist(err) {
		empty, err := template()
		if err != nil {
			tb.Fatalf("make an empty database: %v", err)
		}
		if err := os.WriteFile(path, empty, 0o600); err != nil {
			tb.Fatalf("copy an empty database: %v", err)
		}
	}
	return open(tb, store.Options{Path: path})
}

var nodes atomic.Int64 // that PostgresStore made in this process

// PostgresStore returns a store on the database with that URL, which has its schema
// already or not, as a node among those that the test may open beside it. Its feed has
// caught up. It is closed at the end of the test, if it was not closed before.
func PostgresStore(tb testing.TB, url string) *store.Store {
	tb.Helper()
	n := nodes.Add(1)
	s := open(tb, store.Options{
		URL: url, Now: time.Now, Node: access.Node{ID: fmt.Sprint("node-", n), Name: fmt.Sprint("machine-", n), Version: "test"},
		Log: slog.New(slog.DiscardHandler),
	})
	AwaitFeed(tb, s)
	return s
}

// AwaitFeed waits until a store is certain of other nodes' changes.
func AwaitFeed(tb testing.TB, s *store.Store) {
	tb.Helper()
	if err := await(func() (bool, error) { _, sure := s.Epoch(); return sure, nil }); err != nil {
		tb.Fatalf("wait for the change feed: %v", err)
	}
}

func open(tb testing.TB, o store.Options) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), o)
	if err != nil {
		tb.Fatalf("open store: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close store: %v", err)
		}
	})
	return s
}

// emptyDatabase makes a database at path and returns its bytes.
func emptyDatabase(path string) ([]byte, error) {
	s, err := store.Open(context.Background(), store.Options{Path: path})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
