package access

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A Stream is a request that was accepted and is under way: a download, an upload,
// a WebSocket. It is judged again as long as it runs (see [Verifier.Watch]). The
// zero Stream is ready to be attended to; it must not be copied after that.
type Stream struct {
	request *Request
	apiID   string
	judged  judgement
	cut     func(*Cut)
	shard   *streamShard
	before  *Stream
	after   *Stream
}

// judgement is what a verdict depends on beside what was presented.
type judgement struct {
	epoch uint64    // of the store, when it was judged
	sure  bool      // the epoch could be told
	ends  time.Time // the end of what was presented; zero = none
}

// Cut is why a stream was cut: what was presented is accepted no longer, or, where
// Err is set, nobody could tell for too long.
type Cut struct {
	Verdict Verdict
	Err     error
}

// Error says why, for the log.
func (c *Cut) Error() string {
	if c.Err != nil {
		return fmt.Sprintf("the stream was cut: its credential could not be checked: %v", c.Err)
	}
	return "the stream was cut: " + c.Verdict.Reason.String()
}

// Unwrap returns the error for which nobody could tell.
func (c *Cut) Unwrap() error { return c.Err }

// How streams are watched.
const (
	watchInterval = 200 * time.Millisecond // between looks at the epoch and the clock
	askInterval   = time.Second            // between questions to a store that does not answer
	unsureLimit   = 5 * time.Second        // without an answer; then nothing stays open
	streamShards  = 16
)

// streams are the streams under way, in lists that a request enters and leaves
// without an allocation.
type streams struct {
	next   atomic.Uint32
	count  atomic.Int64
	cut    atomic.Int64
	shards [streamShards]streamShard
}

// streamShard is a ring of streams; the first one is no stream itself.
type streamShard struct {
	mu   sync.Mutex
	ring Stream
	_    [64]byte // shards are locked by different processors
}

// Attend has a stream judged again while it runs: the request, which must not be
// changed, was accepted by that verdict. cut is called at most once, from another goroutine, and not after
// [Verifier.Leave] has returned; it must not block.
func (v *Verifier) Attend(s *Stream, r *Request, verdict *Verdict, cut func(*Cut)) {
	s.request, s.apiID, s.judged, s.cut = r, verdict.API.ID, verdict.judged, cut
	s.shard = &v.streams.shards[v.streams.next.Add(1)%streamShards]
	ring := &s.shard.ring
	s.shard.mu.Lock()
	defer s.shard.mu.Unlock()
	if ring.after == nil {
		ring.before, ring.after = ring, ring
	}
	s.before, s.after = ring.before, ring
	s.before.after, ring.before = s, s
	v.streams.count.Add(1)
}

// Leave says that a stream has ended.
func (v *Verifier) Leave(s *Stream) {
	s.shard.mu.Lock()
	defer s.shard.mu.Unlock()
	v.streams.unlink(s)
}

// unlink takes a stream out of its ring and reports whether it was in it. The
// shard is locked.
func (l *streams) unlink(s *Stream) bool {
	if s.after == nil {
		return false
	}
	s.before.after, s.after.before = s.after, s.before
	s.before, s.after = nil, nil
	l.count.Add(-1)
	return true
}

// Streams returns how many streams are under way, and how many were cut since the
// start.
func (v *Verifier) Streams() (running, cut int64) {
	return v.streams.count.Load(), v.streams.cut.Load()
}

// Watch judges the streams under way again until ctx ends: when something has changed
// that judgements depend on, and when the end of what was presented is reached. A
// stream that is accepted no longer is cut. Where the store does not answer, or cannot
// tell whether something has changed, it is asked each second; a stream about which
// nothing is known for five is cut. No use is counted but the refusal.
func (v *Verifier) Watch(ctx context.Context) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	var w watcher
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if v.streams.count.Load() > 0 {
			w.look(ctx, v)
		}
	}
}

// watcher is what one look at the streams leaves to the next.
type watcher struct {
	unsureSince time.Time // zero: the store answers
	asked       time.Time // when the store was asked last while it was unsure
}

// look judges those streams again that may be accepted no longer.
func (w *watcher) look(ctx context.Context, v *Verifier) {
	now := v.deps.Clock.Now()
	epoch, sure := v.deps.Store.Epoch()
	if sure && w.unsureSince.IsZero() {
		w.judge(ctx, v, v.streams.due(now, epoch, sure), now)
		return
	}
	if now.Sub(w.asked) >= askInterval {
		w.asked = now
		w.judge(ctx, v, v.streams.due(now, epoch, sure), now)
	}
}

