package access

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Auditor vouches for the chain of events: it verifies and exports it, moves old
// events out, and puts a database that was restored in line with what happened since.
type Auditor struct {
	Deps
	// Ships names the targets that events are shipped to: what they have not
	// acknowledged is not deleted.
	Ships []string
}

// NewAuditor returns an auditor over its dependencies.
func NewAuditor(d Deps) *Auditor { return &Auditor{Deps: d} }

// auditBatch is how many events are read at once. Each batch is a transaction of its
// own: events never change, so that no long one is needed.
const auditBatch = 500

// ChainReport is what became of verifying the chain.
type ChainReport struct {
	Count      int64
	First      EventHead
	Head       EventHead
	Checkpoint Checkpoint // zero = no event was ever moved out
	Anchored   bool       // there was an anchor to compare with
	Breaks     []ChainBreak
	Broken     int // how many there are; Breaks has the first ones
}

// Verify walks the whole chain and compares it with the anchor, which is what is
// known outside the database; zero where there is none.
func (a *Auditor) Verify(ctx context.Context, anchor EventHead) (ChainReport, error) {
	for {
		before, err := a.checkpoint(ctx)
		if err != nil {
			return ChainReport{}, err
		}
		report, err := a.verify(ctx, before, anchor)
		if err != nil || report.Broken == 0 {
			return report, err
		}
		after, err := a.checkpoint(ctx)
		if err != nil || after.Head.Seq == before.Head.Seq {
			return report, err
		}
		// Events were moved out while we walked: what is missing went there.
	}
}

func (a *Auditor) verify(ctx context.Context, from Checkpoint, anchor EventHead) (ChainReport, error) {
	chain := NewChain(from.Head)
	if from.Head.Seq > 0 && !a.signed(from) {
		chain.Break(from.Head.Seq, fmt.Sprintf("the checkpoint at event %d is not signed by a key of the key file: it was changed, or its key was retired", from.Head.Seq))
	}
	if anchor.Seq > 0 && anchor.Seq == from.Head.Seq && !bytes.Equal(anchor.Hash, from.Head.Hash) {
		chain.Break(anchor.Seq, differs(anchor.Seq))
	}
	err := a.walk(ctx, chain, func(e Event) {
		if e.Seq == anchor.Seq && !bytes.Equal(e.Hash, anchor.Hash) {
			chain.Break(e.Seq, differs(e.Seq))
		}
	})
	if err != nil {
		return ChainReport{}, err
	}
	if anchor.Seq > from.Head.Seq && chain.Head.Seq < anchor.Seq {
		chain.Break(anchor.Seq, fmt.Sprintf("the chain ends at event %d, but the anchor knows event %d: its tail was cut off", chain.Head.Seq, anchor.Seq))
	}
	return ChainReport{
		Count: chain.Count, First: chain.First, Head: chain.Head, Checkpoint: from, Anchored: anchor.Seq > 0,
		Breaks: chain.Breaks, Broken: chain.Broken,
	}, nil
}

func differs(seq int64) string {
	return fmt.Sprintf("event %d is another one than the anchor knows: the chain was rewritten", seq)
}

// walk follows all events that are in the database. A row that cannot even be read
// is a break like any other.
func (a *Auditor) walk(ctx context.Context, chain *Chain, each func(Event)) error {
	odd, err := a.oddEvent(ctx)
	if err != nil {
		return err
	}
	if odd != 0 {
		chain.Break(odd, fmt.Sprintf("event %d names another encoding than %s: it was changed, or a newer claviger wrote it", odd, EventEncoding))
	}
	last := int64(-1 << 63)
	for limit := auditBatch; ; {
		events, err := a.eventsAfter(ctx, last, limit)
		switch {
		case err == nil && len(events) == 0:
			return nil
		case err != nil && (KindOf(err) == Unavailable || ctx.Err() != nil):
			return err
		case err != nil && limit == 1:
			chain.Break(chain.next, fmt.Sprintf("event %d cannot be read: it was changed. What comes after it was not looked at", chain.next))
			return nil
		case err != nil:
			limit = 1 // go on one by one, up to the bad one
			continue
		}
		for _, e := range events {
			chain.Follow(e)
			each(e)
		}
		last = events[len(events)-1].Seq
	}
}

