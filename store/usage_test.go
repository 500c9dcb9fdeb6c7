package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
	"claviger/store"
)

// tokensOn opens a store of its own with some tokens. told is called after each commit that ends something, before it
// is acknowledged.
func tokensOn(t *testing.T, n int, told func(s *store.Store)) (s *store.Store, app access.Application, ids []string) {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "claviger.db"), Committed: func(c access.Commit) error {
		if len(c.Ended) > 0 {
			told(s)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	keys, err := secret.OpenKeyring(filepath.Join(dir, "claviger.key"))
	if err != nil {
		t.Fatal(err)
	}
	r, who := access.NewRegistry(access.Deps{Store: s, Keys: keys, Clock: testkit.NewClock()}), access.Operator("tester", testkit.Reason)
	if _, err := r.CreateOrganization(t.Context(), who, access.OrganizationDraft{Slug: "acme"}); err != nil {
		t.Fatal(err)
	}
	if app, err = r.CreateApplication(t.Context(), who, "acme", access.ApplicationDraft{Slug: "orders"}); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		issued, err := r.IssueToken(t.Context(), who, "acme", "orders", access.Draft{Label: fmt.Sprint(i)})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, issued.Credential.ID)
	}
	return s, app, ids
}

// called returns how often a credential was accepted in the day before a moment.
func called(t *testing.T, s *store.Store, id string, now time.Time) (n int64) {
	t.Helper()
	err := s.View(t.Context(), func(tx access.ReadTx) error {
		calls, err := tx.HourlyCalls([]string{id}, now.Add(-24*time.Hour))
		n = calls[id].Total
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return n
}

// lastUsed returns when a credential was used last.
func lastUsed(t *testing.T, s *store.Store, id string) (at time.Time) {
	t.Helper()
	err := s.View(t.Context(), func(tx access.ReadTx) error {
		last, err := tx.LastUses([]string{id})
		at = last[id].At
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return at
}

// TestUsesAreAddedOnce: what is looked at after uses were committed and before the store has added them to what it
// remembers is not remembered, or they would count twice. What is rolled back is not added.
func TestUsesAreAddedOnce(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Microsecond)
	var ids []string
	var between int64
	var lastBetween time.Time
	s, app, ids := tokensOn(t, 2, func(s *store.Store) { between, lastBetween = called(t, s, ids[0], now), lastUsed(t, s, ids[0]) })
	if at := lastUsed(t, s, ids[0]); !at.IsZero() {
		t.Errorf("used at %v, want never", at)
	}
	err := s.Update(t.Context(), func(tx access.Tx) error {
		if _, err := tx.RevokeCredential(ids[1], now, "tester", testkit.Reason); err != nil {
			return err
		}
		return tx.AddUses([]access.Use{{CredentialID: ids[0], ApplicationID: app.ID, Own: true, Minute: now.Truncate(time.Minute), At: now, Accepted: 5}})
	})
	if err != nil {
		t.Fatal(err)
	}
	if after := called(t, s, ids[0], now); between != 5 || after != 5 {
		t.Errorf("%d calls right after the commit and %d later, want 5", between, after)
	}
	if after := lastUsed(t, s, ids[0]); !lastBetween.Equal(now) || !after.Equal(now) {
		t.Errorf("used at %v right after the commit and %v later, want %v", lastBetween, after, now)
	}
	failed := errors.New("the closure's own")
	err = s.Note(t.Context(), func(tx access.NoteTx) error {
		use := access.Use{CredentialID: ids[0], ApplicationID: app.ID, Own: true, Minute: now.Truncate(time.Minute), At: now.Add(time.Second), Accepted: 5}
		return errors.Join(tx.AddUses([]access.Use{use}), failed)
	})
	if after := called(t, s, ids[0], now); !errors.Is(err, failed) || after != 5 {
		t.Errorf("%d calls after some were taken back (%v), want 5", after, err)
	}
	if at := lastUsed(t, s, ids[0]); !at.Equal(now) {
		t.Errorf("used at %v after a later use was taken back, want %v", at, now)
	}
}

// TestHoursWhileUsesAreWritten: while one writes and others look, nobody sees calls that are not there, or fewer than
// before; and in the end all see all.
func TestHoursWhileUsesAreWritten(t *testing.T) {
	t.Parallel()
	const times = 400
	now := time.Now().UTC()
	s, app, ids := tokensOn(t, 1, func(*store.Store) {})
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for before := int64(0); ; {
				n := called(t, s, ids[0], now)
				if n < before || n > times {
					t.Errorf("%d calls, and %d before", n, before)
					return
				}
				before = n
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range times {
		at := now.Add(-time.Duration(i%25*60) * time.Minute).Truncate(time.Minute)
		if i%25 == 24 {
			at = now.Add(-24 * time.Hour).Truncate(time.Minute) // in the part of an hour that comes first
		}
		err := s.Note(t.Context(), func(tx access.NoteTx) error {
			return tx.AddUses([]access.Use{{CredentialID: ids[0], ApplicationID: app.ID, Own: true, Minute: at, At: at, Accepted: 1}})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	readers.Wait()
	if n := called(t, s, ids[0], now); n != times {
		t.Errorf("%d calls in the end, want %d", n, times)
	}
}
