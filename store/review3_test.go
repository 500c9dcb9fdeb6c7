package store_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// TestLookupIsBounded: a database that takes a question and never answers must not hold
// requests, nor whoever watches streams, for longer than they wait.
func TestLookupIsBounded(t *testing.T) {
	t.Parallel()
	server := testkit.SharedPostgres(t)
	wire := testkit.NewWire(t, server.Address(), "claviger")
	n := nodes(t, server, 1, func(at string) string {
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		u.Host = wire.Address()
		return u.String()
	})
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
