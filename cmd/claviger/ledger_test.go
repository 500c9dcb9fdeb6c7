package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/config"
	"claviger/internal/secret"
	"claviger/store"
)

func headAt(seq int64) access.EventHead {
	sum := sha256.Sum256(fmt.Append(nil, seq))
	return access.EventHead{Seq: seq, Hash: sum[:], At: time.UnixMicro(1_800_000_000_000_000 + seq).UTC()}
}

func ending(n int64) access.Ending {
	return access.Ending{N: n, At: time.UnixMicro(1_800_000_000_000_000 + n).UTC(), Kind: access.EndedCredential, ID: fmt.Sprintf("tok_%d", n)}
}

// openTestLedger opens a ledger that has begun.
func openTestLedger(t *testing.T, dir string) *ledger {
	t.Helper()
	l, err := openLedger(dir)
	for range 1000 { // a process that another test is just starting has every file of ours for a moment
		if err != nil || l.anchor != nil {
			break
		}
		pause(t.Context(), time.Millisecond)
		l, err = openLedger(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := l.begin(access.EventHead{}); err != nil {
		t.Fatal(err)
	}
	return l
}

// crashed gives the files free as the end of a process does, without a last word.
func (l *ledger) crashed(t *testing.T) {
	t.Helper()
	if err := errors.Join(l.list.close(), l.anchor.close()); err != nil {
		t.Fatal(err)
	}
}

// TestLedgerKnowsWhatWasAcknowledged: after each acknowledgement the end of the
// process takes nothing from it, whichever of the two files was written.
func TestLedgerKnowsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for seq := int64(1); seq <= 9; seq++ {
		l := openTestLedger(t, dir)
		if got := l.known(); got.Seq != seq-1 || seq > 1 && string(got.Hash) != string(headAt(seq-1).Hash) {
			t.Fatalf("before %d it knows %s", seq, got)
		}
		c := access.Commit{Head: headAt(seq)}
		if seq%3 == 0 {
			c.Ended = []access.Ending{ending(seq)}
		}
		if err := l.committed(c); err != nil {
			t.Fatal(err)
		}
		l.crashed(t)
	}
	list, err := readRevocations(dir, 4)
	if err != nil || !slices.Equal(list.list, []access.Ending{ending(6), ending(9)}) {
		t.Errorf("behind 3: %+v, %v", list, err)
	}
	l := openTestLedger(t, dir)
	if err := errors.Join(l.reset(headAt(4)), l.close()); err != nil {
		t.Fatal(err)
	}
	l = openTestLedger(t, dir)
	if got := l.known(); got.Seq != 4 {
		t.Errorf("after a reset it knows %s", got)
	}
	if other, err := openLedger(dir); err != nil || other.anchor != nil {
		t.Errorf("two processes have the anchor: %v", err)
	}
	l.crashed(t)
}

// TestLedgerAtOnce: many commits at once, told in any order.
func TestLedgerAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openTestLedger(t, dir)
	var all sync.WaitGroup
	for seq := int64(1); seq <= 200; seq++ {
		all.Go(func() {
			c := access.Commit{Head: headAt(seq)}
			if seq%2 == 0 {
				c.Ended = []access.Ending{ending(seq / 2)}
			}
			if err := l.committed(c); err != nil {
				t.Error(err)
			}
			if got := l.known(); got.Seq < seq {
				t.Errorf("%d is acknowledged, and only %d is on the disk", seq, got.Seq)
			}
		})
	}
	all.Wait()
	l.crashed(t)
	list, err := readRevocations(dir, 0)
	if err != nil || len(list.list) != 100 {
		t.Fatalf("%d revocations, %v", len(list.list), err)
	}
	l = openTestLedger(t, dir)
	if got := l.known(); got.Seq != 200 {
		t.Errorf("it knows %s", got)
	}
	l.crashed(t)
}

// TestRevocationsTorn: a last line that a power cut tore is written over; any other
// damage is told.
func TestRevocationsTorn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openTestLedger(t, dir)
	for n := int64(1); n <= 3; n++ {
		if err := l.committed(access.Commit{Head: headAt(n), Ended: []access.Ending{ending(n)}}); err != nil {
			t.Fatal(err)
		}
	}
	l.crashed(t)
	path := filepath.Join(dir, revocationsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text[:len(text)-20])
	l = openTestLedger(t, dir)
	if err := l.committed(access.Commit{Head: headAt(4), Ended: []access.Ending{ending(4)}}); err != nil {
		t.Fatal(err)
	}
	l.crashed(t)
	list, err := readRevocations(dir, 0)
	if err != nil || !slices.Equal(list.list, []access.Ending{ending(1), ending(2), ending(4)}) {
		t.Errorf("torn, and gone on: %+v, %v", list, err)
	}
	text[len(text)/2] ^= 1
	write(text)
	if _, err := readRevocations(dir, 0); !errors.Is(err, errDamaged) {
		t.Errorf("damaged in the middle: %v", err)
	}
}

