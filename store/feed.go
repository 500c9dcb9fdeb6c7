package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"claviger/internal/access"
)

// The feed tells a node of what the others change. Each Update sends a notification
// within its own transaction, which PostgreSQL passes on when that is committed, before
// whoever committed is told so. The feed is certain of having heard of every change that
// was acknowledged before it sent a question that was answered over the same connection:
// so it asks all the time, and what was answered too long ago counts for nothing.

const (
	// changesChannel is an expression: installations may share a database, in schemas of
	// their own, but channels are the database's.
	changesChannel = `'claviger_' || md5(current_schema())`

	// feedBound is for how long what is remembered is trusted after the last question
	// that was answered: within it a node acts on every acknowledged change, whether it
	// hears of it or is cut off.
	feedBound = time.Second

	feedPing    = 250 * time.Millisecond // how often it asks
	feedTimeout = 2 * time.Second        // after which an answer is waited for no longer, and a new connection made
	feedPause   = 200 * time.Millisecond // between two attempts to connect
	feedBeat    = time.Second            // how often the node says that it is there
)

// feed is a connection that listens, and what is known by it.
type feed struct {
	config *pgx.ConnConfig
	node   access.Node
	keys   func() []string
	now    func() time.Time
	start  time.Time
	log    *slog.Logger
	epoch  *atomic.Uint64

	announced *atomic.Int64 // the latest event of this node's own that was acknowledged

	listening atomic.Bool
	// When the last question that was answered was asked: by the monotonic clock since
	// start, and by the wall clock, which goes on where the machine sleeps.
	asked, askedWall atomic.Int64

	stop context.CancelFunc
	done chan struct{}

	// Of the goroutine alone:
	known   int64  // the latest event when it began to listen
	heard   change // the latest, to be confirmed
	pinged  time.Time
	beaten  time.Time
	failing bool
}

// change is what a notification tells.
type change struct {
	node string
	seq  int64 // of its event
	sent int64 // when, by the database's clock, in Unix microseconds
}

func startFeed(config *pgx.ConnConfig, o Options, epoch *atomic.Uint64, announced *atomic.Int64) *feed {
	ctx, stop := context.WithCancel(context.Background())
	f := &feed{
		config: config.Copy(), node: o.Node, keys: o.Keys, now: o.Now, start: o.Now(), log: o.Log, epoch: epoch, announced: announced, stop: stop, done: make(chan struct{}),
	}
	if f.keys == nil {
		f.keys = func() []string { return nil }
	}
	f.config.DefaultQueryExecMode = pgx.QueryExecModeExec // a pooler that shares connections is found out, not run into
	f.config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { f.notified(n.Payload) }
	f.config.RuntimeParams["application_name"] = "claviger feed"
	f.config.RuntimeParams["synchronous_commit"] = "off" // what it writes is only of the moment
	go f.run(ctx)
	return f
}

// end stops the feed and waits until it is gone.
func (f *feed) end() {
	f.stop()
	<-f.done
}

// certain reports whether every change that was acknowledged longer than feedBound
// ago has raised the epoch.
func (f *feed) certain() bool {
	if !f.listening.Load() {
		return false
	}
	now := f.now()
	return now.Sub(f.start)-time.Duration(f.asked.Load()) <= feedBound && time.Duration(now.UnixNano()-f.askedWall.Load()) <= feedBound
}

// notified takes note of a change. Our own has raised the epoch already, if it was
// acknowledged; a commit that was given up for lost may come later than that.
func (f *feed) notified(payload string) {
	c, err := parseChange(payload)
	if err != nil || c.node != f.node.ID || c.seq == 0 || c.seq > f.announced.Load() {
		f.epoch.Add(1)
	}
	if c.seq > f.heard.seq {
		f.heard = c
	}
}

func parseChange(payload string) (c change, err error) {
	words := strings.Fields(payload)
	if len(words) != 3 {
		return change{}, errors.New("three words expected")
	}
	if c.seq, err = strconv.ParseInt(words[1], 10, 64); err != nil {
		return change{}, err
	}
	c.sent, err = strconv.ParseInt(words[2], 10, 64)
	c.node = words[0]
	return c, err
}

// run keeps a connection that listens, until ctx ends.
func (f *feed) run(ctx context.Context) {
	defer close(f.done)
	for ctx.Err() == nil {
		err := f.listen(ctx)
		f.listening.Store(false)
		if ctx.Err() != nil {
			return
		}
		if !f.failing {
			f.log.LogAttrs(ctx, slog.LevelWarn, "other nodes' changes are not heard of: nothing is remembered until they are, and each request asks the database", slog.Any("error", err))
		}
		f.failing = true
		select {
		case <-ctx.Done():
		case <-time.After(feedPause):
		}
	}
}

