package main_test

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// TestFaultStart: with a long chain of events, and a write-ahead log of tens of megabytes that no checkpoint has emptied, a
// server that was killed is ready again in under half a second: a start looks at the ends of things, not at all of them.
func TestFaultStart(t *testing.T) {
	events, pages := dose(t, 3_000, 100_000), dose(t, 500, 12_000)
	p := testkit.Install(t, t.TempDir(), nil)
	acme(t, p)
	token := must(t, p, "", "token", "create", "acme/orders", "--label", "ci", "--reason", reason)
	path := filepath.Join(p.DataDir, "claviger.db")
	lengthen(t, path, events)
	walled(t, path, pages)
	var took []time.Duration
	for range dose(t, 2, 20) {
		wal, err := os.ReadFile(path + "-wal") // as a kill leaves it; the start empties it
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		p.Start()
		took = append(took, time.Since(began))
		if status, body, err := present(p.ConsoleURL+"/verify/acme/orders/backend", "Bearer "+token); err != nil || status != 200 {
			t.Errorf("after the start: %d, %v: %s", status, err, body)
		}
		p.Kill()
		if err := os.WriteFile(path+"-wal", wal, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d events, %d pages in the write-ahead log: from start to ready: %s", events, pages, readiness(t, took))
}

// readiness says how long starts took. A run at length, which has the machine for itself, holds the median to half a second.
func readiness(t *testing.T, took []time.Duration) string {
	t.Helper()
	slices.Sort(took)
	median, longest := took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond)
	if bound := dose(t, 20_000, 500); median > time.Duration(bound)*time.Millisecond {
		t.Errorf("a server that was killed is ready again after %s (median), want %d ms", median, bound)
	}
	return fmt.Sprintf("median %s, longest %s", median, longest)
}

// lengthen adds events to the chain of a database that nobody has open.
func lengthen(t *testing.T, path string, events int) {
	t.Helper()
	const batch = 1000
	s := testkit.StoreAt(t, path)
	for n := 0; n < events; n += batch {
		err := s.Update(t.Context(), func(tx access.Tx) error {
			for i := n; i < min(n+batch, events); i++ {
				head, err := tx.EventHead()
				if err != nil {
					return err
				}
				e := access.Event{
					Seq: head.Seq + 1, PrevHash: head.Hash, ID: fmt.Sprintf("evt_%026d", i), At: time.Now().UTC().Truncate(time.Microsecond), Act: access.ActBackup,
					ActorName: "root", Reason: "the nightly one", Count: 1,
				}
				if head.Seq == 0 {
					e.PrevHash = make([]byte, sha256.Size)
				}
				e.Hash = e.ChainHash()
				if err := tx.InsertEvent(e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// walled leaves a write-ahead log of so many pages beside a database, as a process does that is killed while somebody reads.
func walled(t *testing.T, path string, pages int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_journal_mode=WAL&_synchronous=OFF&_pragma=wal_autocheckpoint(0)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	for size := int64(0); size < int64(pages)*4096; { // the same pages again and again, which end as they were
		for _, by := range []string{"+ 1", "- 1"} {
			if _, err := db.Exec(`UPDATE events SET count = count ` + by + ` WHERE seq <= 3000`); err != nil {
				t.Fatal(err)
			}
		}
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		size = info.Size()
	}
	for _, name := range []string{path, path + "-wal"} {
		copyFile(t, name, name+".killed")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal"} {
		if err := os.Rename(name+".killed", name); err != nil {
			t.Fatal(err)
		}
	}
}
