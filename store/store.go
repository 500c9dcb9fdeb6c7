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
	"time"

	"claviger/internal/access"
)

// maxAttempts bounds how often a closure runs whose transaction the database
// could not put in line with others.
const maxAttempts = 10

// Options say where the database is.
type Options struct {
	URL  string       // of PostgreSQL; empty = SQLite
	Path string       // of the SQLite file; its directory has to be there
	Log  *slog.Logger // nil = none
	// Committed is told of each commit that added events or ended something for good,
	// after it and before it is acknowledged; several at once, in any order. nil = nobody is.
	Committed func(access.Commit) error
	// Node says who serves, by ID, Name and Version, where several nodes may share the
	// database. Without an ID it hears of no changes: Epoch is never sure there.
	Node access.Node
	// Keys returns the ids of the server keys that this node has now, the primary one
	// first, for the other nodes to see. nil = it does not say.
	Keys func() []string
	// Now tells the time with a monotonic reading, as time.Now does; a Node needs it.
	Now func() time.Time
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	epoch   atomic.Uint64 // changes that judgements depend on
	dialect dialect
	write   *pool
	read    *pool
	node    access.Node
	feed    *feed // of other nodes' changes; nil where there are none, or nobody listens
	log     *slog.Logger
	tell    func(access.Commit) error
	close   func() error
	crowds  crowds
	usage   usage
	closed  atomic.Bool // from the moment at which the store begins to close

	doubt     atomic.Pointer[access.Error] // why the database is not to be relied on; nil = it is
	announced atomic.Int64                 // the number of the last event that other nodes were told of
}

var _ access.Store = (*Store)(nil)

// Open opens the database, makes it when there is none, and brings its schema up
// to date. Only one process may have a SQLite file open, which the caller sees
// to by a lock file. Errors are for the operator to read: they say which file it
// is and what can be done.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{dialect: sqliteDialect(), node: o.Node, log: o.Log, tell: o.Committed}
	switch {
	case strings.HasPrefix(o.URL, "postgres://"), strings.HasPrefix(o.URL, "postgresql://"):
		s.dialect = postgresDialect()
	case o.URL != "":
		return nil, errors.New("[store] url names no known database: leave it empty to use SQLite, or begin it with postgres://")
	}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, o Options) error {
	at, err := s.dialect.locate(o)
	if err != nil {
		return err
	}
	s.write, s.read = newPool(at.write, s.dialect.writers), newPool(at.read, s.dialect.readers)
	s.close = sync.OnceValue(s.closeAll)
	if err := migrate(ctx, s.dialect, at, s.log); err != nil {
		return err
	}
	if s.dialect.prepares {
		if err := errors.Join(s.write.prepare(ctx, hot), s.write.prepare(ctx, hotWrites), s.read.prepare(ctx, hot)); err != nil {
			return fmt.Errorf("open database %s: %w", at.name, err)
		}
	}
	if at.feed == nil || o.Node.ID == "" {
		return nil
	}
	if o.Now == nil {
		return errors.New("open database: a node needs a clock")
	}
	s.feed = startFeed(at.feed, o, &s.epoch, &s.announced)
	return nil
}

// Close ends all connections. What comes after is Unavailable.
func (s *Store) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// closeAll closes the readers before the writer, so that it, as the last one to
// leave, can put the database's files in order.
func (s *Store) closeAll() error {
	s.closed.Store(true)
	var errs []error
	if s.feed != nil {
		s.feed.end()
	}
	for _, p := range []*pool{s.read, s.write} {
		if p != nil {
			errs = append(errs, p.close()...)
		}
	}
	return errors.Join(errs...)
}

// View runs read on one consistent state of the database.
func (s *Store) View(ctx context.Context, read func(access.ReadTx) error) error {
	return s.retry(ctx, s.read, s.reading(func(t *tx) error { return read(t) }))
}

// Lookup runs read without a transaction, for a single question: BEGIN and COMMIT
// cost more than a lookup by an index does. On an engine in this process it is not cut
// short when the caller goes away, because watching for that costs as much, too; a server
// may hang, and is not waited for longer than by View.
func (s *Store) Lookup(ctx context.Context, read func(access.ReadTx) error) error {
	if s.read == nil || s.read.db == nil {
		return unavailable(sql.ErrConnDone)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("lookup: %w", err)
	}
	bounded := context.WithoutCancel(ctx)
	if s.dialect.shared {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, s.dialect.readTime)
		defer cancel()
	}
	err := read(&tx{ctx: bounded, caller: ctx, sql: s.read.db, ready: s.read.ready(), dialect: s.dialect})
	if err != nil && s.closed.Load() {
		return unavailable(err) // a closed statement has no error that could be told by its type
	}
	return err
}

// Update runs write in a transaction of its own and commits what it did if it
// returns nil; else, or when it panics, nothing is left of it.
func (s *Store) Update(ctx context.Context, write func(access.Tx) error) error {
	if doubt := s.doubt.Load(); doubt != nil {
		return doubt
	}
	var erased, tried bool
	var announced int64
	err := s.retry(ctx, s.write, s.writing(s.dialect.alone, func(t *tx) error {
		err := write(t)
		if err == nil {
			err = s.announce(t)
		}
		erased, announced, tried = t.erased, t.commit.Head.Seq, tried || err == nil
		return err
	}))
	if tried {
		s.epoch.Add(1) // also when the commit failed: who knows what became of it
	}
	if tried && err == nil {
		for old := s.announced.Load(); announced > old && !s.announced.CompareAndSwap(old, announced); {
			old = s.announced.Load()
		}
	}
	if err == nil && erased {
		s.wipe(ctx)
	}
	return err
}

