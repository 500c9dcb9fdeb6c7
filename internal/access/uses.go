package access

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// UseLog gathers in memory how credentials are used and writes it to the store in
// batches, so that a request that is verified writes nothing.
type UseLog struct {
	store Store
	log   *slog.Logger

	mu      sync.Mutex
	parts   [useParts]usePart
	turn    int // the part that is written next
	pending int // uses in all parts
	callers int // of all that is pending
	dropped int64

	redigests  redigests
	primaryKey func() string // of the verifier that fills them
	meter      useMeter
}

// usePart holds what is pending of some credentials, chosen by their ids. Where much is,
// one part is written each second: what a credential is used for in five seconds is one
// write and not five, and no write keeps acts of admins waiting for long.
type usePart struct {
	uses    map[useKey]*pendingUse
	access  map[string]time.Time // when access tokens were last used, by id
	callers int
}

const (
	useParts = 5   // seconds that a use waits at most while the database can be written
	fewUses  = 256 // are written at once
	someUses = 16  // are written for a page: who tries a credential sees it at once
)

func newUsePart(size int) usePart {
	return usePart{uses: make(map[useKey]*pendingUse, size), access: map[string]time.Time{}}
}

type useKey struct {
	credential, application string
	minute                  int64
}

// maxPendingUses bounds the memory of uses not yet written. What comes beyond it
// while the database cannot be written is counted as dropped, and said in the log.
const maxPendingUses = 200_000

// NewUseLog returns an empty log that writes to a store.
func NewUseLog(store Store, log *slog.Logger) *UseLog {
	u := &UseLog{store: store, log: log}
	for i := range u.parts {
		u.parts[i] = newUsePart(0)
	}
	return u
}

// part returns where the uses of a credential wait. Ids end in what chance made of them.
func (u *UseLog) part(credentialID string) *usePart {
	if credentialID == "" {
		return &u.parts[0]
	}
	return &u.parts[credentialID[len(credentialID)-1]%useParts]
}

// counted is what a request is counted under.
type counted struct {
	credentialID, applicationID string
	accessID                    string // of the access token, if it was one
	byPassword                  bool   // which was got for a password
	own                         bool   // the credential is the application's
}

// countedAs returns what a request is counted under; ok is false for one that
// presented nothing that belongs to anybody. Of an application whose Basic is disabled
// those count too that still send its username: their number is what tells whether
// somebody has to be told.
func countedAs(t *Target, f *found, v *Verdict) (c counted, ok bool) {
	switch {
	case f != nil:
		own := f.access.UserID == "" && f.credential.ApplicationID == f.applicationID
		return counted{f.usedID(), f.applicationID, f.access.ID, f.access.Grant == PasswordGrant, own}, true
	case v.Reason == BasicDisabled && t.BasicID != "":
		return counted{credentialID: t.BasicID, applicationID: t.Application.ID}, true
	}
	return counted{}, false
}

// note counts one request, accepted or refused, with its caller, and when an access
// token, if it was one, was last used. For a caller that is known within the minute it
// allocates nothing.
func (u *UseLog) note(c counted, r *Request, v *Verdict, now time.Time) {
	key := useKey{c.credentialID, c.applicationID, now.Unix() / 60 * 60}
	u.mu.Lock()
	defer u.mu.Unlock()
	part := u.part(c.credentialID)
	use := part.uses[key]
	if use == nil {
		if u.pending >= maxPendingUses {
			u.dropped++
			return
		}
		use = &pendingUse{Use: Use{CredentialID: key.credential, ApplicationID: key.application, Own: c.own, Minute: now.Truncate(time.Minute)}}
		part.uses[key] = use
		u.pending++
	}
	agent := keptAgent(r.Agent)
	caller := u.caller(part, use, callerKey{r.Caller, agent})
	caller.at = now
	if !v.Accepted() {
		use.Refused++
		use.refusals[v.Reason]++
		caller.refused++
		return
	}
	caller.accepted++
	if c.accessID != "" && len(part.access) < maxPendingUses/useParts {
		part.access[c.accessID] = now
	}
	if r.Presented.Way == WayQueryToken || r.Presented.Way == WayQueryClient {
		use.ByQuery++
	}
	if c.byPassword {
		use.ByPassword++
	}
	use.Accepted++
	use.At, use.from, use.API, use.Method = now, callerKey{r.Caller, agent}, v.API.Slug, knownMethod(r.Method)
}

// knownMethod returns a method as it is kept: what is none of HTTP's may be anything.
func knownMethod(method string) string {
	switch method {
	case "", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT":
		return method
	}
	return "OTHER"
}

// Flush writes all that is pending, new digests first. What cannot be written stays pending.
func (u *UseLog) Flush(ctx context.Context) error {
	return u.flush(ctx, (*UseLog).all)
}

// all takes what is pending in all parts, and next what is to be written now: the part
// whose turn it is, or all where few uses wait. The log is locked.
func (u *UseLog) all() []usePart { return u.taken(0, useParts) }

