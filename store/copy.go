package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"claviger/internal/access"
)

// This file moves an installation from SQLite to PostgreSQL: every row of every table,
// as it is. What tables there are is asked of the database, so that none is forgotten.

// CopiedTable is a table that was copied.
type CopiedTable struct {
	Name   string
	Rows   int64
	Digest []byte // SHA-256 over all its rows, the same on both sides
}

// OpenSource opens an SQLite database that is there, to be read and never changed: it
// is not brought up to date, and every Update and Note fails.
func OpenSource(ctx context.Context, path string) (*Store, error) {
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return nil, errors.Join(fmt.Errorf("there is no database to copy at %s", path), err)
	}
	s := &Store{dialect: sqliteDialect()}
	at, err := s.dialect.locate(Options{Path: path})
	if err != nil {
		return nil, err
	}
	s.read = newPool(at.read, s.dialect.readers)
	s.close = s.closeAll
	version, err := versionOf(ctx, s.read.db, path)
	if err == nil && version < SchemaVersion {
		err = fmt.Errorf("%s has schema version %d, and this claviger's is %d: start this claviger on it once, so that it is brought up to date, and stop it again", path, version, SchemaVersion)
	}
	if err := errors.Join(at.write.Close(), err); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// CopyTo copies everything into an empty database of PostgreSQL, in one transaction of
// that: where anything fails, it stays empty. Each table is read back and compared, and
// check looks at the whole, as a store that lives within the transaction, before it is
// committed; what check writes is a part of it.
func (s *Store) CopyTo(ctx context.Context, to *Store, check func(access.Store) error) (copied []CopiedTable, err error) {
	if s.dialect.shared || !to.dialect.shared {
		return nil, errors.New("only an SQLite database can be copied, and only into one of PostgreSQL")
	}
	from, err := s.read.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one state, whoever writes
	if err != nil {
		return nil, fmt.Errorf("read the database that is to be copied: %w", err)
	}
	defer func() { _ = from.Rollback() }()
	conn, err := to.write.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the database to copy into: %w", err)
	}
	defer func() { _ = conn.Close() }()
	began, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin to copy: %w", err)
	}
	defer func() { _ = began.Rollback() }()
	c := &copying{ctx: ctx, from: from, to: began, conn: conn}
	if copied, err = c.run(); err != nil {
		return nil, err
	}
	t := &tx{ctx: ctx, caller: ctx, sql: began, began: began, dialect: to.dialect}
	if err := check(&within{to, t}); err != nil {
		return nil, err
	}
	if err := began.Commit(); err != nil {
		return nil, fmt.Errorf("commit the copy: %w", err)
	}
	return copied, errors.Join(to.committed(t), c.analyze())
}

// within is a store whose closures all run in one transaction that is under way.
type within struct {
	*Store
	t *tx
}

// View runs read in the transaction.
func (w *within) View(_ context.Context, read func(access.ReadTx) error) error { return read(w.t) }

// Lookup runs read in the transaction.
func (w *within) Lookup(_ context.Context, read func(access.ReadTx) error) error { return read(w.t) }

// Update runs write in the transaction.
func (w *within) Update(_ context.Context, write func(access.Tx) error) error { return write(w.t) }

// Note runs write in the transaction.
func (w *within) Note(_ context.Context, write func(access.NoteTx) error) error { return write(w.t) }

// copying is one copy under way.
type copying struct {
	ctx  context.Context
	from *sql.Tx
	to   *sql.Tx
	conn *sql.Conn // that of to
}

// run copies and compares. It has as much time as it takes, and everybody else who
// would write waits.
func (c *copying) run() ([]CopiedTable, error) {
	tables, err := sourceTables(c.ctx, c.from)
	if err != nil {
		return nil, fmt.Errorf("read the tables that are to be copied: %w", err)
	}
	for _, text := range []string{
		`SET LOCAL statement_timeout = 0`, `SET LOCAL idle_in_transaction_session_timeout = 0`, turnAlone,
	} {
		if _, err := c.to.ExecContext(c.ctx, text); err != nil {
			return nil, fmt.Errorf("begin to copy: %w", err)
		}
	}
	for _, t := range tables {
		if err := c.isEmpty(t); err != nil {
			return nil, err
		}
	}
	copied := make([]CopiedTable, len(tables))
	for i, t := range tables {
		if copied[i], err = c.copy(t); err != nil {
			return nil, fmt.Errorf("copy table %s: %w", t.name, err)
		}
	}
	for i, t := range tables { // now that nothing comes any more that could change them
		if err := c.compare(t, copied[i]); err != nil {
			return nil, err
		}
	}
	for _, table := range []string{"credentials", "access_tokens"} {
		if err := c.findDigests(table); err != nil {
			return nil, err
		}
	}
	return copied, nil
}

// isEmpty fails where the target's table has a row, or is another one than ours.
func (c *copying) isEmpty(t sourceTable) error {
	var some bool
	if err := c.to.QueryRowContext(c.ctx, `SELECT EXISTS (SELECT `+t.list()+` FROM `+t.name+`)`).Scan(&some); err != nil {
		return fmt.Errorf("table %s of the database to copy into: %w", t.name, err)
	}
	if some {
		return fmt.Errorf("the database to copy into is in use: its table %s has rows. Nothing was changed: name an empty database", t.name)
	}
	return nil
}

