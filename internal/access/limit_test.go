package access

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var limitEpoch = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// TestLimiterRefills: a burst at once, then one an interval, and never more than the
// bucket holds, however long nobody came.
func TestLimiterRefills(t *testing.T) {
	l, limit := newLimiter(), Limit{PerSecond: 2, Burst: 3}
	for _, step := range []struct {
		at    time.Duration
		want  bool
		state LimitState
	}{
		{0, true, LimitState{limit, 2, 500 * time.Millisecond, 0}},
		{0, true, LimitState{limit, 1, time.Second, 0}},
		{0, true, LimitState{limit, 0, 1500 * time.Millisecond, 500 * time.Millisecond}},
		{0, false, LimitState{limit, 0, 1500 * time.Millisecond, 500 * time.Millisecond}},
		{499_999 * time.Microsecond, false, LimitState{limit, 0, 1_000_001 * time.Microsecond, time.Microsecond}},
		{500 * time.Millisecond, true, LimitState{limit, 0, 1500 * time.Millisecond, 500 * time.Millisecond}},
		{600 * time.Millisecond, false, LimitState{limit, 0, 1400 * time.Millisecond, 400 * time.Millisecond}},
		{time.Hour, true, LimitState{limit, 2, 500 * time.Millisecond, 0}},
		{time.Hour, true, LimitState{limit, 1, time.Second, 0}},
		{time.Hour, true, LimitState{limit, 0, 1500 * time.Millisecond, 500 * time.Millisecond}},
		{time.Hour, false, LimitState{limit, 0, 1500 * time.Millisecond, 500 * time.Millisecond}},
	} {
		state, ok := l.take("tok_1", limit, limitEpoch.Add(step.at))
		if ok != step.want || state != step.state {
			t.Errorf("after %s: %v %+v, want %v %+v", step.at, ok, state, step.want, step.state)
		}
		if looked := l.look("tok_1", limit, limitEpoch.Add(step.at)); looked != state {
			t.Errorf("after %s: looked at, it is %+v, and was %+v", step.at, looked, state)
		}
	}
	if state := l.look("tok_2", limit, limitEpoch); state != (LimitState{limit, 3, 0, 0}) {
		t.Errorf("another one's bucket: %+v", state)
	}
	other := Limit{PerSecond: 1, Burst: 1}
	if _, ok := l.take("tok_1", other, limitEpoch.Add(time.Hour)); !ok {
		t.Error("a new limit begins with a bucket that somebody emptied under the old one")
	}
}

// TestLimiterHoldsTheRate is a property: in any stretch of time no more are let in than
// the burst and what was refilled, and whoever comes at the rate is never refused.
func TestLimiterHoldsTheRate(t *testing.T) {
	for _, limit := range []Limit{{1, 1}, {3, 1}, {3, 7}, {10, 100}, {7919, 13}, {100_000, 1_000_000}, {1, 1_000_000}, {100_000, 1}} {
		t.Run(limit.String(), func(t *testing.T) {
			l, steady := newLimiter(), newLimiter()
			var times []time.Duration
			at, step := time.Duration(0), limit.interval()/3
			for i := range 3000 {
				at += step * time.Duration(i%7) / 3 // in a rhythm of its own, faster than the rate
				if _, ok := l.take("x", limit, limitEpoch.Add(at)); ok {
					times = append(times, at)
				}
				if _, ok := steady.take("x", limit, limitEpoch.Add(limit.interval()*time.Duration(i))); !ok {
					t.Fatalf("number %d at the rate itself is refused", i)
				}
			}
			for i := range times {
				for j := i; j < len(times); j += 1 + len(times)/50 {
					if most := limit.Burst + int((times[j]-times[i])/limit.interval()); j-i+1 > most {
						t.Fatalf("%d let in within %s, at most %d may be", j-i+1, times[j]-times[i], most)
					}
				}
			}
		})
	}
}

// TestLimiterCountsEachOnce: under a clock that stands still exactly the burst is let in,
// however many come at a time.
func TestLimiterCountsEachOnce(t *testing.T) {
	l, limit := newLimiter(), Limit{PerSecond: 5, Burst: 1000}
	var accepted atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 200 {
				if _, ok := l.take("tok_1", limit, limitEpoch); ok {
					accepted.Add(1)
				}
			}
		})
	}
	all.Wait()
	if accepted.Load() != 1000 {
		t.Errorf("%d let in, want 1000", accepted.Load())
	}
}

// TestLimiterIsBounded: where it is full, those go whose bucket is full again; one that
// is empty stays as long as there are such.
func TestLimiterIsBounded(t *testing.T) {
	l := newLimiter()
	slow, quick := Limit{PerSecond: 1, Burst: 1}, Limit{PerSecond: 1000, Burst: 1}
	held := func() (n int) {
		for i := range l.shards {
			n += len(l.shards[i].buckets)
			if len(l.shards[i].buckets) > mostBuckets {
				t.Errorf("a shard holds %d", len(l.shards[i].buckets))
			}
		}
		return n
	}
	const empty = 100
	for i := range empty {
		l.take(fmt.Sprint("empty", i), slow, limitEpoch)
	}
	for i := range 2 * limiterShards * mostBuckets {
		// 1 ms later the bucket is full again.
		l.take(fmt.Sprint("quick", i), quick, limitEpoch.Add(time.Duration(i)*time.Microsecond))
	}
	for i := range empty {
		if state := l.look(fmt.Sprint("empty", i), slow, limitEpoch.Add(300*time.Millisecond)); state.Remaining != 0 {
			t.Fatalf("the empty bucket %d was forgotten", i)
		}
	}
	for i := range 2 * limiterShards * mostBuckets {
		l.take(fmt.Sprint("late", i), slow, limitEpoch.Add(time.Hour))
	}
	if n := held(); n != limiterShards*mostBuckets {
		t.Errorf("%d buckets are held, want %d", n, limiterShards*mostBuckets)
	}
}

func TestLimitDraft(t *testing.T) {
	for _, c := range []struct {
		rate, burst string
		want        Limit
		wrong       []string
	}{
		{"", "", Limit{}, nil},
		{" ", "\t", Limit{}, nil},
		{"10", "", Limit{10, 10}, nil},
		{" 10 ", "20", Limit{10, 20}, nil},
		{"1", "1", Limit{1, 1}, nil},
		{"100000", "1000000", Limit{100_000, 1_000_000}, nil},
		{"", "5", Limit{}, []string{"rate"}},
		{"0", "", Limit{}, []string{"rate"}},
		{"-1", "0", Limit{}, []string{"rate", "burst"}},
		{"100001", "1000001", Limit{}, []string{"rate", "burst"}},
		{"1.5", "x", Limit{}, []string{"rate", "burst"}},
		{"99999999999999999999", "", Limit{}, []string{"rate"}},
		{"5", "0", Limit{}, []string{"burst"}},
	} {
		var p problems
		got := p.limit(LimitDraft{c.rate, c.burst})
		var wrong []string
		for _, f := range p {
			wrong = append(wrong, f.Field)
		}
		if !slices.Equal(wrong, c.wrong) || c.wrong == nil && got != c.want {
			t.Errorf("rate %q, burst %q: %+v, %v; want %+v, %v", c.rate, c.burst, got, p, c.want, c.wrong)
		}
	}
}