func (u *UseLog) next() []usePart {
	if u.pending <= fewUses {
		return u.all()
	}
	from := u.turn
	u.turn = (u.turn + 1) % useParts
	return u.taken(from, from+1)
}

func (u *UseLog) flush(ctx context.Context, which func(*UseLog) []usePart) error {
	if err := u.rekey(ctx); err != nil {
		return err
	}
	taken := u.take(which)
	var pending []*pendingUse
	used := map[string]time.Time{}
	for _, part := range taken {
		pending = slices.AppendSeq(pending, maps.Values(part.uses))
		maps.Copy(used, part.access)
	}
	slices.SortFunc(pending, func(a, b *pendingUse) int { return cmp.Compare(a.CredentialID, b.CredentialID) }) // the store's order: uses are large to move
	uses := make([]Use, len(pending))
	for i, use := range pending {
		uses[i] = use.written()
	}
	if len(uses)+len(used) == 0 {
		return nil
	}
	err := u.store.Note(ctx, func(tx NoteTx) error {
		if err := tx.AddUses(uses); err != nil {
			return err
		}
		return tx.UsedAccessTokens(used)
	})
	u.meter.flushed(err)
	if err != nil {
		u.putBack(taken)
	}
	return err
}

// take returns what is to be written, and says how much could not be kept.
func (u *UseLog) take(which func(*UseLog) []usePart) []usePart {
	u.mu.Lock()
	taken := which(u)
	dropped := u.dropped
	u.dropped = 0
	u.meter.dropped.Add(uint64(dropped))
	u.mu.Unlock()
	if dropped > 0 {
		u.log.Warn("uses of credentials were not counted: too many are waiting to be written", "dropped", dropped)
	}
	return taken
}

// taken returns what is pending in some parts, which are empty from then on. The log is locked.
func (u *UseLog) taken(from, to int) []usePart {
	taken := slices.Clone(u.parts[from:to])
	for i, part := range taken {
		u.pending -= len(part.uses)
		u.callers -= part.callers
		u.parts[from+i] = newUsePart(len(part.uses))
	}
	return taken
}

// putBack merges what could not be written with what came meanwhile.
func (u *UseLog) putBack(taken []usePart) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, old := range taken {
		for id, at := range old.access {
			if part := u.part(id); at.After(part.access[id]) {
				part.access[id] = at
			}
		}
		for key, use := range old.uses {
			u.putBackUse(key, use)
		}
	}
}

func (u *UseLog) putBackUse(key useKey, old *pendingUse) {
	part := u.part(key.credential)
	now := part.uses[key]
	switch {
	case now == nil && u.pending >= maxPendingUses:
		u.dropped += old.Accepted + old.Refused
	case now == nil:
		part.uses[key] = old
		u.pending++
		part.callers += len(old.callers)
		u.callers += len(old.callers)
	default:
		u.merge(part, now, old)
	}
}

// Settle writes what is pending, so that a list that tells the last use of
// credentials tells it exactly. Where it cannot be written the list tells what is.
func (u *UseLog) Settle(ctx context.Context) {
	u.settle(ctx, (*UseLog).all)
}

// EveryBasic stands for the ids of all Basic credentials.
const EveryBasic = idBasic

// SettleFor is Settle for a page, which does not wait for the uses of others to be written:
// where more than a few are pending, only those of the credentials that the page is about are.
// What it tells of others is what was written by Run: up to a second ago, or five where
// there are many.
func (u *UseLog) SettleFor(ctx context.Context, ids ...string) {
	u.settle(ctx, func(u *UseLog) []usePart {
		if u.pending <= someUses {
			return u.all()
		}
		return []usePart{u.takenOf(ids)}
	})
}

func (u *UseLog) settle(ctx context.Context, which func(*UseLog) []usePart) {
	if err := u.flush(ctx, which); err != nil {
		u.log.Debug("uses of credentials are not written yet", "error", err)
	}
}

// takenOf returns what is pending of some credentials, and is not from then on. The log is locked.
func (u *UseLog) takenOf(ids []string) usePart {
	taken := newUsePart(0)
	if len(ids) == 0 {
		return taken
	}
	of := func(id string) bool {
		return slices.Contains(ids, id) || strings.HasPrefix(id, EveryBasic) && slices.Contains(ids, EveryBasic)
	}
	for i := range u.parts {
		part := &u.parts[i]
		for key, use := range part.uses {
			if !of(key.credential) {
				continue
			}
			delete(part.uses, key)
			taken.uses[key] = use
			part.callers -= len(use.callers)
			u.callers -= len(use.callers)
			u.pending--
		}
	}
	return taken
}

// Run writes once a second what is due, until ctx ends, and then all of it.
func (u *UseLog) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return u.Flush(last)
		case <-tick.C:
		}
		err := u.flush(ctx, (*UseLog).next)
		if err != nil && !failing && ctx.Err() == nil {
			u.log.Warn("uses of credentials cannot be written; they are kept in memory", "error", err)
		}
		failing = err != nil
	}
}
