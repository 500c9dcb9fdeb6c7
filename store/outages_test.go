package store_test

import (
	"context"
	"io"
	"path/filepath"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
	"claviger/store"
)

// TestLookupIsBounded: a database that takes a question and never answers must not hold
// requests, nor whoever watches streams, for longer than they wait.
func TestLookupIsBounded(t *testing.T) {
	t.Parallel()
	server := testkit.SharedPostgres(t)
	wire := testkit.NewWire(t, server.Address(), "claviger")
	n := nodes(t, server, 1, through(t, wire))
	n.warm()
	wire.Hold()
	defer wire.Release()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- n.b.Store.Lookup(ctx, func(tx access.ReadTx) error {
			_, err := tx.CredentialByDigests(n.b.Keys.Digests(secret.Generate(secret.Token)))
			return err
		})
	}()
	select {
	case err := <-done:
		if err == nil {
			t.Error("answered, though the database did not")
		}
	case <-time.After(5 * time.Second):
		t.Error("the lookup waits for a database that does not answer")
	}
}

// TestWhatWasCommittedIsDone: where a commit could not be noted beside the database, the
// error says that it happened.
func TestWhatWasCommittedIsDone(t *testing.T) {
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "claviger.db"), Committed: func(access.Commit) error { return io.EOF }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	err = s.Update(t.Context(), func(tx access.Tx) error { return tx.SkipEndings(3, time.Unix(1, 0)) })
	if access.KindOf(err) != access.Unavailable || !access.AsError(err).Done {
		t.Errorf("%v, want that it was done", err)
	}
	err = s.View(t.Context(), func(tx access.ReadTx) error {
		if n, err := tx.LastEnding(); n != 4 || err != nil {
			t.Errorf("the last ending: %d, %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