func (d Deps) eventsAfter(ctx context.Context, seq int64, limit int) (out []Event, err error) {
	err = d.Store.View(ctx, func(tx ReadTx) error {
		var err error
		out, err = tx.EventsAfter(seq, limit)
		return err
	})
	return out, err
}

func (a *Auditor) oddEvent(ctx context.Context) (seq int64, err error) {
	err = a.Store.View(ctx, func(tx ReadTx) error {
		var err error
		seq, err = tx.OddEvent(EventEncoding)
		return err
	})
	return seq, err
}

func (a *Auditor) checkpoint(ctx context.Context) (out Checkpoint, err error) {
	err = a.Store.View(ctx, func(tx ReadTx) error {
		var err error
		out, err = checkpointOf(tx)
		return err
	})
	return out, err
}

// checkpointOf returns the latest checkpoint, zero where no event was ever moved out.
func checkpointOf(tx ReadTx) (Checkpoint, error) {
	c, err := tx.Checkpoint()
	return c, ignoreMissing(err)
}

// Period chooses events by their time.
type Period struct {
	Since, Until time.Time // zero = whenever; Until is exclusive
}

// Export hands out the events of a period, the oldest first, without leaving one out
// between the first and the last: so the export can be verified by itself. It ends
// with the first event from Until on.
func (a *Auditor) Export(ctx context.Context, p Period, each func(Event) error) error {
	begun := false
	for last := int64(0); ; {
		events, err := a.eventsAfter(ctx, last, auditBatch)
		if err != nil || len(events) == 0 {
			return err
		}
		for _, e := range events {
			if !p.Until.IsZero() && !e.At.Before(p.Until) {
				return nil
			}
			begun = begun || !e.At.Before(p.Since)
			if !begun {
				continue
			}
			if err := each(e); err != nil {
				return err
			}
		}
		last = events[len(events)-1].Seq
	}
}

// checkpointPurpose keeps the signature of a checkpoint from serving elsewhere.
const checkpointPurpose = "audit checkpoint"

// sign returns the signature of a chain's head.
func (a *Auditor) sign(h EventHead) string { return a.Keys.Sign(checkpointPurpose, headText(h)) }

func (a *Auditor) signed(c Checkpoint) bool {
	text, ok := a.Keys.Verify(checkpointPurpose, c.Signature)
	return ok && text == headText(c.Head)
}

func headText(h EventHead) string {
	return strconv.FormatInt(h.Seq, 10) + " " + hex.EncodeToString(h.Hash)
}

// Prune deletes the events up to one that was exported, and leaves a signed
// checkpoint from which the chain goes on. The caller has made sure that the export
// is kept. It fails where the chain up to there does not hold, or the hash is
// another one. It returns how many events were deleted.
func (a *Auditor) Prune(ctx context.Context, who Actor, through EventHead) (int, error) {
	if err := who.operates("Events are moved out at the command line: claviger audit export --prune."); err != nil {
		return 0, err
	}
	through, err := a.holdsUpTo(ctx, through)
	if err != nil {
		return 0, err
	}
	deleted := 0
	err = a.Store.Update(ctx, func(tx Tx) error {
		if err := shipped(tx, a.Ships, through.Seq); err != nil {
			return err
		}
		now := a.Clock.Now()
		e := actorEvent(who, ActPrune, now)
		e.Detail = map[string]string{"through": strconv.FormatInt(through.Seq, 10), "hash": hex.EncodeToString(through.Hash)}
		if err := record(tx, e); err != nil { // first: the chain's last event is never deleted
			return err
		}
		var err error
		if deleted, err = tx.DeleteEvents(through.Seq); err != nil {
			return err
		}
		return tx.InsertCheckpoint(Checkpoint{Head: through, Count: int64(deleted), PrunedAt: now, Signature: a.sign(through)})
	})
	return deleted, err
}