// copy copies the rows of a table, in the order of its key.
func (c *copying) copy(t sourceTable) (CopiedTable, error) {
	rows, err := c.from.QueryContext(c.ctx, t.selection())
	if err != nil {
		return CopiedTable{}, err
	}
	defer func() { _ = rows.Close() }()
	sum := newTableDigest(t, rows)
	var n int64
	err = c.conn.Raw(func(driver any) error {
		there, ok := driver.(*stdlib.Conn)
		if !ok {
			return errors.New("the driver cannot copy")
		}
		n, err = there.Conn().CopyFrom(c.ctx, pgx.Identifier{t.name}, t.columns, sum)
		return err
	})
	if err != nil {
		return CopiedTable{}, err
	}
	if n != sum.rows {
		return CopiedTable{}, fmt.Errorf("%d rows arrived of %d", n, sum.rows)
	}
	return CopiedTable{t.name, n, sum.digest()}, nil
}

// compare reads a table back.
func (c *copying) compare(t sourceTable, want CopiedTable) error {
	rows, err := c.to.QueryContext(c.ctx, t.selection())
	if err != nil {
		return fmt.Errorf("read table %s back: %w", t.name, err)
	}
	defer func() { _ = rows.Close() }()
	sum := newTableDigest(t, rows)
	for sum.Next() {
		if _, err := sum.Values(); err != nil {
			return fmt.Errorf("read table %s back: %w", t.name, err)
		}
	}
	if err := sum.Err(); err != nil {
		return fmt.Errorf("read table %s back: %w", t.name, err)
	}
	if sum.rows != want.Rows || string(sum.digest()) != string(want.Digest) {
		return fmt.Errorf("table %s arrived as another one than was sent: %d rows, digest %x, instead of %d rows, digest %x. Something changes rows there, such as a trigger",
			t.name, sum.rows, sum.digest(), want.Rows, want.Digest)
	}
	return nil
}

// findDigests looks each digest up by which a secret is recognised, as a request would.
func (c *copying) findDigests(table string) error {
	const batch = 1000
	rows, err := c.from.QueryContext(c.ctx, `SELECT digest FROM `+table+` WHERE digest IS NOT NULL`)
	if err != nil {
		return fmt.Errorf("read the digests of %s: %w", table, err)
	}
	defer func() { _ = rows.Close() }()
	look := func(some [][]byte) error {
		var found int
		if err := c.to.QueryRowContext(c.ctx, `SELECT COUNT(*) FROM `+table+` WHERE digest = ANY($1)`, some).Scan(&found); err != nil {
			return fmt.Errorf("look for the digests of %s: %w", table, err)
		}
		if found != len(some) {
			return fmt.Errorf("of %d digests of %s only %d are found in the copy", len(some), table, found)
		}
		return nil
	}
	var some [][]byte
	for rows.Next() {
		var sum []byte
		if err := rows.Scan(&sum); err != nil {
			return err
		}
		if some = append(some, sum); len(some) == batch {
			if err := look(some); err != nil {
				return err
			}
			some = some[:0]
		}
	}
	return errors.Join(rows.Err(), look(some))
}

// analyze lets the planner know what is in the tables: it has seen them empty.
func (c *copying) analyze() error {
	if _, err := c.conn.ExecContext(c.ctx, `ANALYZE`); err != nil {
		return fmt.Errorf("the copy is complete, but PostgreSQL's statistics could not be brought up to date: %w", err)
	}
	return nil
}

// sourceTable is a table as SQLite describes it. Its names are those of our migrations.
type sourceTable struct {
	name    string
	columns []string
	key     []string // what orders its rows
	refers  []string // the tables it refers to
}

func (t sourceTable) list() string { return strings.Join(t.columns, ", ") }

// selection asks for all rows, in the same order on both sides.
func (t sourceTable) selection() string {
	return `SELECT ` + t.list() + ` FROM ` + t.name + ` ORDER BY ` + strings.Join(t.key, ", ")
}

// sourceTables returns all tables of a database but those of the engine and of goose,
// each behind those that it refers to.
func sourceTables(ctx context.Context, from *sql.Tx) ([]sourceTable, error) {
	names, err := texts(ctx, from, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'goose_db_version' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	var out []sourceTable
	for _, name := range names {
		t := sourceTable{name: name}
		var errs [3]error
		t.columns, errs[0] = texts(ctx, from, `SELECT name FROM pragma_table_info($1) ORDER BY cid`, name)
		t.key, errs[1] = texts(ctx, from, `SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk`, name)
		t.refers, errs[2] = texts(ctx, from, `SELECT DISTINCT "table" FROM pragma_foreign_key_list($1) WHERE "table" <> $1`, name)
		if err := errors.Join(errs[:]...); err != nil {
			return nil, err
		}
		if len(t.key) == 0 { // engines differ in where a column without a value stands
			for _, c := range t.columns {
				t.key = append(t.key, c+" NULLS LAST")
			}
		}
		out = append(out, t)
	}
	return inOrder(out)
}

// inOrder puts each table behind those that it refers to.
func inOrder(tables []sourceTable) ([]sourceTable, error) {
	done := map[string]bool{}
	var out []sourceTable
	for len(out) < len(tables) {
		before := len(out)
		for _, t := range tables {
			ready := !done[t.name]
			for _, r := range t.refers {
				ready = ready && done[r]
			}
			if ready {
				done[t.name] = true
				out = append(out, t)
			}
		}
		if len(out) == before {
			return nil, errors.New("tables refer to each other in a circle")
		}
	}
	return out, nil
}

func texts(ctx context.Context, from *sql.Tx, text string, args ...any) (out []string, err error) {
	rows, err := from.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}
