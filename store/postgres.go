package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// How long things on PostgreSQL may take. What is over ends as Unavailable. A node
// that stops within a transaction loses it, and with it the turn that others wait
// for, before they give up.
const (
	connectTime   = 5 * time.Second
	idleInTx      = 5 * time.Second
	lockTime      = 10 * time.Second
	statementTime = 20 * time.Second
	readTime      = 15 * time.Second // of a whole View
	writeTime     = 30 * time.Second // of a whole Update
	migrateTime   = 10 * time.Minute
)

// The locks by which transactions that write take their turn. LOCK TABLE takes no
// snapshot, so that what comes after it sees all that was committed before. Those that
// note run beside each other; one that updates, or one that met another, runs alone:
// the events' numbers have no gaps and every update adds one, so that there would be
// nothing to gain, and a transaction that is alone cannot fail for another one's sake.
const (
	turnBeside = `LOCK TABLE turn IN ROW EXCLUSIVE MODE`
	turnAlone  = `LOCK TABLE turn IN EXCLUSIVE MODE`
)

// postgresDialect is PostgreSQL, which several nodes may share.
//
// Writing is SERIALIZABLE: what the domain concludes from what it reads holds until
// its commit. Reading is one snapshot, REPEATABLE READ: nothing is written by it, it
// never fails for another's sake, and, unlike a serializable reader, makes nobody fail.
func postgresDialect() dialect {
	return dialect{
		goose:         goose.DialectPostgres,
		writers:       6,
		readers:       min(max(8, 4*runtime.GOMAXPROCS(0)), 24),
		writing:       sql.LevelSerializable,
		reading:       sql.LevelRepeatableRead,
		readTime:      readTime,
		writeTime:     writeTime,
		rows:          100,
		shared:        true,
		beside:        turnBeside,
		alone:         turnAlone,
		locate:        locatePostgres,
		migrating:     migratePostgres,
		unique:        func(err error) bool { return postgresCode(err) == "23505" },
		serialization: func(err error) bool { return postgresCode(err) == "40001" || postgresCode(err) == "40P01" },
		unreachable:   postgresUnreachable,
		broken:        postgresBroken,
		foreign:       func(error) bool { return false },
		wipe:          func(context.Context, *sql.DB) error { return nil },
	}
}

// postgresCode returns the SQLSTATE of an error that the server sent.
func postgresCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// postgresUnreachable tells failures of the connection, the server or its machine from
// those of a statement, by the class of the SQLSTATE where the server sent one.
func postgresUnreachable(err error) bool {
	if code := postgresCode(err); code != "" {
		switch code[:2] {
		case "08", "28", "3D", "53", "55", "57", "58", "XX":
			return true // connection, authorization, database, resources, locks, shutdown, system, internal
		}
		return code == "25006" || code == "25P03" || code == "25P04" // no primary any more; over time within a transaction
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return pgconn.SafeToRetry(err) || pgconn.Timeout(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, pgx.ErrTxCommitRollback)
}

// postgresBroken reports whether it was an idle connection that failed, so that another
// one may be as good as any. That none can be made is another matter.
func postgresBroken(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return false
	}
	code := postgresCode(err)
	return code != "" && strings.HasPrefix(code, "57P") || code == "" && postgresUnreachable(err)
}

// locatePostgres reads the URL. Nothing is connected yet.
func locatePostgres(o Options) (place, error) {
	config, err := postgresConfig(o.URL)
	if err != nil {
		return place{}, err
	}
	open := func(lock, statement time.Duration) *sql.DB {
		c := config.Copy()
		c.RuntimeParams["lock_timeout"] = milliseconds(lock)
		c.RuntimeParams["statement_timeout"] = milliseconds(statement)
		c.RuntimeParams["idle_in_transaction_session_timeout"] = milliseconds(idleInTx)
		return stdlib.OpenDB(*c, stdlib.OptionAfterConnect(commitDurably))
	}
	return place{
		name:  fmt.Sprintf("%q on %s", config.Database, net.JoinHostPort(config.Host, fmt.Sprint(config.Port))),
		write: open(lockTime, statementTime), read: open(lockTime, statementTime),
		migrate: func() *sql.DB { return open(migrateTime, migrateTime) },
		feed:    config,
	}, nil
}

