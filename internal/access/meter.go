package access

import (
	"context"
	"sync/atomic"
	"time"
)

// verifierMeter counts how the Verifier came to its decisions.
type verifierMeter struct {
	remembered, unknown atomic.Uint64
	lookup              Histogram
}

// VerifierStats is how the Verifier came to its decisions since the start.
type VerifierStats struct {
	Remembered uint64     // from memory, with a genuine credential
	Unknown    uint64     // from memory: none was presented, or none that is genuine
	Lookup     *Histogram // asking the database
}

// Stats returns how decisions were come to.
func (v *Verifier) Stats() VerifierStats {
	return VerifierStats{Remembered: v.meter.remembered.Load(), Unknown: v.meter.unknown.Load(), Lookup: &v.meter.lookup}
}

// recalled counts a decision that was taken from memory.
func (m *verifierMeter) recalled(f *found) {
	if f != nil {
		m.remembered.Add(1)
		return
	}
	m.unknown.Add(1)
}

// UseStats is what the log of uses holds and could not do since the start.
type UseStats struct {
	Pending  int    // uses that wait to be written, by credential, application and minute
	Dropped  uint64 // requests that were not counted, because too many uses waited
	Failures uint64 // writes that failed; what they held went on waiting
}

// useMeter counts what the log of uses could not do.
type useMeter struct {
	dropped, failures atomic.Uint64
	failing           atomic.Bool
}

// flushed notes how a write ended.
func (m *useMeter) flushed(err error) {
	if err != nil {
		m.failures.Add(1)
	}
	m.failing.Store(err != nil)
}

// Stats returns what waits, and what could not be done.
func (u *UseLog) Stats() UseStats {
	u.mu.Lock()
	defer u.mu.Unlock()
	return UseStats{Pending: u.pending, Dropped: u.meter.dropped.Load() + uint64(u.dropped), Failures: u.meter.failures.Load()}
}

// Sure reports whether what is remembered may be used: the store hears of every
// change that is made elsewhere.
func (v *Verifier) Sure() bool {
	_, sure := v.deps.Store.Epoch()
	return sure
}

// UsesFail reports whether the latest write of uses failed.
func (v *Verifier) UsesFail() bool { return v.uses.meter.failing.Load() }

// Writable returns an error where nothing can be written, as where the disk is full. It
// finds out by writing a row that counts nothing, which costs a commit.
func (d Deps) Writable(ctx context.Context) error {
	return d.Store.Note(ctx, func(tx NoteTx) error {
		_, _, err := tx.Spend("probe", d.Clock.Now(), time.Hour) // a key that no throttle has
		return err
	})
}

// Readable returns an error where the database cannot be read.
func (d Deps) Readable(ctx context.Context) error {
	return d.Store.View(ctx, func(tx ReadTx) error {
		_, err := tx.HasOwner()
		return err
	})
}
