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
	return &UseLog{store: store, log: log, pending: map[useKey]*Use{}}
}

// note counts one request with a genuine credential, accepted or refused.
func (u *UseLog) note(credentialID, applicationID string, r Request, v Verdict, now time.Time) {
	minute := now.Truncate(time.Minute)
	key := useKey{credentialID, applicationID, minute.Unix()}
	u.mu.Lock()
	defer u.mu.Unlock()
	use := u.pending[key]
	if use == nil {
		if len(u.pending) >= maxPendingUses {
			u.dropped++
			return
		}
		use = &Use{CredentialID: credentialID, ApplicationID: applicationID, Minute: minute}
		u.pending[key] = use
	}
	if !v.Accepted() {
		use.Refused++
		return
	}
	use.Accepted++
	use.At, use.Address, use.Agent, use.API, use.Method = now, r.Caller.String(), clip(r.Agent, 200), v.API.Slug, r.Method
}

// Flush writes what is pending. What cannot be written stays pending.
func (u *UseLog) Flush(ctx context.Context) error {
	u.mu.Lock()
	batch := u.pending
	if len(batch) == 0 {
		u.mu.Unlock()
		return nil
	}
	u.pending = map[useKey]*Use{}
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
	err := u.store.Update(ctx, func(tx Tx) error { return tx.AddUses(uses) })
	if err != nil {
		u.putBack(batch)
	}
	return err
}

// putBack merges a batch that could not be written with what came meanwhile.
func (u *UseLog) putBack(batch map[useKey]*Use) {
	u.mu.Lock()
	defer u.mu.Unlock()
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
		}
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
