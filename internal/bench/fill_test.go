package bench

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// inserted are the columns of a token that differ from their defaults.
const inserted = `INSERT INTO credentials (rowid, id, organization_id, application_id, kind, label, label_key, prefix, last4, shown_key, key_id, digest, created_at, created_by) VALUES `

// batch is how many rows go into the database with one statement.
const batch = 50

// filler writes tokens into a database that nobody serves, past the domain: issuing
// ten million one by one would take a day.
type filler struct {
	db   *sql.DB
	conn *sql.Conn

	organization, application, keyID string
}

// fill adds n tokens to acme/orders, of which it returns the secrets of some, drawn
// from all of them by chance. Their digests grow from row to row, as do ids and times,
// so that every index is written at its end; those whose secrets are returned have
// the digests that they have, and stand among the others.
func fill(t *testing.T, p *testkit.Process, n, drawn int) []string {
	t.Helper()
	keys, err := secret.OpenKeyring(filepath.Join(p.DataDir, "claviger.key"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	f := open(t, ctx, filepath.Join(p.DataDir, "claviger.db"))
	f.keyID = keys.IDs()[0]
	places := rand.New(rand.NewPCG(1, 2)).Perm(n)[:drawn] // always the same ones
	slices.Sort(places)
	began := time.Now()
	if err := f.others(ctx, n, places); err != nil {
		t.Fatalf("fill: %v", err)
	}
	secrets, err := f.drawn(ctx, keys, places)
	if err != nil {
		t.Fatalf("fill: %v", err)
	}
	if err := errors.Join(f.conn.Close(), f.db.Close()); err != nil {
		t.Fatal(err)
	}
	if inEarnest() {
		t.Logf("%d tokens written in %s", n, time.Since(began).Round(time.Second))
	}
	return secrets
}

func open(t *testing.T, ctx context.Context, path string) *filler {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(OFF)&_pragma=synchronous(0)&_pragma=cache_size(-262144)&_pragma=locking_mode(EXCLUSIVE)")
	if err != nil {
		t.Fatal(err)
	}
	f := &filler{db: db}
	if f.conn, err = db.Conn(ctx); err != nil {
		t.Fatal(err)
	}
	row := f.conn.QueryRowContext(ctx, `SELECT a.organization_id, a.id FROM applications a WHERE a.slug = 'orders'`)
	if err := row.Scan(&f.organization, &f.application); err != nil {
		t.Fatal(err)
	}
	return f
}

// firstRow leaves room for the rows that are there.
const firstRow = 1000

// others writes the tokens whose secrets nobody knows.
func (f *filler) others(ctx context.Context, n int, places []int) error {
	if _, err := f.conn.ExecContext(ctx, `BEGIN`); err != nil {
		return err
	}
	full, err := f.conn.PrepareContext(ctx, inserted+values(batch))
	if err != nil {
		return err
	}
	defer func() { _ = full.Close() }()
	var args []any
	random := rand.New(rand.NewPCG(3, 4))
	step := ^uint64(0) / uint64(n+1)
	for i := range n {
		if len(places) > 0 && places[0] == i {
			places = places[1:]
			continue
		}
		digest := make([]byte, 32)
		binary.BigEndian.PutUint64(digest, uint64(i)*step+random.Uint64N(step))
		for j := 8; j < 32; j += 8 {
			binary.BigEndian.PutUint64(digest[j:], random.Uint64())
		}
		if args = append(args, f.row(i, digest, "clavt_Xxxx", "xxxx")...); len(args) == batch*columns {
			if _, err := full.ExecContext(ctx, args...); err != nil {
				return err
			}
			args = args[:0]
		}
	}
	if len(args) > 0 {
		if _, err := f.conn.ExecContext(ctx, inserted+values(len(args)/columns), args...); err != nil {
			return err
		}
	}
	_, err = f.conn.ExecContext(ctx, `COMMIT`)
	return err
}

// drawn writes the tokens whose secrets it returns.
func (f *filler) drawn(ctx context.Context, keys *secret.Keyring, places []int) ([]string, error) {
	if _, err := f.conn.ExecContext(ctx, `BEGIN`); err != nil {
		return nil, err
	}
	var out []string
	for _, i := range places {
		s := secret.Generate(secret.Token)
		prefix, last4 := secret.Shown(s)
		if _, err := f.conn.ExecContext(ctx, inserted+values(1), f.row(i, keys.Digest(s).Sum, prefix, last4)...); err != nil {
			return nil, err
		}
		out = append(out, s.Expose())
	}
	_, err := f.conn.ExecContext(ctx, `COMMIT`)
	return out, err
}

const columns = 14

// tokenID is the id of the i-th token that fill adds; the last one is the newest.
func tokenID(i int) string { return fmt.Sprintf("tok_%026d", i) }

// madeAt is when it was made, in microseconds.
func madeAt(i int) int64 { return 1_700_000_000_000_000 + int64(i)*1000 }

// cursor is the place in a list behind which the tokens older than the i-th stand.
func cursor(i int) string { return fmt.Sprintf("%d.%s", madeAt(i), tokenID(i)) }

func (f *filler) row(i int, digest []byte, prefix, last4 string) []any {
	label := fmt.Sprintf("Partner %d", i)
	return []any{
		firstRow + i, tokenID(i), f.organization, f.application, "token", label, strings.ToLower(label), prefix, last4,
		strings.ToLower(prefix + "…" + last4), f.keyID, digest, madeAt(i), "bench",
	}
}

func values(rows int) string {
	one := "(?" + strings.Repeat(", ?", columns-1) + ")"
	return one + strings.Repeat(", "+one, rows-1)
}
