package access

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// This file is how events reach places outside of the installation: each target has a
// cursor in the database, which moves when the target has acknowledged what was sent.
// So each event gets there at least once and in order, whatever happens; after a crash
// some come twice. Acts neither wait for it nor notice it.

// ShipTarget is where events are shipped to.
type ShipTarget struct {
	Name  string // as the configuration has it; its cursor is kept under it
	Label string // short and without a place, for metrics
	// Send returns nil when the target has acknowledged all of the events, which follow
	// each other by number. Where it fails they come again.
	Send Send
}

// Send hands events to a target.
type Send func(ctx context.Context, events []Event) error

// ShipCursor is how far a target has got.
type ShipCursor struct {
	Target    string
	Seq       int64     // of the last event that it has acknowledged
	Holder    string    // the id of the node that ships there; empty = none
	ShippedAt time.Time // when it last acknowledged something; zero = never
}

// shipsFrom reports whether a node is the one that ships there, and alive.
func (c ShipCursor) shipsFrom(n Node) bool { return n.ID == c.Holder && n.Alive() }

// ShipPace is how a Shipper divides its time.
type ShipPace struct {
	Poll        time.Duration // between looks for new events
	Least, Most time.Duration // before what failed is tried again: doubled each time
	Send        time.Duration // that one batch may take
}

// DefaultShipPace is the pace of a server.
func DefaultShipPace() ShipPace {
	return ShipPace{Poll: time.Second, Least: time.Second, Most: time.Minute, Send: 30 * time.Second}
}

const (
	shipBatch = 200 // events that are sent at once
	// shipPatience is how many times in a row a node fails before it lets another one try.
	shipPatience = 5
)

// Shipper ships events to one target for as long as it runs. Of several nodes that
// share a database one ships; another one takes over when that one is gone.
type Shipper struct {
	Deps
	target ShipTarget
	node   string
	pace   ShipPace
	log    *slog.Logger

	mu    sync.Mutex
	stats ShipStats
}

// ShipStats is what a Shipper has done since it began, and what it has before it.
type ShipStats struct {
	Label    string
	Shipped  uint64 // events that were acknowledged to this node
	Failures uint64 // batches that were not
	Waiting  int64  // events that the target has not acknowledged to anybody
	Holds    bool   // this node is the one that ships
	// Seq is the number of the last event that the target has acknowledged to anybody,
	// and ShippedAt when; zero = none, or this node has not looked yet.
	Seq       int64
	ShippedAt time.Time
}

// NewShipper returns a shipper for the node with an id.
func NewShipper(d Deps, target ShipTarget, node string, pace ShipPace, log *slog.Logger) *Shipper {
	return &Shipper{Deps: d, target: target, node: node, pace: pace, log: log, stats: ShipStats{Label: target.Label}}
}

// Stats returns what was counted so far.
func (s *Shipper) Stats() ShipStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

