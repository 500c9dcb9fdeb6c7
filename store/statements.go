package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// pool is a set of connections with the statements that are kept ready on them.
type pool struct {
	db    *sql.DB
	mu    sync.Mutex // held while a text is learnt
	known atomic.Pointer[map[string]*sql.Stmt]
}

// The bounds of what is learnt. The statement of a list with filters is one of many, and
// a statement that is kept takes some 10 KB on each connection that ran it.
const (
	mostStatements = 128 // kept ready in one pool
	mostAsked      = 64  // looked at after one transaction
)

func newPool(db *sql.DB, size int) *pool {
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	p := &pool{db: db}
	p.known.Store(&map[string]*sql.Stmt{})
	return p
}

// ready returns the statements by their texts, as they are now; nil for a text that was
// met once. The map is never written to: it is replaced.
func (p *pool) ready() map[string]*sql.Stmt { return *p.known.Load() }

// prepare makes statements ready for use on every connection of the pool. It must not
// be called within a transaction: the only connection would be taken.
func (p *pool) prepare(ctx context.Context, texts []string) error {
	known := maps.Clone(p.ready())
	defer p.known.Store(&known)
	for _, text := range texts {
		stmt, err := p.db.PrepareContext(ctx, text)
		if err != nil {
			return fmt.Errorf("prepare statement: %w", err)
		}
		known[text] = stmt
	}
	return nil
}

// learn makes ready what was asked for a second time: taking a text apart and planning it
// costs more than most answers do. It is called after a transaction, when its connection
// is free again. What cannot be prepared now is not, and is run as it was before.
func (p *pool) learn(ctx context.Context, asked []string) {
	asked = slices.DeleteFunc(asked, func(text string) bool { return p.ready()[text] != nil })
	if len(asked) == 0 || ctx.Err() != nil || !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	known := maps.Clone(p.ready())
	if len(known)+len(asked) > mostStatements {
		maps.DeleteFunc(known, func(_ string, stmt *sql.Stmt) bool { return stmt == nil })
	}
	for _, text := range asked {
		stmt, met := known[text]
		switch {
		case stmt != nil: // somebody else has learnt it meanwhile
		case met:
			if stmt, err := p.db.PrepareContext(ctx, text); err == nil {
				known[text] = stmt
			}
		case len(known) < mostStatements:
			known[text] = nil
		}
	}
	p.known.Store(&known)
}

// close ends the statements and the connections.
func (p *pool) close() []error {
	var errs []error
	for _, stmt := range p.ready() {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return append(errs, p.db.Close())
}
