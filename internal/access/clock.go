package access

import (
	"sync"
	"time"
)

// Clock tells the time. The program has one, handed to all who need it.
type Clock interface{ Now() time.Time }

// SteadyClock is a Clock that never goes back within the life of the process:
// when its source jumps back, it stands still until the source has caught up.
// Times are in UTC and whole microseconds, as they are stored.
type SteadyClock struct {
	source func() time.Time
	mu     sync.Mutex
	last   time.Time
}

// NewSteadyClock returns a clock over a source such as time.Now.
func NewSteadyClock(source func() time.Time) *SteadyClock { return &SteadyClock{source: source} }

// Now returns the time, never an earlier one than before.
func (c *SteadyClock) Now() time.Time {
	now := c.source().UTC().Truncate(time.Microsecond).Round(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.last) {
		return c.last
	}
	c.last = now
	return now
}
