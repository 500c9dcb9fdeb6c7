package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"claviger/internal/access"
)

// consent is what an operator has agreed to at start.
type consent struct{ loss, clock bool }

// errAnchorDamaged says what to do about an anchor that cannot be read.
var errAnchorDamaged = errors.New("the anchor in the data directory is damaged, so that nobody can tell whether acts are missing from the database. " +
	"Run claviger audit verify; to go on with what is there: claviger serve --accept-data-loss")

// guard compares the database with what is known outside of it, before anything is
// done with it: acts that were acknowledged and are missing, and a clock that is
// behind them, are refused without the operator's consent.
func (in *installation) guard(ctx context.Context, agreed consent) error {
	if in.ledger.anchor == nil {
		return in.guardBeside(ctx)
	}
	if err := in.guardChain(ctx, agreed); err != nil {
		return err
	}
	head, err := in.auditor.Head(ctx)
	if err != nil {
		return err
	}
	if in.ledger.known().Seq == 0 && head.Seq > 0 {
		in.log.Warn("there was no anchor: the chain of events could not be compared with anything; from now on it is", "head", head.String())
	}
	if err := in.ledger.begin(head); err != nil {
		return err
	}
	if _, err := in.ledger.catchUp(ctx, in.store); err != nil {
		return err
	}
	// A chain that is longer than the anchor is normal after a crash.
	if err := in.ledger.committed(access.Commit{Head: head}); err != nil {
		return err
	}
	return in.guardClock(ctx, head, agreed)
}

// guardBeside compares where another process has the anchor: the database may have been
// put back since that began.
func (in *installation) guardBeside(ctx context.Context) error {
	known, err := readMarks(in.cfg.Server.DataDir)
	if err != nil {
		return err
	}
	return lossError(in.auditor.Compare(ctx, known.head))
}

// lossError says what to do about acts that are missing.
func lossError(err error) error {
	loss, lost := errors.AsType[*access.LossError](err)
	if !lost {
		return err
	}
	return fmt.Errorf("%w. If it was moved or put elsewhere, such as to PostgreSQL, [store] url has to name that place; else restore a backup (on SQLite claviger restore FILE), or go on with what is there: claviger serve --accept-data-loss, which is recorded, and revokes again what the file of revocations lists", loss)
}

// guardAct is guard for a command, to which nobody has agreed to anything.
func (in *installation) guardAct(ctx context.Context, a act) error {
	if looks, ok := a.(onlyLooks); ok && looks.onlyLooks() {
		return nil
	}
	return in.guard(ctx, consent{})
}

// shared reports whether several nodes share the database.
func (in *installation) shared() bool { return !in.cfg.Store.URL.IsZero() }

func (in *installation) guardChain(ctx context.Context, agreed consent) error {
	known := in.ledger.known()
	err := in.auditor.Compare(ctx, known)
	loss, lost := errors.AsType[*access.LossError](err)
	switch {
	case err != nil && !lost:
		return err
	case !lost && !in.ledger.damaged:
		return nil
	case !agreed.loss && lost:
		return lossError(loss)
	case !agreed.loss:
		return errAnchorDamaged
	}
	return in.acceptLoss(ctx, known)
}

// acceptLoss goes on with a database that has lost acts: what they ended ends again.
func (in *installation) acceptLoss(ctx context.Context, known access.EventHead) error {
	gap := access.Gap{Act: access.ActAcceptLoss, Anchor: known}
	if err := knownEndings(ctx, in.cfg.Server.DataDir, in.store, &gap); err != nil {
		return err
	}
	who := access.Operator(nameOf(os.Geteuid()), "claviger serve --accept-data-loss")
	done, err := in.auditor.Reinstate(ctx, who, gap)
	if err != nil {
		return err
	}
	head, err := in.auditor.Head(ctx)
	if err != nil {
		return err
	}
	in.log.Warn("acts are missing from the database, which was accepted", "from", done.From.String(), "to", known.String(),
		"revoked_again", len(done.Credentials), "access_tokens_revoked_again", done.AccessTokens, "users_disabled_again", len(done.Users),
		"members_removed_again", len(done.Members), "unconfirmed", done.Unconfirmed)
	in.ledger.damaged = false
	return in.ledger.reset(head)
}

// knownEndings fills in what ended that a database does not know of, as far as the
// file of revocations does.
func knownEndings(ctx context.Context, dataDir string, st access.Store, gap *access.Gap) error {
	var there []access.Ending
	err := st.View(ctx, func(tx access.ReadTx) (err error) {
		there, err = endingsAfter(tx, 0)
		return err
	})
	if err != nil {
		return err
	}
	first, known := int64(0), map[entry]bool{}
	for i, e := range there {
		known[numbered(e)] = true
		if i == 0 {
			first = e.N // those before it were swept: the database knew them for a long time
		}
	}
	list, err := readRevocations(dataDir, first)
	if err != nil || list == nil {
		return err
	}
	// Several nodes go on one by one with a database that was put back. What the first
	// of them adds there must not hide what only the next one's file lists.
	gap.Endings = slices.DeleteFunc(list.list, func(e access.Ending) bool { return known[numbered(e)] })
	slices.SortStableFunc(gap.Endings, func(a, b access.Ending) int { return cmp.Compare(a.N, b.N) })
	// The file counts if it is complete from an event on that this database has.
	var at []access.Event
	from := list.from.head
	err = st.View(ctx, func(tx access.ReadTx) (err error) {
		at, err = tx.EventsAfter(from.Seq-1, 1)
		return err
	})
	gap.Known = from.Seq == 0 || len(at) == 1 && at[0].Seq == from.Seq && string(at[0].Hash) == string(from.Hash)
	return err
}

// clockSlack is how far behind the newest event the wall clock may be at start.
const clockSlack = time.Minute

func (in *installation) guardClock(ctx context.Context, head access.EventHead, agreed consent) error {
	now := in.clock.Now()
	if head.Seq == 0 || !now.Before(head.At.Add(-clockSlack)) {
		return nil
	}
	if !agreed.clock {
		return fmt.Errorf("the clock says %s, which is %s before the newest event (%s): what has expired would work again. "+
			"Set the clock right; if it is, and was wrong before: claviger serve --accept-clock, which is recorded",
			now.Format(time.RFC3339), head.At.Sub(now).Round(time.Second), head)
	}
	in.log.Warn("the clock is behind the newest event, which was accepted", "now", now, "newest", head.At)
	who := access.Operator(nameOf(os.Geteuid()), "claviger serve --accept-clock")
	return in.auditor.Record(ctx, who, access.ActAcceptClock, map[string]string{"behind": head.At.Sub(now).Round(time.Second).String()})
}

// watchClock tells of a wall clock that jumped since it was last asked.
func (in *installation) watchClock(told int) int {
	j := in.clock.Jumps()
	if j.Count > told {
		in.log.Warn("the wall clock has jumped, or the machine slept: look at its time service. Forward is followed; after a jump back time goes on at half its pace until the clock has caught up",
			"by", j.By.Round(time.Second).String(), "at", j.At, "jumps", j.Count)
	}
	return j.Count
}
