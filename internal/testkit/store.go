package testkit

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

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

// Store returns a fresh SQLite store in a directory of its own, which is closed
// at the end of the test.
func Store(tb testing.TB) *store.Store {
	tb.Helper()
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
	s, err := store.Open(tb.Context(), store.Options{Path: path})
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