// commitDurably sees to it that a commit is on the disk before it is acknowledged, also
// where the server or the database is set to acknowledge before. A stricter setting stays.
func commitDurably(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', FALSE) WHERE current_setting('synchronous_commit') = 'off'`)
	return err
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// errStoreURL is what is said of a URL that cannot be read. Why it cannot is not: the
// reason would quote what may be a part of the password.
var errStoreURL = errors.New("[store] url is not a URL of PostgreSQL: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password percent-encoded")

func postgresConfig(text string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(text)
	if err != nil || strings.Contains(text, "#") || u.Opaque != "" {
		return nil, errStoreURL
	}
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("[store] url: %s", parseReason(u, err))
	}
	config.ConnectTimeout = connectTime
	config.RuntimeParams["application_name"] = "claviger"
	config.RuntimeParams["timezone"] = "UTC"
	dialer := &net.Dialer{
		Timeout:         connectTime,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3},
		Control:         boundUnanswered,
	}
	config.DialFunc = dialer.DialContext
	// A standby lags, and hears of no changes: neither may answer for the primary.
	config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	return config, nil
}

// parseReason returns why pgx cannot use a URL, without the URL, which pgx quotes, and
// without its password, wherever else that may stand.
func parseReason(u *url.URL, err error) string {
	cause := errors.Unwrap(err)
	if cause == nil {
		return "it has a parameter that is not understood"
	}
	reason := cause.Error()
	if password, ok := u.User.Password(); ok && password != "" {
		reason = strings.ReplaceAll(reason, password, "[redacted]")
	}
	return reason
}

// boundUnanswered has the kernel give a connection up when what was sent is not
// acknowledged for a few seconds: TCP itself would go on for many minutes.
func boundUnanswered(_, _ string, c syscall.RawConn) error {
	const tcpUserTimeout = 0x12 // TCP_USER_TIMEOUT of Linux, in milliseconds
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int((5 * time.Second).Milliseconds()))
	})
	if errors.Is(failed, syscall.ENOPROTOOPT) || errors.Is(failed, syscall.EOPNOTSUPP) {
		failed = nil // no TCP, such as a Unix socket
	}
	return errors.Join(err, failed)
}

// migrationLock is the number of the lock that keeps nodes from migrating at once.
const migrationLock = 0x636c6176 // "clav"

// migratePostgres runs up while no other node does, with time for long statements,
// and sees to it that whatever text the schema holds is ordered by its bytes, as on
// every other engine.
func migratePostgres(ctx context.Context, at place, up func(*sql.DB) error) error {
	db := at.migrate()
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("open database %s: %w", at.name, err)
	}
	defer func() { _ = conn.Close() }() // and the pool with it, which gives the lock back
	// Its wait is one statement: whoever waits holds a snapshot, but no lock.
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, migrationLock); err != nil {
		return fmt.Errorf("wait for other nodes that upgrade database %s: %w", at.name, err)
	}
	if err := up(db); err != nil {
		return err
	}
	return orderByBytes(ctx, conn)
}

// orderByBytes gives every column of text the collation "C". Migrations are one text
// for all engines, of which the others know no such word.
func orderByBytes(ctx context.Context, conn *sql.Conn) error {
	rows, err := conn.QueryContext(ctx, `SELECT quote_ident(c.table_name), quote_ident(c.column_name) FROM information_schema.columns c
		JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE'
		WHERE c.table_schema = current_schema() AND c.data_type = 'text' AND c.collation_name IS DISTINCT FROM 'C'
		ORDER BY c.table_name, c.ordinal_position`)
	if err != nil {
		return fmt.Errorf("read the columns of the schema: %w", err)
	}
	columns := map[string][]string{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return errors.Join(err, rows.Close())
		}
		columns[table] = append(columns[table], `ALTER COLUMN `+column+` TYPE TEXT COLLATE "C"`)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for table, changes := range columns {
		if _, err := conn.ExecContext(ctx, `ALTER TABLE `+table+` `+strings.Join(changes, ", ")); err != nil {
			return fmt.Errorf("order the text of %s by its bytes: %w", table, err)
		}
	}
	return nil
}
