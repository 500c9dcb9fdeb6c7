package main

import (
	"context"
	"errors"
	"time"

	"claviger/internal/access"
)

// How often a node looks at what others did: when it has heard of something, and else
// from time to time, because an old state of the database announces nothing.
const (
	witnessTick  = 100 * time.Millisecond
	witnessPause = time.Second
)

// witness notes beside the database what other nodes do, as far as one can see that
// there, and compares the database with what is noted, until ctx ends. On SQLite nobody
// else writes.
func (in *installation) witness(ctx context.Context) error {
	if !in.shared() || in.ledger.anchor == nil {
		return nil
	}
	tick := time.NewTicker(witnessTick)
	defer tick.Stop()
	var seen uint64
	var looked time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		epoch, _ := in.store.Epoch()
		if epoch == seen && time.Since(looked) < witnessPause {
			continue
		}
		seen, looked = epoch, time.Now()
		if err := in.compareOnce(ctx); err != nil && ctx.Err() == nil && access.KindOf(err) != access.Unavailable {
			in.log.Warn("what other nodes did could not be noted beside the database; it is tried again", "error", err)
		}
	}
}

// compareOnce notes and compares. Acts that are missing are told once, and so is their return.
func (in *installation) compareOnce(ctx context.Context) error {
	err := in.auditor.Compare(ctx, in.ledger.known()) // known first: the database only goes on
	if loss, lost := errors.AsType[*access.LossError](err); lost {
		if in.store.Doubted() == nil {
			in.log.Error("the database was put back while this server runs, or another one took its place: nothing is remembered and no act is done. "+
				"Stop all servers, put the right one in place, or go on with this one: claviger serve --accept-data-loss", "error", loss)
		}
		in.store.Doubt(loss)
		return nil
	}
	if err != nil {
		return err
	}
	if in.store.Doubted() != nil {
		in.log.Info("the database has all acts that were acknowledged again")
		in.store.Doubt(nil)
	}
	head, err := in.auditor.Head(ctx)
	if err != nil {
		return err
	}
	if _, err := in.ledger.catchUp(ctx, in.store); err != nil {
		return err
	}
	return in.ledger.committed(access.Commit{Head: head})
}
