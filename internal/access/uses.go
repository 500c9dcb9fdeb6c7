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
	pending map[useKey]*Use
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
	return &UseLog{store: store, log: log, pending: map[useKey]*Use{}, access: map[string]time.Time{}}
}

// note counts one request with a genuine credential, accepted or refused, and when
// an access token, if it was one, was last used.
func (u *UseLog) note(f *found, r Request, v Verdict, now time.Time) {
	minute := now.Truncate(time.Minute)
	key := useKey{f.usedID(), f.applicationID, minute.Unix()}
	u.mu.Lock()
	defer u.mu.Unlock()
	use := u.pending[key]
	if use == nil {
		if len(u.pending) >= maxPendingUses {
			u.dropped++
			return
		}
		use = &Use{CredentialID: key.credential, ApplicationID: key.application, Minute: minute}
		u.pending[key] = use
	}
	if !v.Accepted() {
		use.Refused++
		return
	}
	if f.access.ID != "" && len(u.access) < maxPendingUses {
		u.access[f.access.ID] = now
	}
	if r.Presented.Way == WayQueryToken || r.Presented.Way == WayQueryClient {
		use.ByQuery++
	}
	if f.access.Grant == PasswordGrant {
		use.ByPassword++
	}
	use.Accepted++
	use.At, use.Address, use.Agent, use.API, use.Method = now, r.Caller.String(), clip(r.Agent, 200), v.API.Slug, knownMethod(r.Method)
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
	u.pending, u.access = map[useKey]*Use{}, map[string]time.Time{}
	dropped := u.dropped
	u.dropped = 0
	u.mu.Unlock()
	if dropped > 0 {
		u.log.Warn("uses of credentials were not counted: too many are waiting to be written", "dropped", dropped)
	}
	uses := make([]Use, 0, len(batch))
	for _, use := range batch {
		uses = append(uses, *use)
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
func (u *UseLog) putBack(batch map[useKey]*Use, used map[string]time.Time) {
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
		default:
			if now.At.IsZero() {
				now.At, now.Address, now.Agent, now.API, now.Method = old.At, old.Address, old.Agent, old.API, old.Method
			}
			now.Accepted += old.Accepted
			now.Refused += old.Refused
			now.ByQuery += old.ByQuery
			now.ByPassword += old.ByPassword
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
