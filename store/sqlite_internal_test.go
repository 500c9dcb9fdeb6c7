package store

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// TestSQLiteSettings reads back what the parameters of the connections ask for.
func TestSQLiteSettings(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	for name, p := range map[string]struct {
		*pool
		queryOnly string
	}{"write": {s.write, "0"}, "read": {s.read, "1"}} {
		for pragma, want := range map[string]string{
			"busy_timeout": "5000", "journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "secure_delete": "1", "query_only": p.queryOnly,
		} {
			var got string
			if err := p.db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s pool: %s is %q, want %q (%v)", name, pragma, got, want, err)
			}
		}
		var text string
		if err := p.db.QueryRowContext(t.Context(), `SELECT "no column"`).Scan(&text); err == nil {
			t.Errorf("%s pool: a double-quoted word was taken for the string %q", name, text)
		}
	}
	if _, err := s.read.db.ExecContext(t.Context(), `DELETE FROM events`); err == nil {
		t.Error("the read pool can write")
	}
}

// TestSQLiteLocksAtOnce asserts that an Update holds the write lock from its
// beginning, so that it never fails half way because another one came first.
func TestSQLiteLocksAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "claviger.db")
	s, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	other, err := sql.Open("sqlite", "file:"+path+"?_busy_timeout=0&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	err = s.Update(t.Context(), func(access.Tx) error {
		began, err := other.BeginTx(t.Context(), nil)
		if err == nil {
			return errors.Join(errors.New("another writer could begin"), began.Rollback())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSQLiteFilesAreTheOwnersOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "with %41 space?#")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Path: filepath.Join(dir, "claviger.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for _, name := range []string{"claviger.db", "claviger.db-wal", "claviger.db-shm"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", name, info.Mode())
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "claviger.db-wal")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the write-ahead log is left after closing (%v)", err)
	}
}

