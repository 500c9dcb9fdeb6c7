package access

import (
	"sync"
	"time"
)

// Clock tells the time. The program has one, handed to all who need it.
type Clock interface{ Now() time.Time }

// jumpOf is by how much the wall clock may run away from the time that has passed
// before it counts as a jump.
const jumpOf = time.Minute

// SteadyClock is a Clock that never goes back within the life of the process. When
// its source jumps back, it goes on at half the pace of the time that passes, until
// the source has caught up: what is to expire does expire. Forward it follows its
// source. Times are in UTC and whole microseconds, as they are stored.
type SteadyClock struct {
	read  func() (wall time.Time, ran time.Duration)
	mu    sync.Mutex
	last  time.Time     // what was told last
	wall  time.Time     // what was read last
	ran   time.Duration // and how long the process had run by then
	jumps Jumps
}

// Jumps says how often a wall clock has jumped by more than a minute.
type Jumps struct {
	Count int
	At    time.Time     // of the latest, by the clock after it; zero = never
	By    time.Duration // how far it went; negative = back
}

// NewSteadyClock returns a clock over a source such as time.Now, whose times carry
// the monotonic clock: what it has run is how far the wall clock should have gone.
func NewSteadyClock(source func() time.Time) *SteadyClock {
	start := source()
	return &SteadyClock{read: func() (time.Time, time.Duration) {
		now := source()
		return now.UTC().Round(0), now.Sub(start)
	}}
}

// Now returns the time, never an earlier one than before.
func (c *SteadyClock) Now() time.Time {
	wall, ran := c.read()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wall.IsZero() {
		c.last, c.wall, c.ran = wall, wall, ran
	}
	passed := ran - c.ran
	if passed < 0 {
		return c.told() // somebody else has read it later and came first
	}
	if by := wall.Sub(c.wall) - passed; by > jumpOf || by < -jumpOf {
		c.jumps = Jumps{Count: c.jumps.Count + 1, At: wall, By: by}
	}
	c.wall, c.ran = wall, ran
	if wall.Before(c.last) {
		c.last = c.last.Add(passed / 2)
	} else {
		c.last = wall
	}
	return c.told()
}

func (c *SteadyClock) told() time.Time { return c.last.Truncate(time.Microsecond) }

// Jumps says how often the wall clock has jumped so far. A machine that slept has
// jumped forward.
func (c *SteadyClock) Jumps() Jumps {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.jumps
}