// holdsUpTo fails where the chain does not hold from its beginning up to a head, and
// returns that head with its time.
func (a *Auditor) holdsUpTo(ctx context.Context, through EventHead) (EventHead, error) {
	from, err := a.checkpoint(ctx)
	if err != nil {
		return through, err
	}
	chain := NewChain(from.Head)
	for last := int64(0); chain.Head.Seq < through.Seq; {
		events, err := a.eventsAfter(ctx, last, int(min(auditBatch, through.Seq-chain.Head.Seq)))
		if err != nil {
			return through, err
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			chain.Follow(e)
		}
		last = events[len(events)-1].Seq
	}
	switch {
	case chain.Broken > 0:
		return through, &Error{Kind: Conflict, Message: "Nothing was deleted: the chain of events does not hold. Run claviger audit verify.", Err: errors.New(chain.Breaks[0].What)}
	case chain.Head.Seq != through.Seq || !bytes.Equal(chain.Head.Hash, through.Hash):
		return through, fail(Conflict, "Nothing was deleted: the export does not end at an event of this installation.")
	}
	return chain.Head, nil
}

// Head returns the end of the chain.
func (a *Auditor) Head(ctx context.Context) (out EventHead, err error) {
	err = a.Store.View(ctx, func(tx ReadTx) error {
		var err error
		out, err = tx.EventHead()
		return err
	})
	return out, err
}

// Record records an act of an operator's on the whole installation that changes
// nothing in the database, such as a backup.
func (a *Auditor) Record(ctx context.Context, who Actor, act Act, detail map[string]string) error {
	if !who.operator() {
		return fail(Forbidden, "This is done at the command line.")
	}
	return a.Store.Note(ctx, func(tx NoteTx) error {
		e := actorEvent(who, act, a.Clock.Now())
		e.Detail = detail
		return record(tx, e)
	})
}

// Compare says how the chain stands to an anchor: nil where it reaches it, be it
// longer, which is normal after a crash; else what is wrong, for people.
func (a *Auditor) Compare(ctx context.Context, anchor EventHead) error {
	if anchor.Seq == 0 {
		return nil
	}
	var head EventHead
	var there []Event
	var point Checkpoint
	err := a.Store.View(ctx, func(tx ReadTx) error {
		var err error
		if head, err = tx.EventHead(); err != nil {
			return err
		}
		if there, err = tx.EventsAfter(anchor.Seq-1, 1); err != nil {
			return err
		}
		point, err = checkpointOf(tx)
		return err
	})
	switch {
	case err != nil:
		return err
	case head.Seq < anchor.Seq:
		return &LossError{Head: head, Anchor: anchor}
	case anchor.Seq < point.Head.Seq && a.signed(point):
		return nil
	case anchor.Seq == point.Head.Seq && bytes.Equal(anchor.Hash, point.Head.Hash):
		return nil
	case len(there) == 0 || there[0].Seq != anchor.Seq || !bytes.Equal(there[0].Hash, anchor.Hash):
		return &LossError{Head: head, Anchor: anchor}
	}
	return nil
}

// LossError says that the database is not the one that the anchor knows, or an
// older state of it: acts that were acknowledged are missing.
type LossError struct{ Head, Anchor EventHead }

// Error names both ends.
func (e *LossError) Error() string {
	var b strings.Builder
	if e.Head.Seq < e.Anchor.Seq {
		fmt.Fprintf(&b, "acts that were acknowledged are missing from the database (%d events). ", e.Anchor.Seq-e.Head.Seq)
	} else {
		b.WriteString("the database is another one than the anchor knows, or was rewritten. ")
	}
	fmt.Fprintf(&b, "Its chain of events ends at %s; the anchor knows %s", e.Head, e.Anchor)
	return b.String()
}

// String prints a head for people.
func (h EventHead) String() string {
	if h.Seq == 0 {
		return "no event"
	}
	text := fmt.Sprintf("event %d, %s", h.Seq, hex.EncodeToString(h.Hash[:min(8, len(h.Hash))]))
	if !h.At.IsZero() {
		text += " of " + h.At.Format(time.RFC3339)
	}
	return text
}
