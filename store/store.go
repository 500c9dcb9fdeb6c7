// Package store keeps what the domain knows in a database: it implements
// [access.Store] by hand-written SQL, of which there is one text for every
// engine. What engines differ in stands in dialect.go and nowhere else.
//
// It knows no rules: it does not decide who may do what, makes no ids, reads no
// clock and records no events. It keeps and finds what it is given.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"claviger/internal/access"
)

// maxAttempts bounds how often a closure runs whose transaction the database
// could not put in line with others.
const maxAttempts = 10

// Options say where the database is.
type Options struct {
	URL  string       // empty = SQLite
	Path string       // of the SQLite file; its directory has to be there
	Log  *slog.Logger // nil = none
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	epoch   atomic.Uint64 // changes that judgements depend on
	dialect dialect
	write   *pool
	read    *pool
	log     *slog.Logger
	close   func() error
	closed  atomic.Bool // from the moment at which the store begins to close
}

var _ access.Store = (*Store)(nil)

// pool is a set of connections with the statements that are prepared on them.
type pool struct {
	db    *sql.DB
	ready map[string]*sql.Stmt // by text; fixed once the store is open
}

// Open opens the database, makes it when there is none, and brings its schema up
// to date. Only one process may have a SQLite file open, which the caller sees
// to by a lock file. Errors are for the operator to read: they say which file it
// is and what can be done.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if strings.HasPrefix(o.URL, "postgres://") || strings.HasPrefix(o.URL, "postgresql://") {
		return nil, errors.New("PostgreSQL is not supported by this version yet: leave [store] url empty to use SQLite")
	}
	if o.URL != "" {
		return nil, errors.New("[store] url names no known database: leave it empty to use SQLite")
	}
	s := &Store{dialect: sqliteDialect(), log: o.Log}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, o Options) error {
	dsn, err := s.dialect.locate(o)
	if err != nil {
		return err
	}
	if s.write, err = openPool(s.dialect.driver, dsn.write, s.dialect.writers); err != nil {
		return err
	}
	s.close = sync.OnceValue(s.closePools)
	if err := migrate(ctx, s.dialect, s.write.db, dsn.name, s.log); err != nil {
		return err
	}
	if s.read, err = openPool(s.dialect.driver, dsn.read, s.dialect.readers); err != nil {
		return err
	}
	for _, p := range []*pool{s.write, s.read} {
		if err := p.prepare(ctx, hot); err != nil {
			return fmt.Errorf("open database %s: %w", dsn.name, err)
		}
	}
	if err := s.write.prepare(ctx, hotWrites); err != nil {
		return fmt.Errorf("open database %s: %w", dsn.name, err)
	}
	return nil
}

func openPool(driver, dsn string, size int) (*pool, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return &pool{db: db, ready: map[string]*sql.Stmt{}}, nil
}

// prepare makes statements ready for use on every connection of the pool. It
// must not be called within a transaction: the only connection would be taken.
func (p *pool) prepare(ctx context.Context, texts []string) error {
	for _, text := range texts {
		stmt, err := p.db.PrepareContext(ctx, text)
		if err != nil {
			return fmt.Errorf("prepare statement: %w", err)
		}
		p.ready[text] = stmt
	}
	return nil
}

// Close ends all connections. What comes after is Unavailable.
func (s *Store) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// closePools closes the readers first, so that the writer, as the last one to
// leave, can put the database's files in order.
func (s *Store) closePools() error {
	s.closed.Store(true)
	var errs []error
	for _, p := range []*pool{s.read, s.write} {
		if p == nil {
			continue
		}
		for _, stmt := range p.ready {
			errs = append(errs, stmt.Close())
		}
		errs = append(errs, p.db.Close())
	}
	return errors.Join(errs...)
}