func (s *Shipper) count(change func(*ShipStats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
}

// Run ships until ctx ends. What is left then is shipped after the next start.
func (s *Shipper) Run(ctx context.Context) {
	failed := 0
	for ctx.Err() == nil {
		more, err := s.step(ctx)
		wait := s.pace.Poll
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failed++
			wait = s.delay(failed)
			s.failure(ctx, err, failed, wait)
		case failed > 0 && s.Stats().Holds:
			s.log.Info("events are shipped again", "target", s.target.Name, "waiting", s.Stats().Waiting)
			failed = 0
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// delay is how long to wait after a number of failures in a row.
func (s *Shipper) delay(failed int) time.Duration {
	return min(s.pace.Least<<min(failed-1, 20), s.pace.Most)
}

// failure tells of a batch that did not arrive, and lets another node try after some.
func (s *Shipper) failure(ctx context.Context, err error, failed int, wait time.Duration) {
	s.count(func(n *ShipStats) { n.Failures++ })
	s.log.Warn("events could not be shipped; they are kept, and tried again", "target", s.target.Name, "error", err,
		"failed", failed, "acknowledged", s.Stats().Seq, "waiting", s.Stats().Waiting, "again_in", wait.String())
	if failed%shipPatience != 0 || !s.Stats().Holds {
		return
	}
	if _, err := s.hold(ctx, s.node, ""); err != nil {
		s.log.Warn("another node could not be let ship in this one's place", "target", s.target.Name, "error", err)
		return
	}
	s.count(func(n *ShipStats) { n.Holds = false })
}

// step sends one batch, if this node is the one to ship. more says that there is more.
func (s *Shipper) step(ctx context.Context) (more bool, err error) {
	c, err := s.look(ctx)
	if err != nil {
		return false, err
	}
	if c.Holder != s.node {
		if ours, err := s.take(ctx, c); err != nil || !ours {
			s.count(func(n *ShipStats) { n.Holds = false })
			return false, err
		}
		s.log.Info("this server ships events", "target", s.target.Name, "acknowledged", c.Seq, "waiting", s.Stats().Waiting)
	}
	s.count(func(n *ShipStats) { n.Holds = true })
	events, err := s.eventsAfter(ctx, c.Seq, shipBatch)
	if err != nil || len(events) == 0 {
		return false, err
	}
	if err := s.send(ctx, events); err != nil {
		return false, err
	}
	last, now := events[len(events)-1].Seq, s.Clock.Now()
	moved, err := s.move(ctx, last, now)
	if err != nil || !moved {
		return false, err // another node has taken over meanwhile, and sends these again
	}
	s.count(func(n *ShipStats) {
		n.Shipped += uint64(len(events))
		n.Waiting = max(0, n.Waiting-(last-c.Seq))
		n.Seq, n.ShippedAt = last, now
	})
	return true, nil
}

// look returns how far the target has got, and notes how much is left.
func (s *Shipper) look(ctx context.Context) (ShipCursor, error) {
	var p ShipProgress
	err := s.Store.View(ctx, func(tx ReadTx) error {
		var err error
		p, err = shipProgress(tx, s.target.Name)
		return err
	})
	if err == nil {
		s.count(func(n *ShipStats) { n.Waiting, n.Seq, n.ShippedAt = p.Waiting, p.Seq, p.ShippedAt })
	}
	return p.ShipCursor, err
}

// ShipProgress is how far a target has got, and what is left.
type ShipProgress struct {
	ShipCursor
	Waiting int64  // events that it has not acknowledged
	Node    string // the name of the server that ships there; empty = none that is alive, or there is only one
}

func shipProgress(tx ReadTx, target string) (p ShipProgress, err error) {
	if p.ShipCursor, err = shipCursor(tx, target); err != nil {
		return p, err
	}
	first, err := checkpointOf(tx)
	if err != nil {
		return p, err
	}
	head, err := tx.EventHead()
	// What was moved out of the database before the target was named is not waited for.
	p.Waiting = max(0, head.Seq-max(p.Seq, first.Head.Seq))
	return p, err
}

// Shipping returns how far each of the targets has got, in the order in which they are
// configured.
func (a *Auditor) Shipping(ctx context.Context) ([]ShipProgress, error) {
	nodes, err := a.Store.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	var out []ShipProgress
	err = a.Store.View(ctx, func(tx ReadTx) error {
		out = nil
		for _, target := range a.Ships {
			p, err := shipProgress(tx, target)
			if err != nil {
				return err
			}
			if i := slices.IndexFunc(nodes, p.shipsFrom); i >= 0 {
				p.Node = nodes[i].Name
			}
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

// shipCursor returns a target's cursor, at the beginning where there is none.
func shipCursor(tx ReadTx, target string) (ShipCursor, error) {
	c, err := tx.ShipCursor(target)
	if missing(err) {
		return ShipCursor{Target: target}, nil
	}
	return c, err
}

// take makes this node the one that ships, unless another one does that is alive.
func (s *Shipper) take(ctx context.Context, c ShipCursor) (bool, error) {
	nodes, err := s.Store.Nodes(ctx)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(nodes, c.shipsFrom) {
		return false, nil
	}
	return s.hold(ctx, c.Holder, s.node)
}

func (s *Shipper) hold(ctx context.Context, from, to string) (held bool, err error) {
	err = s.Store.Note(ctx, func(tx NoteTx) error {
		var err error
		held, err = tx.HoldShipping(s.target.Name, from, to)
		return err
	})
	return held, err
}

func (s *Shipper) send(ctx context.Context, events []Event) error {
	ctx, cancel := context.WithTimeout(ctx, s.pace.Send)
	defer cancel()
	return s.target.Send(ctx, events)
}

// move is tried even when the server is about to end: what has arrived need not come twice.
func (s *Shipper) move(ctx context.Context, seq int64, at time.Time) (moved bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.pace.Send)
	defer cancel()
	err = s.Store.Note(ctx, func(tx NoteTx) error {
		var err error
		moved, err = tx.MoveShipCursor(s.target.Name, s.node, seq, at)
		return err
	})
	return moved, err
}

// shipped fails where a target has not acknowledged all events up to a number: they
// must not be deleted before.
func shipped(tx ReadTx, targets []string, through int64) error {
	for _, target := range targets {
		c, err := shipCursor(tx, target)
		if err != nil {
			return err
		}
		if c.Seq < through {
			return fail(Conflict, fmt.Sprintf("Nothing was deleted: %s has been sent the events up to %d, and those up to %d were to be deleted. "+
				"Wait until it has caught up, or take it out of [audit] ship_to.", target, c.Seq, through))
		}
	}
	return nil
}
