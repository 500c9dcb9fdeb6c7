package metrics

import (
	"context"
	"sync/atomic"

	"claviger/internal/access"
)

// Store measures the transactions of a store.
type Store struct {
	access.Store
	clock access.Clock

	view, lookup, update, note transactions
}

// transactions are those of one kind.
type transactions struct {
	took     access.Histogram
	failures atomic.Uint64
}

// Measure returns a store whose transactions are measured.
func Measure(s access.Store, clock access.Clock) *Store { return &Store{Store: s, clock: clock} }

// View measures the store's View.
func (s *Store) View(ctx context.Context, read func(access.ReadTx) error) error {
	return s.measure(&s.view, func() error { return s.Store.View(ctx, read) })
}

// Lookup measures the store's Lookup.
func (s *Store) Lookup(ctx context.Context, read func(access.ReadTx) error) error {
	return s.measure(&s.lookup, func() error { return s.Store.Lookup(ctx, read) })
}

// Update measures the store's Update.
func (s *Store) Update(ctx context.Context, write func(access.Tx) error) error {
	return s.measure(&s.update, func() error { return s.Store.Update(ctx, write) })
}

// Note measures the store's Note.
func (s *Store) Note(ctx context.Context, write func(access.NoteTx) error) error {
	return s.measure(&s.note, func() error { return s.Store.Note(ctx, write) })
}

func (s *Store) measure(of *transactions, transact func() error) error {
	began := s.clock.Now()
	err := transact()
	of.took.Observe(s.clock.Now().Sub(began))
	if err != nil && access.KindOf(err) == access.Unavailable { // what the rules refuse is no failure
		of.failures.Add(1)
	}
	return err
}

// stats tells how long transactions of each kind took and how many failed.
func (s *Store) stats(tell func(kind string, took *access.Histogram, failures uint64)) {
	tell("view", &s.view.took, s.view.failures.Load())
	tell("lookup", &s.lookup.took, s.lookup.failures.Load())
	tell("update", &s.update.took, s.update.failures.Load())
	tell("note", &s.note.took, s.note.failures.Load())
}