// due returns the streams that have to be judged again.
func (l *streams) due(now time.Time, epoch uint64, sure bool) []*Stream {
	var out []*Stream
	for i := range l.shards {
		shard := &l.shards[i]
		shard.mu.Lock()
		for s := shard.ring.after; s != nil && s != &shard.ring; s = s.after {
			if !sure || !s.judged.sure || s.judged.epoch != epoch || s.judged.over(now) {
				out = append(out, s)
			}
		}
		shard.mu.Unlock()
	}
	return out
}

// ends is when what was presented ends by itself; zero where it does not.
func (f *found) ends() time.Time {
	at := f.credential.ExpiresAt
	if issued := f.access.ExpiresAt; at.IsZero() || !issued.IsZero() && issued.Before(at) {
		at = issued
	}
	return at
}

// over reports whether the end of what was presented is reached.
func (j judgement) over(now time.Time) bool { return !j.ends.IsZero() && !now.Before(j.ends) }

// judge judges streams again and cuts those that are accepted no longer, several at a
// time: each may take a question to the database, and who opens thousands of streams must
// not keep those of others open. Once the store has failed it is not asked for those that
// are left: each question may take a second.
func (w *watcher) judge(ctx context.Context, v *Verifier, due []*Stream, now time.Time) {
	j := judging{due: due, now: now}
	var work sync.WaitGroup
	for range min(judges, len(due)) {
		work.Go(func() { j.run(ctx, v) })
	}
	work.Wait()
	if ctx.Err() != nil {
		return
	}
	if j.failure == nil {
		w.unsureSince = time.Time{}
		return
	}
	if w.unsureSince.IsZero() {
		w.unsureSince, w.asked = now, now
	}
	for _, s := range j.unknown {
		w.unknown(v, s, j.failure, now)
	}
}

// judges is how many streams are judged at a time.
const judges = 8

// judging is the judging of some streams.
type judging struct {
	due []*Stream
	now time.Time

	mu      sync.Mutex
	next    int // of due
	failure error
	unknown []*Stream // about which nobody could tell
}

// run judges one after the other as long as there are any.
func (j *judging) run(ctx context.Context, v *Verifier) {
	for ctx.Err() == nil {
		s := j.take()
		if s == nil {
			return
		}
		verdict, k, err := v.judgeAgain(ctx, s, j.now)
		switch {
		case err != nil:
			j.failed(s, err)
		case verdict.Accepted():
			s.judged = verdict.judged // nobody but the watcher reads it while the stream runs
		default:
			if c, ok := countedAs(k.target, k.found, &verdict); ok {
				v.uses.note(c, s.request, &verdict, j.now)
			}
			v.cutOff(s, &Cut{Verdict: verdict})
		}
	}
}

// take returns the next stream, nil where none is left to be judged.
func (j *judging) take() *Stream {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure != nil {
		j.unknown = append(j.unknown, j.due[j.next:]...)
		j.next = len(j.due)
	}
	if j.next == len(j.due) {
		return nil
	}
	j.next++
	return j.due[j.next-1]
}

func (j *judging) failed(s *Stream, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failure = err
	j.unknown = append(j.unknown, s)
}

// judgeAgain judges a stream's request as it is now.
func (v *Verifier) judgeAgain(ctx context.Context, s *Stream, now time.Time) (verdict Verdict, k knowledge, err error) {
	ctx, cancel := context.WithTimeout(ctx, askInterval)
	defer cancel()
	err = v.decide(ctx, s.request, now, &verdict, &k)
	if err == nil && verdict.Accepted() && verdict.API.ID != s.apiID {
		verdict = refusal(UnknownAPI, "This application has no such API any more.")
	}
	return verdict, k, err
}

// unknown deals with a stream of which nobody can tell whether it is still accepted:
// it runs on for a while, but not beyond an end that is known.
func (w *watcher) unknown(v *Verifier, s *Stream, err error, now time.Time) {
	if s.judged.over(now) {
		v.cutOff(s, &Cut{Verdict: refusal(CredentialExpired, "The credential has expired.")})
		return
	}
	if now.Sub(w.unsureSince) >= unsureLimit {
		v.cutOff(s, &Cut{Err: err})
	}
}

// cutOff cuts a stream, unless it has ended meanwhile.
func (v *Verifier) cutOff(s *Stream, c *Cut) {
	s.shard.mu.Lock()
	defer s.shard.mu.Unlock()
	if v.streams.unlink(s) {
		v.streams.cut.Add(1)
		s.cut(c)
	}
}
