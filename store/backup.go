package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
)

// ErrNotOurs says that a database is backed up by its own means.
var ErrNotOurs = errors.New("a PostgreSQL database is backed up and restored by its own tools: pg_dump and pg_restore, see docs/operations.md")

// pagesAtOnce is how much of a database is copied between two looks at the context.
const pagesAtOnce = 4096

// Backup copies the database, as it is at one moment, into an empty file that is
// there. Others read and write meanwhile. The copy is a single file.
func (s *Store) Backup(ctx context.Context, path string) error {
	if s.dialect.shared {
		return ErrNotOurs
	}
	conn, err := s.read.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() { _ = conn.Close() }()
	// One snapshot: what is written meanwhile does not make the copy begin anew.
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") }()
	var tables int
	if err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	uri, err := fileURI(path)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return conn.Raw(func(driver any) error { return copyPages(ctx, driver, uri) })
}

// copyPages runs SQLite's own backup from a connection into a file.
func copyPages(ctx context.Context, driver any, uri string) error {
	source, ok := driver.(interface {
		NewBackup(uri string) (*sqlite.Backup, error)
	})
	if !ok {
		return errors.New("backup: the driver cannot make one")
	}
	backup, err := source.NewBackup(uri)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	for more := true; more && err == nil; {
		if more, err = backup.Step(pagesAtOnce); err == nil {
			err = ctx.Err()
		}
	}
	if err := errors.Join(err, backup.Finish()); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// Examine checks an SQLite file that nobody has open: that it is a database of
// Claviger's, undamaged, and not newer than this program. It leaves the file as one,
// without a log beside it.
func Examine(ctx context.Context, path string) (err error) {
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return errors.Join(fmt.Errorf("%s is empty or not there", path), err)
	}
	uri, err := fileURI(path)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	var said string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&said); err != nil || said != "ok" {
		return errors.Join(fmt.Errorf("%s is damaged, or no database: %s", path, said), err)
	}
	if _, err := versionOf(ctx, db, path); err != nil {
		return err
	}
	if rows, err := foreignKeysBroken(ctx, db); err != nil || rows {
		return errors.Join(fmt.Errorf("%s is damaged: rows refer to others that are missing", path), err)
	}
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = DELETE").Scan(&said); err != nil || said != "delete" {
		return errors.Join(fmt.Errorf("%s is open elsewhere", path), err)
	}
	return nil
}

// versionOf returns the schema version of an SQLite database that is there, and an error
// where it is none of ours or a newer program made it.
func versionOf(ctx context.Context, db *sql.DB, path string) (version int64, err error) {
	err = db.QueryRowContext(ctx, "SELECT MAX(version_id) FROM goose_db_version WHERE is_applied").Scan(&version)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s is no database of Claviger's, or it is damaged: %w", path, err)
	case version > SchemaVersion:
		return 0, fmt.Errorf("%s has schema version %d, and this claviger knows only those up to %d: use the newer claviger that made it", path, version, SchemaVersion)
	}
	return version, nil
}

func foreignKeysBroken(ctx context.Context, db *sql.DB) (bool, error) {
	rows, err := db.QueryContext(ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return false, err
	}
	broken := rows.Next()
	return broken, errors.Join(rows.Err(), rows.Close())
}

// fileURI names a file to SQLite.
func fileURI(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?_busy_timeout=" + busyTimeout, nil
}