// View runs read on one consistent state of the database.
func (s *Store) View(ctx context.Context, read func(access.ReadTx) error) error {
	options := &sql.TxOptions{Isolation: s.dialect.isolation, ReadOnly: true}
	return s.retry(ctx, s.read, options, func(t *tx) error { return read(t) })
}

// Lookup runs read without a transaction, for a single question: BEGIN and COMMIT
// cost more than a lookup by an index does. It is not cut short when the caller goes
// away, because watching for that costs as much, too.
func (s *Store) Lookup(ctx context.Context, read func(access.ReadTx) error) error {
	if s.read == nil || s.read.db == nil {
		return unavailable(sql.ErrConnDone)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("lookup: %w", err)
	}
	err := read(&tx{ctx: context.WithoutCancel(ctx), sql: s.read.db, ready: s.read.ready, dialect: s.dialect})
	if err != nil && s.closed.Load() {
		return unavailable(err) // a closed statement has no error that could be told by its type
	}
	return err
}

// Update runs write in a transaction of its own and commits what it did if it
// returns nil; else, or when it panics, nothing is left of it.
func (s *Store) Update(ctx context.Context, write func(access.Tx) error) error {
	var erased, tried bool
	err := s.retry(ctx, s.write, &sql.TxOptions{Isolation: s.dialect.isolation}, func(t *tx) error {
		err := write(t)
		erased, tried = t.erased, err == nil
		return err
	})
	if tried {
		s.epoch.Add(1) // also when the commit failed: who knows what became of it
	}
	if err == nil && erased {
		s.wipe(ctx)
	}
	return err
}

// Note is Update for changes that no judgement of a request depends on.
func (s *Store) Note(ctx context.Context, write func(access.NoteTx) error) error {
	options := &sql.TxOptions{Isolation: s.dialect.isolation}
	return s.retry(ctx, s.write, options, func(t *tx) error { return write(t) })
}

// Epoch returns the number of changes since the store was opened. Nobody else writes
// to an SQLite database while we hold its lock.
func (s *Store) Epoch() (uint64, bool) { return s.epoch.Load(), true }

// wipe makes the engine overwrite what was erased wherever it keeps copies of
// it. The act is done and recorded by then, so that failing is no error of it.
func (s *Store) wipe(ctx context.Context) {
	if err := s.dialect.wipe(context.WithoutCancel(ctx), s.write.db); err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "erased data may linger in the write-ahead log until the next checkpoint", slog.Any("error", err))
	}
}

// retry runs a transaction until it is not in the way of another one.
func (s *Store) retry(ctx context.Context, p *pool, options *sql.TxOptions, do func(*tx) error) error {
	for attempt := 1; ; attempt++ {
		err := s.transact(ctx, p, options, do)
		if err == nil || !s.dialect.serialization(err) {
			return err
		}
		if attempt == maxAttempts {
			return unavailable(fmt.Errorf("gave up after %d attempts: %w", attempt, err))
		}
	}
}

func (s *Store) transact(ctx context.Context, p *pool, options *sql.TxOptions, do func(*tx) error) error {
	if p == nil || p.db == nil {
		return unavailable(sql.ErrConnDone)
	}
	began, err := p.db.BeginTx(ctx, options)
	if err != nil {
		return ended(ctx, "begin transaction", err)
	}
	// After a commit this does nothing; after an error or a panic the closure's
	// end is what is reported, not the rollback's.
	defer func() { _ = began.Rollback() }()
	if err := do(&tx{ctx: ctx, sql: began, began: began, ready: p.ready, dialect: s.dialect}); err != nil {
		return err
	}
	if err := began.Commit(); err != nil {
		return ended(ctx, "commit", err)
	}
	return nil
}

// ended says why a transaction could not begin or be committed: because the
// caller went away, or else because of the database.
func ended(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	return unavailable(fmt.Errorf("%s: %w", what, err))
}

func unavailable(err error) error {
	return &access.Error{Kind: access.Unavailable, Message: "The database cannot be reached.", Err: err}
}