// Note is Update for changes that no judgement of a request depends on.
func (s *Store) Note(ctx context.Context, write func(access.NoteTx) error) error {
	if doubt := s.doubt.Load(); doubt != nil {
		return doubt
	}
	return s.retry(ctx, s.write, s.writing(s.dialect.beside, func(t *tx) error { return write(t) }))
}

// Epoch returns the number of changes that were heard of since the store was opened. It
// is sure where nobody else writes, as on SQLite, whose lock we hold, or as long as the
// feed of other nodes' changes is.
func (s *Store) Epoch() (uint64, bool) {
	epoch := s.epoch.Load()
	return epoch, s.doubt.Load() == nil && (!s.dialect.shared || s.feed != nil && s.feed.certain())
}

// Alone reports whether nobody else can change the database, as on SQLite, whose lock we hold.
func (s *Store) Alone() bool { return !s.dialect.shared }

// Doubt says of the database that it is not the one that was written to, or an older
// state of it. Until it is told nil, the store changes nothing there and is never sure of
// its epoch, so that nothing is remembered; what is read is what the database says.
func (s *Store) Doubt(err error) {
	if err == nil {
		s.doubt.Store(nil)
		return
	}
	s.doubt.Store(&access.Error{
		Kind: access.Unavailable, Message: "The database lacks acts that were acknowledged. Nothing is changed in it until an operator has looked.", Err: err,
	})
	s.epoch.Add(1)
}

// Doubted returns what Doubt was told last.
func (s *Store) Doubted() error {
	if doubt := s.doubt.Load(); doubt != nil {
		return doubt.Err
	}
	return nil
}

// wipe makes the engine overwrite what was erased wherever it keeps copies of
// it. The act is done and recorded by then, so that failing is no error of it.
func (s *Store) wipe(ctx context.Context) {
	if err := s.dialect.wipe(context.WithoutCancel(ctx), s.write.db); err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "erased data may linger in the write-ahead log until the next checkpoint", slog.Any("error", err))
	}
}

// job is a closure to be run in a transaction.
type job struct {
	options *sql.TxOptions
	bound   time.Duration // 0 = none but the caller's
	lock    string        // the statement that comes first, if any
	do      func(*tx) error
}

func (s *Store) reading(do func(*tx) error) job {
	return job{&sql.TxOptions{Isolation: s.dialect.reading, ReadOnly: true}, s.dialect.readTime, "", do}
}

func (s *Store) writing(lock string, do func(*tx) error) job {
	return job{&sql.TxOptions{Isolation: s.dialect.writing}, s.dialect.writeTime, lock, do}
}

// retry runs a transaction until it is not in the way of another one: from the second
// time on alone, where it can be.
func (s *Store) retry(ctx context.Context, p *pool, j job) error {
	for attempt := 1; ; attempt++ {
		met, err := s.transact(ctx, p, j)
		again := s.dialect.serialization(err) || met && j.lock != s.dialect.alone
		if err == nil || !again || ctx.Err() != nil {
			return err
		}
		if attempt == maxAttempts {
			return unavailable(fmt.Errorf("gave up after %d attempts: %w", attempt, err))
		}
		if j.lock != "" {
			j.lock = s.dialect.alone
		}
	}
}

// transact runs a transaction once. met says that another one was in its way.
func (s *Store) transact(ctx context.Context, p *pool, j job) (met bool, err error) {
	if p == nil || p.db == nil {
		return false, unavailable(sql.ErrConnDone)
	}
	bounded := ctx
	if j.bound > 0 {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, j.bound)
		defer cancel()
	}
	t := &tx{ctx: bounded, caller: ctx, ready: p.ready(), dialect: s.dialect, crowds: &s.crowds}
	if s.Alone() {
		t.usage, t.remembers, t.generation = &s.usage, j.options.ReadOnly, s.usage.begun() // before anything is read
	}
	began, err := s.begin(bounded, p, j.options)
	if err != nil {
		return false, ended(ctx, "begin transaction", err)
	}
	t.sql, t.began = began, began
	end := rolledBack
	// After a commit this does nothing; after an error or a panic the closure's
	// end is what is reported, not the rollback's.
	defer func() {
		_ = began.Rollback()
		if t.used != nil {
			t.usage.wrote(t.used, end)
		}
		p.learn(ctx, t.asked)
	}()
	if j.lock != "" {
		if err := t.do(j.lock); err != nil {
			return false, err
		}
	}
	if err := j.do(t); err != nil {
		return t.met, err
	}
	end = unknown
	if err := began.Commit(); err != nil {
		return t.met, ended(ctx, "commit", err)
	}
	end = committed
	return false, s.committed(t)
}

// begin begins a transaction. Connections that broke while nobody used them, as all do
// when the database restarts, are found out here and replaced.
func (s *Store) begin(ctx context.Context, p *pool, options *sql.TxOptions) (began *sql.Tx, err error) {
	for range 1 + max(s.dialect.readers, s.dialect.writers) {
		began, err = p.db.BeginTx(ctx, options)
		if err == nil || ctx.Err() != nil || !s.dialect.broken(err) {
			break
		}
	}
	return began, err
}

// ended says why a transaction could not begin, go on or be committed: because the
// caller went away, or else because of the database.
func ended(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	return unavailable(fmt.Errorf("%s: %w", what, err))
}

func unavailable(err error) error {
	return &access.Error{Kind: access.Unavailable, Message: complaint(err), Err: err}
}