// TestLedgerCatchesUp: what the database ended, and a process that was killed did not
// write, is written at the next start.
func TestLedgerCatchesUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openTestLedger(t, dir)
	st, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, databaseFile), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	err = st.Update(t.Context(), func(tx access.Tx) error {
		_, err := tx.InsertUser(access.User{ID: "usr_1", Email: "a@example.com", EmailKey: "a@example.com", CreatedAt: time.Now()})
		return errors.Join(err, tx.SkipEndings(5, time.Now()))
	})
	err = errors.Join(err, st.Update(t.Context(), func(tx access.Tx) error {
		_, err := tx.DisableUser("usr_1", time.Now())
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := l.catchUp(t.Context(), st); err != nil || n != 2 {
		t.Errorf("%d written, %v", n, err)
	}
	l.crashed(t)
	l = openTestLedger(t, dir)
	if n, err := l.catchUp(t.Context(), st); err != nil || n != 0 {
		t.Errorf("again: %d written, %v", n, err)
	}
	list, err := readRevocations(dir, 7)
	if err != nil || len(list.list) != 1 || list.list[0].Kind != access.EndedUser || list.list[0].ID != "usr_1" {
		t.Errorf("%+v, %v", list, err)
	}
	l.crashed(t)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkDurableAct compares acts with a bare commit of the same rows in the same
// run: `go test ./cmd/claviger -run - -bench DurableAct`.
func BenchmarkDurableAct(b *testing.B) {
	dir := b.TempDir()
	l, err := openLedger(dir)
	if err == nil {
		err = l.begin(access.EventHead{})
	}
	if err != nil {
		b.Fatal(err)
	}
	st, registry := benchStore(b, filepath.Join(dir, databaseFile), l.committed)
	bare, _ := benchStore(b, filepath.Join(dir, "bare.db"), nil)
	who := access.Operator("bench", "because it is measured")
	var plain, create, revoke []time.Duration
	for b.Loop() {
		var made access.Issued
		create = append(create, took(b, func() (err error) {
			made, err = registry.IssueToken(b.Context(), who, "acme", "sandbox", access.Draft{Label: "ci"})
			return err
		}))
		plain = append(plain, bareCommit(b, st, bare, made.Credential))
		revoke = append(revoke, took(b, func() error {
			_, err := registry.Each(b.Context(), who, "acme", "sandbox", access.RevokeThem, []string{made.Credential.ID})
			return err
		}))
	}
	base := median(plain)
	b.ReportMetric(float64(base.Microseconds()), "µs/bare-commit")
	b.ReportMetric(float64(median(create))/float64(base), "create/bare")
	b.ReportMetric(float64(median(revoke))/float64(base), "revoke/bare")
	if err := errors.Join(st.Close(), l.close(), bare.Close()); err != nil {
		b.Fatal(err)
	}
}

func benchStore(b *testing.B, path string, told func(access.Commit) error) (*store.Store, *access.Registry) {
	b.Helper()
	st, err := store.Open(b.Context(), store.Options{Path: path, Now: time.Now, Committed: told})
	if err != nil {
		b.Fatal(err)
	}
	keys, err := secret.OpenKeyring(path + ".key")
	if err != nil {
		b.Fatal(err)
	}
	registry := access.NewRegistry(access.Deps{Store: st, Keys: keys, Clock: access.NewSteadyClock(time.Now)})
	if _, err := registry.CreateOrganization(b.Context(), access.Operator("bench", "because it is measured"), access.OrganizationDraft{Slug: "acme"}); err != nil {
		b.Fatal(err)
	}
	return st, registry
}

// bareCommit writes the rows of an act once more, into a store that tells nobody, and
// measures that alone.
func bareCommit(b *testing.B, from, to *store.Store, c access.Credential) time.Duration {
	b.Helper()
	var last []access.Event
	err := from.View(b.Context(), func(tx access.ReadTx) (err error) {
		last, err = tx.Events(access.EventFilter{Limit: 1})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return took(b, func() error {
		return to.Update(b.Context(), func(tx access.Tx) error {
			apps, err := tx.Organizations()
			if err != nil {
				return err
			}
			list, err := tx.Applications(apps[0].ID)
			if err != nil {
				return err
			}
			c.OrganizationID, c.ApplicationID = apps[0].ID, list[0].ID
			return errors.Join(tx.InsertCredential(c), tx.InsertEvent(last[0]))
		})
	})
}

func took(b *testing.B, do func() error) time.Duration {
	b.Helper()
	began := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// TestLedgerFindsWhatCameBefore: of several nodes one can write down an ending of its own
// and crash before it has seen an earlier one of another node's. That is noted at the next
// start, though nothing in the file comes before it.
func TestLedgerFindsWhatCameBefore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	st, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, databaseFile)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	at := ending(0).At
	err = st.Update(t.Context(), func(tx access.Tx) error { return errors.Join(tx.SkipEndings(4, at), tx.SkipEndings(5, at)) })
	if err != nil {
		t.Fatal(err)
	}
	l := openTestLedger(t, dir)
	if err := l.committed(access.Commit{Ended: []access.Ending{{N: 6, At: at, Kind: access.EndedNothing}}}); err != nil {
		t.Fatal(err)
	}
	l.crashed(t)
	l = openTestLedger(t, dir)
	defer l.crashed(t)
	for _, want := range []int{1, 0} {
		if n, err := l.catchUp(t.Context(), st); n != want || err != nil {
			t.Errorf("noted %d, %v, want %d", n, err, want)
		}
	}
}

// TestServerNeedsTheAnchor: a server that could note nothing beside the database does not
// start; a command that could not leaves that to the server.
func TestServerNeedsTheAnchor(t *testing.T) {
	t.Parallel()
	cfg := &config.Config{}
	cfg.Server.DataDir = t.TempDir()
	cfg.Security.KeyFile = filepath.Join(cfg.Server.DataDir, "claviger.key")
	other := openTestLedger(t, cfg.Server.DataDir)
	defer func() { _ = other.close() }()
	impatient, stop := context.WithCancel(t.Context())
	stop()
	if _, err := openInstallation(impatient, cfg, slog.New(slog.DiscardHandler), thisNode()); err == nil || !strings.Contains(err.Error(), "keeps the anchor") {
		t.Errorf("a server beside it: %v", err)
	}
	in, err := openInstallation(t.Context(), cfg, slog.New(slog.DiscardHandler), access.Node{})
	if err != nil {
		t.Fatalf("a command beside it: %v", err)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}
