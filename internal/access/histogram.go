package access

import (
	"sync/atomic"
	"time"
)

// histogramBounds are the upper bounds of a Histogram's steps.
var histogramBounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Histogram counts durations by steps. Counting takes two additions and no lock, so
// that it can stand in the way of every request; what is read meanwhile may miss the
// one that is being counted.
type Histogram struct {
	steps [len(histogramBounds) + 1]atomic.Uint64
	sum   atomic.Int64 // ns
}

// Observe counts one duration.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(histogramBounds) && d > histogramBounds[i] {
		i++
	}
	h.steps[i].Add(1)
	h.sum.Add(int64(d))
}

// Read returns how many durations were counted up to each bound, how many in all, and
// their sum.
func (h *Histogram) Read() (upTo map[time.Duration]uint64, count uint64, sum time.Duration) {
	upTo = make(map[time.Duration]uint64, len(histogramBounds))
	for i, bound := range histogramBounds {
		count += h.steps[i].Load()
		upTo[bound] = count
	}
	return upTo, count + h.steps[len(histogramBounds)].Load(), time.Duration(h.sum.Load())
}