// listen connects, listens, and returns when that is over.
func (f *feed) listen(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, f.config)
	if err != nil {
		return err
	}
	defer f.hangUp(ctx, conn)
	if err := f.exec(ctx, conn, `DO $$ BEGIN EXECUTE 'LISTEN ' || `+changesChannel+`; END $$`); err != nil {
		return err
	}
	f.heard = change{}
	bounded, cancel := context.WithTimeout(ctx, feedTimeout)
	defer cancel()
	if err := conn.QueryRow(bounded, selectHeadSeq).Scan(&f.known); err != nil {
		return err
	}
	f.epoch.Add(1) // what came before was missed
	if err := f.ping(ctx, conn); err != nil {
		return err
	}
	// The others wait for those that they know of: so they know before anything is remembered here.
	if err := f.beat(ctx, conn); err != nil {
		return err
	}
	f.listening.Store(true)
	if f.failing {
		f.log.LogAttrs(ctx, slog.LevelInfo, "other nodes' changes are heard of again")
	}
	f.failing = false
	if err := f.exec(ctx, conn, forgetNodes); err != nil {
		return err
	}
	for {
		if err := f.wait(ctx, conn); err != nil {
			return err
		}
	}
}

// wait waits for a notification or for the time of the next question, and does what
// either asks for.
func (f *feed) wait(ctx context.Context, conn *pgx.Conn) error {
	waiting, cancel := context.WithTimeout(ctx, max(f.pinged.Add(feedPing).Sub(f.now()), time.Millisecond))
	err := conn.PgConn().WaitForNotification(waiting)
	cancel()
	if err != nil && (ctx.Err() != nil || waiting.Err() == nil || conn.IsClosed()) {
		return err
	}
	if f.now().Sub(f.pinged) >= feedPing {
		if err := f.ping(ctx, conn); err != nil {
			return err
		}
	}
	if f.now().Sub(f.beaten) >= feedBeat {
		if err := f.beat(ctx, conn); err != nil {
			return err
		}
	}
	if f.heard.seq == 0 {
		return nil
	}
	heard := f.heard
	f.heard = change{}
	return f.exec(ctx, conn, confirmChange, f.node.ID, heard.seq, heard.sent)
}

// beat says that the node is there, and which server keys it has.
func (f *feed) beat(ctx context.Context, conn *pgx.Conn) error {
	f.beaten = f.now()
	return f.exec(ctx, conn, noteNode, f.node.ID, f.node.Name, f.node.Version, strings.Join(f.keys(), " "), f.known)
}

// ping asks whether the connection still listens. That the answer comes from the very
// process that we connected to shows that no pooler stands between, which would answer
// but pass no notification on.
func (f *feed) ping(ctx context.Context, conn *pgx.Conn) error {
	asked := f.now()
	bounded, cancel := context.WithTimeout(ctx, feedTimeout)
	defer cancel()
	var pid uint32
	var listens bool
	err := conn.QueryRow(bounded, `SELECT pg_backend_pid(), EXISTS (SELECT 1 FROM pg_listening_channels() AS c WHERE c = `+changesChannel+`)`).Scan(&pid, &listens)
	if err != nil {
		return fmt.Errorf("ask whether it listens: %w", err)
	}
	if pid != conn.PgConn().PID() || !listens {
		return errors.New("[store] url leads to a pooler, which passes no notifications on: let it name PostgreSQL itself")
	}
	f.pinged = f.now()
	f.asked.Store(int64(asked.Sub(f.start)))
	f.askedWall.Store(asked.UnixNano())
	return nil
}

func (f *feed) exec(ctx context.Context, conn *pgx.Conn, text string, args ...any) error {
	bounded, cancel := context.WithTimeout(ctx, feedTimeout)
	defer cancel()
	_, err := conn.Exec(bounded, text, args...)
	return err
}

// hangUp closes the connection; a node that ends in order takes its leave first.
func (f *feed) hangUp(ctx context.Context, conn *pgx.Conn) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), feedTimeout)
	defer cancel()
	if ctx.Err() != nil && !conn.IsClosed() {
		_, _ = conn.Exec(last, `DELETE FROM nodes WHERE id = $1`, f.node.ID)
	}
	_ = conn.Close(last)
}
