package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
	"claviger/store"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
)

// oldUses is a database of schema 8, which kept each day of uses beside its hours.
type oldUses struct {
	t  *testing.T
	db *sql.DB
}

func (o *oldUses) exec(text string, args ...any) {
	o.t.Helper()
	if _, err := o.db.ExecContext(o.t.Context(), text, args...); err != nil {
		o.t.Fatalf("%v\n%s", err, text)
	}
}

// call writes calls as schema 8 had them, by minute, hour and day.
func (o *oldUses) call(id string, at time.Time, address string, n int64) {
	o.t.Helper()
	for _, length := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour} {
		resolution, start := int64(length/time.Second), at.Truncate(length).UnixMicro()
		o.exec(`INSERT INTO uses (credential_id, resolution, start, application_id, accepted, refused, address, agent, api, method)
			VALUES ($1, $2, $3, 'app_1', $4, 1, '', '', '', '') ON CONFLICT (credential_id, resolution, start, application_id)
			DO UPDATE SET accepted = uses.accepted + excluded.accepted, refused = uses.refused + 1`, id, resolution, start, n)
		if length == time.Minute {
			continue
		}
		o.exec(`INSERT INTO use_callers (credential_id, resolution, start, address, agent, accepted, refused, last_at)
			VALUES ($1, $2, $3, $4, 'curl/8', $5, 1, $6) ON CONFLICT (credential_id, resolution, start, address, agent)
			DO UPDATE SET accepted = use_callers.accepted + excluded.accepted, refused = use_callers.refused + 1, last_at = excluded.last_at`,
			id, resolution, start, address, n, at.UnixMicro())
		o.exec(`INSERT INTO use_refusals (credential_id, resolution, start, reason, count) VALUES ($1, $2, $3, 'expired', 1)
			ON CONFLICT (credential_id, resolution, start, reason) DO UPDATE SET count = use_refusals.count + 1`, id, resolution, start)
	}
	o.exec(`INSERT INTO last_uses (credential_id, application_id, last_at, address, agent, api, method) VALUES ($1, 'app_1', $2, $3, 'curl/8', 'backend', 'GET')
		ON CONFLICT (credential_id) DO UPDATE SET last_at = excluded.last_at, address = excluded.address`, id, at.UnixMicro(), address)
}

// told is what pages tell of a credential that was upgraded.
type told struct {
	days    []access.UseSpan
	callers map[string]int64
	refused int64
}

// TestUpgradeOfUses: what was written under schema 8 has the same sums under the schema
// of today, also of the day whose first hours had been swept, and where a sweep had not
// come to its end.
func TestUpgradeOfUses(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "claviger.db")
		upgradeUses(t, "sqlite", "file:"+path+"?_pragma=synchronous(0)", goose.DialectSQLite3, store.Options{Path: path})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		url := testkit.SharedPostgres(t).EmptyDatabase(t)
		upgradeUses(t, "pgx", url, goose.DialectPostgres, store.Options{URL: url})
	})
}

func upgradeUses(t *testing.T, driver, url string, dialect goose.Dialect, o store.Options) {
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(dialect, db, os.DirFS("migrations"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 20, 13, 30, 0, 0, time.UTC)
	want := (&oldUses{t, db}).fill(now)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	check := func(when string, days int64) {
		t.Helper()
		for id, w := range want {
			w.refused = days*24/5 + 1 // in hours that stand
			if diff := cmp.Diff(w, tellUses(t, s, id, now), cmp.AllowUnexported(told{})); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", when, id, diff)
			}
		}
	}
	check("after the upgrade", 32)
	for n := -1; n != 0; {
		err := s.Note(t.Context(), func(tx access.NoteTx) (err error) {
			n, err = tx.Sweep(now.AddDate(0, 0, 3), 50)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	check("when all that is old has been moved", 29)
}

// fill writes what two credentials did until now, and returns what is to be told of them.
func (o *oldUses) fill(now time.Time) map[string]*told {
	o.t.Helper()
	want := map[string]*told{}
	for _, id := range []string{"tok_1", "tok_2"} {
		w := &told{callers: map[string]int64{}}
		want[id] = w
		for hour := 40 * 24; hour >= 0; hour -= 5 {
			at, address := now.Add(-time.Duration(hour)*time.Hour), fmt.Sprintf("10.0.0.%d", hour%3)
			o.call(id, at, address, 2)
			if n := len(w.days); n == 0 || w.days[n-1].Start != at.Truncate(24*time.Hour) {
				w.days = append(w.days, access.UseSpan{Start: at.Truncate(24 * time.Hour)})
			}
			w.days[len(w.days)-1].Accepted += 2
			w.days[len(w.days)-1].Refused++
			w.callers[address] += 2
		}
	}
	o.exec(`INSERT INTO organizations (id, slug, name, name_key, created_at) VALUES ('org_1', 'acme', 'Acme', 'acme', 1)`)
	o.exec(`INSERT INTO applications (id, organization_id, slug, name, name_key, open, query_credentials, password_grant, default_ttl, max_ttl, created_at)
		VALUES ('app_1', 'org_1', 'orders', 'Orders', 'orders', FALSE, FALSE, FALSE, 0, 0, 1)`)
	o.exec(`INSERT INTO credentials (id, organization_id, application_id, kind, label, label_key, prefix, last4, shown_key, key_id, created_at, created_by)
		VALUES ('tok_1', 'org_1', 'app_1', 'token', 'one', 'one', '', '', '', 'key1', 1, 'Ada')`)
	for _, table := range []string{"uses", "use_callers", "use_refusals"} { // an old sweep, which did not get to the end of tok_2
		o.exec(`DELETE FROM `+table+` WHERE resolution = 3600 AND start < $1 AND (credential_id = 'tok_1' OR start % 7200000000 = 0)`, now.AddDate(0, 0, -32).UnixMicro())
	}
	return want
}

func tellUses(t *testing.T, s *store.Store, id string, now time.Time) *told {
	t.Helper()
	out := &told{callers: map[string]int64{}}
	err := s.View(t.Context(), func(tx access.ReadTx) error {
		from := now.AddDate(0, 0, -41).Truncate(24 * time.Hour)
		var err error
		if out.days, err = tx.UseSpans(id, true, from); err != nil {
			return err
		}
		callers, err := tx.UseCallers(access.CallerFilter{CredentialID: id, Daily: true, From: from, By: access.ByAddress})
		for _, c := range callers {
			out.callers[c.Address] = c.Accepted
		}
		if err != nil {
			return err
		}
		refusals, err := tx.UseRefusals(id, now.AddDate(0, 0, -32))
		for _, r := range refusals {
			out.refused += r.Count
		}
		if err != nil {
			return err
		}
		latest, err := tx.LatestUse("app_1")
		if latest.CredentialID != "tok_1" || !latest.At.Equal(now) {
			t.Errorf("latest use: %+v", latest)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