// TestErasedIsGone looks for the bytes of a disabled Basic password in the files.
func TestErasedIsGone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "claviger.db")
	s, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	sealed, sum := []byte("sealed-canary-4711"), []byte("digest-canary-4711-0123456789abc")
	found := func() (n int) {
		for _, name := range []string{path, path + "-wal"} {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			n += bytes.Count(content, sealed) + bytes.Count(content, sum)
		}
		return n
	}
	err = s.Update(t.Context(), func(tx access.Tx) error {
		if _, err := tx.InsertOrganization(access.Organization{ID: "org_1", Slug: "acme"}); err != nil {
			return err
		}
		if _, err := tx.InsertApplication(access.Application{ID: "app_1", OrganizationID: "org_1", Slug: "orders"}); err != nil {
			return err
		}
		return tx.InsertCredential(access.Credential{
			ID: "bas_1", OrganizationID: "org_1", ApplicationID: "app_1", Kind: access.KindBasic, Sealed: sealed, Digest: secret.Digest{KeyID: "key1", Sum: sum},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if found() == 0 {
		t.Fatal("the test looks in the wrong place")
	}
	err = s.Update(t.Context(), func(tx access.Tx) error {
		_, err := tx.RevokeCredential("bas_1", time.Now(), "Ada", "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := found(); n != 0 {
		t.Errorf("%d copies of what was erased are left in the files", n)
	}
	_, err = s.write.db.ExecContext(t.Context(), `UPDATE credentials SET digest = $1 WHERE id = 'bas_1'`, sum)
	if err == nil {
		t.Error("a disabled basic credential could be given a digest again")
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(path("text.db"), []byte(strings.Repeat("this is no database\n", 300)), 0o600); err != nil {
		t.Fatal(err)
	}
	newer, err := Open(t.Context(), Options{Path: path("newer.db")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = newer.write.db.ExecContext(t.Context(), fmt.Sprintf(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, TRUE)`, SchemaVersion+1))
	if err := errors.Join(err, newer.Close()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"no URL":         {Options{URL: "postgres://u:secret#1@db/claviger"}, "special characters of the password percent-encoded"},
		"no port":        {Options{URL: "postgres://u:se%cret@db/claviger"}, "is not a URL of PostgreSQL"},
		"no such mode":   {Options{URL: "postgres://u:secret@db/claviger?sslmode=secret"}, "sslmode is invalid"},
		"no such file":   {Options{URL: "postgres://u:secret@db/claviger?sslmode=verify-full&sslrootcert=/no/secret.pem"}, "/no/[redacted].pem"},
		"another engine": {Options{URL: "mysql://u:secret@db/claviger"}, "names no known database"},
		"no path":        {Options{}, "no path"},
		"no directory":   {Options{Path: path("nowhere/claviger.db")}, "its directory does not exist"},
		"no database":    {Options{Path: path("text.db")}, "is no database of Claviger's"},
		"newer":          {Options{Path: path("newer.db")}, fmt.Sprintf("has schema version %d, and this claviger knows only those up to %d", SchemaVersion+1, SchemaVersion)},
	} {
		s, err := Open(t.Context(), c.options)
		if err == nil {
			t.Errorf("%s was opened", name)
			_ = s.Close()
			continue
		}
		if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %q, want one that says %q and no secret", name, err, c.want)
		}
	}
}

func TestSchemaVersionIsThatOfTheMigrations(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	latest := filepath.Base(files[len(files)-1])
	if want := fmt.Sprintf("%04d_", SchemaVersion); !strings.HasPrefix(latest, want) {
		t.Errorf("the last migration is %s: SchemaVersion is %d", latest, SchemaVersion)
	}
	s := openEmpty(t)
	if err := migrate(t.Context(), s.dialect, place{name: "again", write: s.write.db}, s.log); err != nil {
		t.Errorf("migrate what is up to date: %v", err)
	}
}

// TestUnavailable makes the database fail and looks for the kind of the error.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	write := func(s *Store) error {
		return s.Update(t.Context(), func(tx access.Tx) error {
			_, err := tx.UseNonce(strings.Repeat("x", 1<<20), time.Now())
			return err
		})
	}
	full := openEmpty(t)
	if _, err := full.write.db.ExecContext(t.Context(), `PRAGMA max_page_count = 1`); err != nil {
		t.Fatal(err)
	}
	readOnly := openEmpty(t)
	if _, err := readOnly.write.db.ExecContext(t.Context(), `PRAGMA query_only = 1`); err != nil {
		t.Fatal(err)
	}
	busyPath := filepath.Join(t.TempDir(), "claviger.db")
	busy, err := Open(t.Context(), Options{Path: busyPath})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	if _, err := busy.write.db.ExecContext(t.Context(), `PRAGMA busy_timeout = 0`); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", "file:"+busyPath)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if _, err := other.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	closed := openEmpty(t)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		store *Store
		says  string
	}{"full": {full, "disk is full: "}, "read-only": {readOnly, "cannot be written to: "}, "busy": {busy, "cannot be reached: "}, "closed": {closed, "cannot be reached: "}} {
		err := write(c.store)
		e, ok := errors.AsType[*access.Error](err)
		if !ok || e.Kind != access.Unavailable || e.Err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "; ", ": "), c.says) {
			t.Errorf("%s: error %v, want an Unavailable one with its cause, that says %q", name, err, c.says)
		}
	}
	if err := full.View(t.Context(), func(tx access.ReadTx) error { _, err := tx.Users(); return err }); err != nil {
		t.Errorf("a full disk must not hinder reading: %v", err)
	}
	if err := closed.View(t.Context(), func(access.ReadTx) error { return nil }); access.KindOf(err) != access.Unavailable {
		t.Errorf("view when closed: error %v, want an Unavailable one", err)
	}
	lookUp := func(tx access.ReadTx) error { _, err := tx.Target("acme", "orders"); return err }
	if err := closed.Lookup(t.Context(), lookUp); access.KindOf(err) != access.Unavailable {
		t.Errorf("lookup when closed: error %v, want an Unavailable one", err)
	}
}
