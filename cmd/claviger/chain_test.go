package main_test

import (
	"bytes"
	"crypto/sha256"
	"path/filepath"
	"slices"
	"testing"

	"claviger/internal/access"
	"claviger/internal/testkit"
	"claviger/store"
)

// checkChain reads all events of an installation whose server does not run and checks that they are numbered without gaps,
// that each hash is that of its event and follows from the one before, and that there are at least so many. It
// returns them, the oldest first.
func checkChain(t testing.TB, p *testkit.Process, least int) []access.Event {
	t.Helper()
	return chainIn(t, testkit.StoreAt(t, filepath.Join(p.DataDir, "claviger.db")), least)
}

// chainIn does the same to an open store, which it closes.
func chainIn(t testing.TB, st *store.Store, least int) []access.Event {
	t.Helper()
	var events []access.Event
	err := st.View(t.Context(), func(tx access.ReadTx) (err error) {
		events, err = tx.Events(access.EventFilter{Limit: 1 << 30})
		return err
	})
	if err != nil {
		t.Fatalf("read events: %v", err)
	}
	if err := st.Close(); err != nil {
		t.Fatalf("close the store: %v", err)
	}
	slices.Reverse(events)
	before := make([]byte, sha256.Size)
	for i, e := range events {
		if e.Seq != int64(i)+1 || !bytes.Equal(e.PrevHash, before) || !bytes.Equal(e.Hash, e.ChainHash()) {
			t.Fatalf("the chain breaks at event %d, which says it is %d (%s of %s)", i+1, e.Seq, e.Act, e.TargetName)
		}
		before = e.Hash
	}
	if len(events) < least {
		t.Fatalf("%d events, fewer than the %d acts that were acknowledged", len(events), least)
	}
	return events
}
