package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// dialect is everything in which one engine differs from another: SQLite here,
// PostgreSQL in postgres.go. Queries do not: they are written once, by the rules that
// stand in ARCHITECTURE.md.
type dialect struct {
	goose     goose.Dialect
	writers   int // connections that write
	readers   int // connections that only read
	writing   sql.IsolationLevel
	reading   sql.IsolationLevel
	readTime  time.Duration // that a View may take; 0 = as long as it does
	writeTime time.Duration // that an Update or a Note may take
	prepares  bool          // the driver keeps no statements ready by itself
	rows      int           // that are added by one statement
	unnamed   bool          // places of values in rows are ?, not $1: the driver reads each name anew

	// Where several nodes share the database, others hear of each change, and
	// transactions that write take a lock first: to run beside each other, or alone.
	shared        bool
	beside, alone string

	locate        func(Options) (place, error)
	migrating     func(ctx context.Context, at place, up func(*sql.DB) error) error // runs up while nobody else does
	unique        func(error) bool                                                  // a UNIQUE constraint was violated
	serialization func(error) bool                                                  // the transaction can be run again
	unreachable   func(error) bool                                                  // the database failed, not the statement
	broken        func(error) bool                                                  // a connection that was there is no more
	foreign       func(error) bool                                                  // what is there is no database of ours
	wipe          func(context.Context, *sql.DB) error                              // makes erased data unreadable in its files
}

// place is where a database is: how to reach it, and its name as messages give it.
type place struct {
	name        string
	write, read *sql.DB
	migrate     func() *sql.DB  // connections with time for long statements
	feed        *pgx.ConnConfig // to hear of other nodes' changes; nil: there are none
}

// busyTimeout is how long, in milliseconds, a statement of SQLite's waits for a
// lock. Within one process only a backup or a checkpoint can hold one.
const busyTimeout = "5000"

// sqliteDialect is SQLite by a driver without cgo: one writer and several
// readers on one file in write-ahead mode.
func sqliteDialect() dialect {
	return dialect{
		goose:    goose.DialectSQLite3,
		writers:  1,
		readers:  max(4, 2*runtime.GOMAXPROCS(0)),
		prepares: true,
		rows:     32,
		unnamed:  true,
		locate:   locateSQLite,
		// Whoever opens the file holds the lock of its data directory.
		migrating: migrateSQLite,
		unique: func(err error) bool {
			code, ok := sqliteCode(err)
			return ok && (code == sqlitelib.SQLITE_CONSTRAINT_UNIQUE || code == sqlitelib.SQLITE_CONSTRAINT_PRIMARYKEY)
		},
		serialization: func(err error) bool {
			code, ok := sqliteCode(err)
			return ok && code == sqlitelib.SQLITE_BUSY_SNAPSHOT
		},
		unreachable: sqliteUnreachable,
		broken:      func(error) bool { return false },
		foreign: func(err error) bool {
			code, ok := sqliteCode(err)
			return ok && (code&0xff == sqlitelib.SQLITE_NOTADB || code&0xff == sqlitelib.SQLITE_CORRUPT)
		},
		wipe: wipeSQLite,
	}
}

// migrateSQLite has what a statement of many rows may have to take back kept in memory
// from then on, and not in a file, so that adding rows is less work. A migration may sort a
// whole table, which is better in a file.
func migrateSQLite(ctx context.Context, at place, up func(*sql.DB) error) error {
	if err := up(at.write); err != nil {
		return err
	}
	_, err := at.write.ExecContext(ctx, "PRAGMA temp_store = MEMORY")
	return err
}

func sqliteCode(err error) (int, bool) {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return 0, false
	}
	return e.Code(), true
}

// sqliteUnreachable tells failures of the file, the disk or the machine from
// those of a statement, by the primary result code (the low byte).
func sqliteUnreachable(err error) bool {
	code, ok := sqliteCode(err)
	if !ok {
		return false
	}
	switch code & 0xff {
	case sqlitelib.SQLITE_ERROR, sqlitelib.SQLITE_CONSTRAINT, sqlitelib.SQLITE_MISMATCH, sqlitelib.SQLITE_MISUSE,
		sqlitelib.SQLITE_RANGE, sqlitelib.SQLITE_TOOBIG:
		return false
	}
	return true
}

// complaint says in words what is the matter with a database that is Unavailable.
func complaint(err error) string {
	code, _ := sqliteCode(err)
	switch {
	case code&0xff == sqlitelib.SQLITE_FULL, postgresCode(err) == "53100":
		return "The database's disk is full."
	case code&0xff == sqlitelib.SQLITE_READONLY, postgresCode(err) == "25006":
		return "The database cannot be written to."
	}
	return "The database cannot be reached."
}

// locateSQLite makes the file when there is none, so that it is readable by its
// owner only from the first moment (SQLite gives its -wal and -shm files the
// mode of the database), and returns how to open it.
func locateSQLite(o Options) (place, error) {
	if o.Path == "" {
		return place{}, errors.New("open database: no path of a SQLite file is given")
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return place{}, fmt.Errorf("open database %s: %w", o.Path, err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return place{}, fmt.Errorf("open database %s: its directory does not exist: %w", o.Path, err)
	}
	if err != nil {
		return place{}, fmt.Errorf("open database: %w", err)
	}
	if err := file.Close(); err != nil {
		return place{}, fmt.Errorf("open database: %w", err)
	}
	base := "file:" + (&url.URL{Path: path}).EscapedPath() + "?"
	at := place{name: o.Path}
	if at.write, err = sql.Open("sqlite", base+sqliteSettings(false)); err == nil {
		at.read, err = sql.Open("sqlite", base+sqliteSettings(true))
	}
	return at, err
}

// sqliteSettings are the parameters of a connection. The driver applies the
// busy timeout first, so that the ones after it can wait for a lock.
func sqliteSettings(readOnly bool) string {
	v := url.Values{
		"_busy_timeout": {busyTimeout},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"}, // what was acknowledged survives power loss
		"_foreign_keys": {"1"},
		"_dqs":          {"0"}, // a double-quoted word is never taken for a string
		"_error_rc":     {"1"},
		"_pragma":       {"secure_delete(1)"}, // what is erased is overwritten
		"_txlock":       {"immediate"},
	}
	if !readOnly {
		v.Add("_pragma", "cache_size(-16384)") // KiB: uses change many pages again and again
		return v.Encode()
	}
	v.Del("_txlock")
	v.Del("_journal_mode") // a property of the file, set by the writer
	v.Set("_query_only", "1")
	return v.Encode()
}

// wipeSQLite moves all changes from the write-ahead log into the file, where
// what was erased is overwritten, and cuts the log. It waits for readers only
// briefly: behind a long one the next checkpoint does the same.
func wipeSQLite(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = 200"); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	var busy, pages, moved int
	err = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
	_, restored := conn.ExecContext(ctx, "PRAGMA busy_timeout = "+busyTimeout)
	if err := errors.Join(err, restored); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if busy != 0 {
		return errors.New("checkpoint: somebody is reading")
	}
	return nil
}
