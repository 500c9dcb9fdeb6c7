package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"claviger/internal/access"
)

// ledger is what is known outside the database: the anchor and the file of
// revocations. The store tells it of each commit before that is acknowledged.
type ledger struct {
	dataDir string
	anchor  *anchor      // nil: another process keeps it
	damaged bool         // the anchor knew something that cannot be read, and list does not know it either
	list    *revocations // nil before begin

	mu      sync.Mutex
	head    access.EventHead // the latest that was told
	pending []access.Ending  // told, and not on the disk

	io      sync.Mutex // held while something is written
	durable mark       // what is on the disk; written under both
}

// openLedger opens what stands beside the database, for whoever has the lock.
func openLedger(dataDir string) (*ledger, error) {
	a, known, err := openAnchor(dataDir)
	damaged := errors.Is(err, errDamaged)
	if err != nil && !damaged {
		return nil, err
	}
	if a == nil {
		return &ledger{}, nil
	}
	l := &ledger{dataDir: dataDir, anchor: a, damaged: damaged, durable: known, head: known.head}
	list, err := openRevocations(dataDir)
	if err != nil {
		return nil, errors.Join(err, a.close())
	}
	if list == nil {
		return l, nil
	}
	l.list = list
	l.durable = l.durable.later(list.last)
	l.head = l.durable.head
	l.damaged = damaged && list.last.serial == 0 // else the other file knows
	return l, nil
}

// committed notes a commit, and returns when it is on the disk. Of several at once
// one writes for all.
func (l *ledger) committed(c access.Commit) error {
	if l.anchor == nil {
		return nil
	}
	l.mu.Lock()
	if c.Head.Seq > l.head.Seq {
		l.head = c.Head
	}
	if l.list != nil {
		l.pending = append(l.pending, c.Ended...)
	}
	l.mu.Unlock()
	l.io.Lock()
	defer l.io.Unlock()
	return l.flush(false)
}

// flush writes what is not on the disk yet. The caller holds io.
func (l *ledger) flush(always bool) error {
	l.mu.Lock()
	head, pending := l.head, l.pending
	l.pending = nil
	l.mu.Unlock()
	m := mark{l.durable.serial + 1, head}
	var err error
	switch {
	case len(pending) > 0:
		slices.SortFunc(pending, func(a, b access.Ending) int { return cmp.Compare(a.N, b.N) })
		err = l.list.add(pending, m)
	case always || head.Seq > l.durable.head.Seq:
		err = l.anchor.write(m)
	default:
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.pending = append(pending, l.pending...)
		return err
	}
	l.durable = m
	return nil
}

// known returns the head that the ledger knows; zero = none.
func (l *ledger) known() access.EventHead {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable.head
}

// reset makes a head the one that is known, be it behind the one before.
func (l *ledger) reset(head access.EventHead) error {
	if l.anchor == nil {
		return nil
	}
	l.io.Lock()
	defer l.io.Unlock()
	l.mu.Lock()
	l.head = head
	l.mu.Unlock()
	if l.list != nil {
		l.list.low = 0 // numbers may have been given anew
	}
	return l.flush(true)
}

// begin makes the file of revocations where there is none: complete from a head on.
func (l *ledger) begin(head access.EventHead) error {
	if l.anchor == nil || l.list != nil {
		return nil
	}
	if err := makeRevocations(l.dataDir, head); err != nil {
		return err
	}
	var err error
	l.list, err = openRevocations(l.dataDir)
	return err
}

// catchUp adds to the file of revocations what the database has beyond it: a process
// ended between the two, or another node ended it.
func (l *ledger) catchUp(ctx context.Context, st access.Store) (int, error) {
	if l.list == nil {
		return 0, nil
	}
	l.io.Lock()
	from := max(l.list.low-1, 0)
	l.io.Unlock()
	var there []access.Ending
	err := st.View(ctx, func(tx access.ReadTx) (err error) {
		there, err = endingsAfter(tx, from)
		return err
	})
	if err != nil || len(there) == 0 {
		return 0, err
	}
	l.io.Lock()
	last := there[len(there)-1].N
	missing := slices.DeleteFunc(there, func(e access.Ending) bool { return l.list.seen[numbered(e)] })
	l.io.Unlock()
	if err := l.committed(access.Commit{Ended: missing}); err != nil {
		return 0, err
	}
	l.io.Lock()
	l.list.settled(last)
	l.io.Unlock()
	return len(missing), nil
}

// endingsAfter returns all endings with higher numbers than n, in order.
func endingsAfter(tx access.ReadTx, n int64) (all []access.Ending, err error) {
	for {
		batch, err := tx.EndingsAfter(n, 1000)
		if err != nil || len(batch) == 0 {
			return all, err
		}
		all = append(all, batch...)
		n = batch[len(batch)-1].N
	}
}

// close leaves the anchor with the last word, and gives it free.
func (l *ledger) close() error {
	if l.anchor == nil {
		return nil
	}
	l.io.Lock()
	defer l.io.Unlock()
	err := l.flush(l.list != nil && l.list.last.serial == l.durable.serial && l.durable.serial > 0)
	if l.list != nil {
		err = errors.Join(err, l.list.close())
	}
	return errors.Join(err, l.anchor.close())
}
