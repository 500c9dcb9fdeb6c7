package access

import (
	"hash/maphash"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limit bounds how often a credential is accepted: a bucket of Burst requests that is
// refilled at PerSecond. The zero Limit is none. Each node counts for itself.
type Limit struct {
	PerSecond int // 1 to 100,000
	Burst     int // 1 to 1,000,000
}

// The bounds of a limit.
const (
	maxPerSecond = 100_000
	maxBurst     = 1_000_000
)

// None reports whether there is no limit.
func (l Limit) None() bool { return l.PerSecond <= 0 || l.Burst <= 0 }

// String returns the limit for people: "10 a second, bursts of 20", or "none".
func (l Limit) String() string {
	if l.None() {
		return "none"
	}
	return group(l.PerSecond) + " a second, bursts of " + group(l.Burst)
}

// interval is how long it takes until one more request is let in. It is cut to whole
// nanoseconds, which is less than one part in ten thousand.
func (l Limit) interval() time.Duration { return time.Second / time.Duration(l.PerSecond) }

// Window is how long it takes to refill the whole bucket.
func (l Limit) Window() time.Duration { return l.interval() * time.Duration(l.Burst) }

// LimitDraft is what a limit is made from: whole numbers as texts. Both empty = none.
type LimitDraft struct {
	Rate  string // requests a second
	Burst string // empty = as many as the rate
}

// limit checks and returns a limit.
func (p *problems) limit(d LimitDraft) Limit {
	rate, burst := strings.TrimSpace(d.Rate), strings.TrimSpace(d.Burst)
	if rate == "" && burst == "" {
		return Limit{}
	}
	if rate == "" {
		p.add("rate", "Enter how many requests a second, too; or clear the burst for no limit.")
		return Limit{}
	}
	l := Limit{PerSecond: p.number("rate", rate, maxPerSecond, "Leave it empty for no limit.")}
	if l.Burst = l.PerSecond; burst != "" {
		l.Burst = p.number("burst", burst, maxBurst, "Leave it empty for the same number as a second.")
	}
	return l
}

// number checks and returns a whole number from 1 to most.
func (p *problems) number(field, text string, most int, hint string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		p.add(field, "Enter a whole number from 1 to "+group(most)+". "+hint)
		return 0
	}
	return n
}

// LimitState is how far a credential has used its limit, as it is told with a verdict.
// It is zero where there is no limit.
type LimitState struct {
	Limit      Limit
	Remaining  int           // requests that would be let in now
	Reset      time.Duration // until the bucket is full again
	RetryAfter time.Duration // until the next one is let in; zero while any remains
}

// limiter counts accepted requests against limits, by GCRA (the generic cell rate
// algorithm): of each bucket it knows one time, the one at which it is full again. Ours,
// because the domain imports no library, and golang.org/x/time/rate can tell neither what
// remains nor when more will.
//
// It is no part of what the Verifier remembers under an epoch: an act of some admin must
// not fill everybody's buckets. It is bounded: where a shard is full, buckets that have
// filled up again go first, which forgets nothing; then one by chance.
type limiter struct {
	seed   maphash.Seed
	shards [limiterShards]limiterShard
}

type limiterShard struct {
	mu      sync.Mutex
	buckets map[string]bucket // by credential id
	sweepAt int64             // no bucket of a full shard is full again before this
}

// bucket is a credential's: full again at a time, in nanoseconds since 1970. Under
// another limit than the one that it was counted under it is as good as full: a wait
// under the limit before means nothing under the new one.
type bucket struct {
	limit Limit
	full  int64
}

// The bound of all buckets together: 131,072 of some 120 bytes are 16 MiB.
const (
	limiterShards = 64
	mostBuckets   = 2_048 // a shard
)

func newLimiter() *limiter { return &limiter{seed: maphash.MakeSeed()} }

// take lets one request in and counts it, if the limit allows; else it counts nothing.
func (l *limiter) take(id string, limit Limit, now time.Time) (LimitState, bool) {
	return l.ask(id, limit, now, 1)
}

// look tells how far a limit is used, and counts nothing.
func (l *limiter) look(id string, limit Limit, now time.Time) LimitState {
	state, _ := l.ask(id, limit, now, 0)
	return state
}

func (l *limiter) ask(id string, limit Limit, now time.Time, requests int64) (LimitState, bool) {
	s := &l.shards[maphash.String(l.seed, id)%limiterShards]
	at, each := now.UnixNano(), int64(limit.interval())
	s.mu.Lock()
	defer s.mu.Unlock()
	full := at
	if b, ok := s.buckets[id]; ok && b.limit == limit {
		full = max(full, b.full)
	}
	earliest := full + each - int64(limit.Window()) // at which the next one is let in
	allowed := earliest <= at
	if allowed && requests > 0 {
		full += requests * each
		earliest += requests * each
		s.put(id, bucket{limit, full}, at)
	}
	return LimitState{
		Limit: limit, Remaining: int((int64(limit.Window()) - (full - at)) / each),
		Reset: time.Duration(full - at), RetryAfter: time.Duration(max(earliest-at, 0)),
	}, allowed
}

// put keeps a bucket, and makes room for it where the shard is full.
func (s *limiterShard) put(id string, b bucket, at int64) {
	if s.buckets == nil {
		s.buckets = make(map[string]bucket)
	}
	if _, there := s.buckets[id]; !there && len(s.buckets) >= mostBuckets {
		s.makeRoom(at)
	}
	s.buckets[id] = b
	s.sweepAt = min(s.sweepAt, b.full)
}

func (s *limiterShard) makeRoom(at int64) {
	if at >= s.sweepAt {
		s.sweepAt = 1<<63 - 1
		for id, b := range s.buckets {
			if b.full <= at {
				delete(s.buckets, id)
			} else {
				s.sweepAt = min(s.sweepAt, b.full)
			}
		}
	}
	for id := range s.buckets {
		if len(s.buckets) < mostBuckets {
			return
		}
		delete(s.buckets, id)
	}
}

// count holds an accepted request against the limit of its credential, an access token's
// against that of the client which it was got with, and adds to any verdict how far that
// is used. Only what would be let in counts.
func (l *limiter) count(v *Verdict, f *found, now time.Time) {
	if f == nil || f.credential.Limit.None() {
		return
	}
	id, limit := f.credential.ID, f.credential.Limit
	if !v.Accepted() {
		v.Limit = l.look(id, limit, now)
		return
	}
	state, ok := l.take(id, limit, now)
	if !ok {
		*v = refusal(OverLimit, "This credential is limited to "+limit.String()+". Wait, and try again.")
	}
	v.Limit = state
}
