package access

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// UseLog gathers in memory how credentials are used and writes it to the store in
// batches, so that a request that is verified writes nothing.
type UseLog struct {
	store Store
	log   *slog.Logger

	mu      sync.Mutex
	pending map[useKey]*pendingUse
	callers int                  // of all that is pending
	access  map[string]time.Time // when access tokens were last used, by id
	dropped int64
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
	return &UseLog{store: store, log: log, pending: map[useKey]*pendingUse{}, access: map[string]time.Time{}}
}

// counted is what a request is counted under.
type counted struct {
	credentialID, applicationID string
	accessID                    string // of the access token, if it was one
	byPassword                  bool   // which was got for a password
}

// countedAs returns what a request is counted under; ok is false for one that
// presented nothing that belongs to anybody. Of an application whose Basic is disabled
// those count too that still send its username: their number is what tells whether
// somebody has to be told.
func countedAs(t *Target, f *found, v Verdict) (c counted, ok bool) {
	switch {
	case f != nil:
		return counted{f.usedID(), f.applicationID, f.access.ID, f.access.Grant == PasswordGrant}, true
	case v.Reason == BasicDisabled && t.BasicID != "":
		return counted{credentialID: t.BasicID, applicationID: t.Application.ID}, true
	}
	return counted{}, false
}

// note counts one request, accepted or refused, with its caller, and when an access
// token, if it was one, was last used. For a caller that is known within the minute it
// allocates nothing.
func (u *UseLog) note(c counted, r *Request, v Verdict, now time.Time) {
	minute := now.Truncate(time.Minute)
	key := useKey{c.credentialID, c.applicationID, minute.Unix()}
	u.mu.Lock()
	defer u.mu.Unlock()
	use := u.pending[key]
	if use == nil {
		if len(u.pending) >= maxPendingUses {
			u.dropped++
			return
		}
		use = &pendingUse{Use: Use{CredentialID: key.credential, ApplicationID: key.application, Minute: minute}}
		u.pending[key] = use
	}
	agent := keptAgent(r.Agent)
	caller := u.caller(use, callerKey{r.Caller, agent})
	caller.at = now
	if !v.Accepted() {
		use.Refused++
		use.refusals[v.Reason]++
		caller.refused++
		return
	}
	caller.accepted++
	if c.accessID != "" && len(u.access) < maxPendingUses {
		u.access[c.accessID] = now
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

// Flush writes what is pending. What cannot be written stays pending.
func (u *UseLog) Flush(ctx context.Context) error {
	u.mu.Lock()
	batch := u.pending
	if len(batch) == 0 {
		u.mu.Unlock()
		return nil
	}
	used := u.access
	u.pending, u.access, u.callers = map[useKey]*pendingUse{}, map[string]time.Time{}, 0
	dropped := u.dropped
	u.dropped = 0
	u.mu.Unlock()
	if dropped > 0 {
		u.log.Warn("uses of credentials were not counted: too many are waiting to be written", "dropped", dropped)
	}
	uses := make([]Use, 0, len(batch))
	for _, use := range batch {
		uses = append(uses, use.written())
	}
	err := u.store.Note(ctx, func(tx NoteTx) error {
		if err := tx.AddUses(uses); err != nil {
			return err
		}
		return tx.UsedAccessTokens(used)
	})
	if err != nil {
		u.putBack(batch, used)
	}
	return err
}

// putBack merges a batch that could not be written with what came meanwhile.
func (u *UseLog) putBack(batch map[useKey]*pendingUse, used map[string]time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, at := range used {
		if at.After(u.access[id]) {
			u.access[id] = at
		}
	}
	for key, old := range batch {
		now := u.pending[key]
		switch {
		case now == nil && len(u.pending) >= maxPendingUses:
			u.dropped += old.Accepted + old.Refused
		case now == nil:
			u.pending[key] = old
			u.callers += len(old.callers)
		default:
			u.merge(now, old)
		}
	}
}

// Settle writes what is pending, so that a page that tells the last use of a
// credential tells it exactly. Where it cannot be written the page tells what is.
func (u *UseLog) Settle(ctx context.Context) {
	if err := u.Flush(ctx); err != nil {
		u.log.Debug("uses of credentials are not written yet", "error", err)
	}
}

// Run flushes once a second until ctx ends, and then a last time.
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
		err := u.Flush(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			u.log.Warn("uses of credentials cannot be written; they are kept in memory", "error", err)
		}
		failing = err != nil
	}
}
