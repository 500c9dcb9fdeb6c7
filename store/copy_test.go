package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"claviger/internal/access"
	"claviger/internal/testkit"
	"claviger/store"
)

// filled makes an SQLite database with rows in every table there is, each column with
// and, where it may be, without a value. It returns the tables' names.
func filled(t *testing.T, path string) []string {
	t.Helper()
	if err := testkit.StoreAt(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	tables := column(t, db, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'goose_db_version'`)
	for _, table := range tables { // references are not enforced here, and hold: see cell
		for n := range 3 {
			if table == "setup_link" && n > 0 {
				continue
			}
			insertRow(t, db, table, n)
		}
	}
	if broken := column(t, db, `SELECT "table" FROM pragma_foreign_key_check`); len(broken) > 0 {
		t.Fatalf("rows of %v refer to nothing", broken)
	}
	return tables
}

func column(t *testing.T, db *sql.DB, text string, args ...any) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func insertRow(t *testing.T, db *sql.DB, table string, n int) {
	t.Helper()
	var names, holders []string
	var values []any
	for _, c := range column(t, db, `SELECT name || ' ' || type || ' ' || "notnull" || ' ' || pk FROM pragma_table_info($1) ORDER BY cid`, table) {
		words := strings.Fields(c)
		to := column(t, db, `SELECT "table" FROM pragma_foreign_key_list($1) WHERE "from" = $2`, table, words[0])
		names, holders = append(names, words[0]), append(holders, fmt.Sprint("$", len(names)+1))
		values = append(values, cell(table, words[0], words[1], words[2] == "0" && words[3] == "0" && n == 2, to, n))
	}
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf(`INSERT INTO %s (%s) VALUES (%s)`, table, strings.Join(names, ", "), strings.Join(holders, ", ")), values...); err != nil {
		t.Fatalf("%s: %v", table, err)
	}
}

// cell returns a value that fits a column.
func cell(table, name, kind string, missing bool, refersTo []string, n int) any {
	switch {
	case missing:
		return nil
	case len(refersTo) > 0:
		return fmt.Sprint(refersTo[0], "-id-", n)
	case table == "setup_link" && name == "id":
		return 1
	case kind == "BIGINT":
		return int64(1)<<52 + int64(n)
	case kind == "BOOLEAN":
		return n%2 == 0
	case kind == "BYTEA":
		return []byte{0, 0xff, byte(n), byte(len(table)), byte(len(name)), 0x80}
	case name == "id":
		return fmt.Sprint(table, "-id-", n)
	case n == 1:
		return "ZÄß\u2028 \"quoted\" \\N\t'" + name
	}
	return fmt.Sprint(name, " a ", n)
}

// digests returns what a database of SQLite holds, table by table.
func digests(t *testing.T, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var b strings.Builder
	for _, table := range column(t, db, `SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`) {
		names := strings.Join(column(t, db, `SELECT 'quote(' || name || ')' FROM pragma_table_info($1)`, table), " || '|' || ")
		fmt.Fprintln(&b, table, column(t, db, `SELECT `+names+` FROM `+table+` ORDER BY 1`))
	}
	return b.String()
}

func rowsOf(t *testing.T, url string, tables []string) (total int) {
	t.Helper()
	for _, table := range tables {
		var n int
		query(t, url, `SELECT COUNT(*) FROM `+table, &n)
		total += n
	}
	return total
}

func noCheck(access.Store) error { return nil }

// copyInto copies a filled database.
func copyInto(t *testing.T, path, url string, check func(access.Store) error) ([]store.CopiedTable, error) {
	t.Helper()
	from, err := store.OpenSource(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	to, err := store.Open(t.Context(), store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	out, err := from.CopyTo(t.Context(), to, check)
	return out, errors.Join(err, from.Close(), to.Close())
}

// TestCopy: every row of every table arrives as it is, and the source stays as it was.
func TestCopy(t *testing.T) {
	t.Parallel()
	path, url := filepath.Join(t.TempDir(), "claviger.db"), testkit.SharedPostgres(t).EmptyDatabase(t)
	tables := filled(t, path)
	before := digests(t, path)
	out, err := copyInto(t, path, url, noCheck)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		i := slices.IndexFunc(out, func(c store.CopiedTable) bool { return c.Name == table })
		if i < 0 || out[i].Rows == 0 || out[i].Rows != int64(rowsOf(t, url, []string{table})) {
			t.Errorf("table %s: %+v", table, out)
		}
	}
	if after := digests(t, path); after != before {
		t.Errorf("the source has changed:\n%s\n%s", before, after)
	}
	var label, sum, open string
	var id int64
	query(t, url, `SELECT label, encode(digest, 'hex') FROM credentials WHERE id = 'credentials-id-1'`, &label, &sum)
	query(t, url, `SELECT CAST(open AS TEXT) FROM applications WHERE id = 'applications-id-0'`, &open)
	query(t, url, `SELECT MAX(seq) FROM events`, &id)
	if label != "ZÄß\u2028 \"quoted\" \\N\t'label" || sum != "00ff010b0680" || open != "true" || id != 1<<52+2 {
		t.Errorf("a label %q, a digest %s, a switch %s, a number %d", label, sum, open, id)
	}
	if _, err := copyInto(t, path, url, noCheck); err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("into a database with rows: %v", err)
	}
}

// TestCopyBreaks: whatever goes wrong in the target, it is told, the target stays empty
// and the source as it was; the next attempt begins anew.
func TestCopyBreaks(t *testing.T) {
	t.Parallel()
	path, server := filepath.Join(t.TempDir(), "claviger.db"), testkit.SharedPostgres(t)
	tables := filled(t, path)
	before := digests(t, path)
	trigger := func(table, do string) []string {
		return []string{
			`CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ` + do + `; END $$`,
			`CREATE TRIGGER meddle BEFORE INSERT ON ` + table + ` FOR EACH ROW EXECUTE FUNCTION meddle()`,
		}
	}
	for name, trial := range map[string]struct {
		prepare []string
		check   func(access.Store) error
		want    string
	}{
		"killed":           {trigger("events", `IF NEW.seq % 2 = 0 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW`), noCheck, "copy table events"},
		"a label changed":  {trigger("credentials", `NEW.label := NEW.label || ' '; RETURN NEW`), noCheck, "table credentials arrived as another one"},
		"a hash changed":   {trigger("events", `NEW.hash := '\x00'; RETURN NEW`), noCheck, "table events arrived as another one"},
		"a switch changed": {trigger("applications", `NEW.open := NOT NEW.open; RETURN NEW`), noCheck, "table applications arrived as another one"},
		"a row left out":   {trigger("sessions", `IF NEW.id LIKE '%-1' THEN RETURN NULL; END IF; RETURN NEW`), noCheck, "sessions"},
		"a row added":      {trigger("uses", `INSERT INTO nonces VALUES (gen_random_uuid()::text, 1); RETURN NEW`), noCheck, "table nonces arrived as another one"},
		"a column renamed": {[]string{`ALTER TABLE nonces RENAME COLUMN used_at TO used`}, noCheck, "table nonces"},
		"not whole":        {nil, func(access.Store) error { return errors.New("the chain does not hold") }, "the chain does not hold"},
	} {
		t.Run(name, func(t *testing.T) {
			url := server.EmptyDatabase(t)
			made, err := store.Open(t.Context(), store.Options{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			if err := made.Close(); err != nil {
				t.Fatal(err)
			}
			for _, statement := range trial.prepare {
				server.Exec(t, url, statement)
			}
			if _, err := copyInto(t, path, url, trial.check); err == nil || !strings.Contains(err.Error(), trial.want) {
				t.Errorf("copied: %v", err)
			}
			if n := rowsOf(t, url, tables); n != 0 {
				t.Errorf("%d rows are left in the target", n)
			}
			if after := digests(t, path); after != before {
				t.Error("the source has changed")
			}
			if len(trial.prepare) == 2 { // and once nobody meddles
				server.Exec(t, url, `DROP FUNCTION meddle() CASCADE`)
				if _, err := copyInto(t, path, url, noCheck); err != nil {
					t.Errorf("again: %v", err)
				}
			}
		})
	}
}

// TestSourceIsLeftAlone: what is no database of this schema is refused, nothing is made
// where there is none, and a source takes no change.
func TestSourceIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "claviger.db")
	if _, err := store.OpenSource(t.Context(), path); err == nil || !strings.Contains(err.Error(), "no database") {
		t.Errorf("none: %v", err)
	}
	if found, err := filepath.Glob(path + "*"); err != nil || len(found) > 0 {
		t.Errorf("%v was made, %v", found, err)
	}
	filled(t, path)
	from, err := store.OpenSource(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := from.Update(t.Context(), func(access.Tx) error { return nil }); access.KindOf(err) != access.Unavailable {
		t.Errorf("an update: %v", err)
	}
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[int]string{store.SchemaVersion + 1: "use the newer claviger", store.SchemaVersion - 1: "start this claviger on it once"} {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.ExecContext(t.Context(), `UPDATE goose_db_version SET version_id = $1 WHERE version_id = (SELECT MAX(version_id) FROM goose_db_version)`, version)
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := store.OpenSource(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}
