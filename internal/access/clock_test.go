package access

import (
	"testing"
	"time"
)

// TestSteadyClock sets the wall clock forward and back beside the time that passes.
func TestSteadyClock(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	wall, ran := start, time.Duration(0)
	c := &SteadyClock{read: func() (time.Time, time.Duration) { return wall, ran }}
	before := c.Now()
	if !before.Equal(start) {
		t.Fatalf("it begins at %s", before)
	}
	for i, step := range []struct {
		passes, jumps time.Duration
		want          time.Duration // since start
		count         int
		by            time.Duration
	}{
		{passes: time.Second, want: time.Second},
		{passes: time.Second, jumps: time.Minute, want: 62 * time.Second},                                  // no more than a minute: followed, and not counted
		{passes: time.Second, jumps: time.Hour, want: time.Hour + 63*time.Second, count: 1, by: time.Hour}, // forward: followed, and told
		{jumps: -time.Hour, want: time.Hour + 63*time.Second, count: 2, by: -time.Hour},                    // back: it stands,
		{passes: time.Minute, want: time.Hour + 93*time.Second, count: 2, by: -time.Hour},                  // then goes at half the pace,
		{passes: 2 * time.Hour, want: 2*time.Hour + 123*time.Second, count: 2, by: -time.Hour},             // until the wall clock has caught up
		{passes: -time.Second, want: 2*time.Hour + 123*time.Second, count: 2, by: -time.Hour},              // read before, and late with it
	} {
		ran += step.passes
		wall = wall.Add(step.passes + step.jumps)
		if got := c.Now(); !got.Equal(start.Add(step.want)) || got.Before(before) {
			t.Errorf("step %d: %s after the start, want %s", i, got.Sub(start), step.want)
		} else {
			before = got
		}
		if j := c.Jumps(); j.Count != step.count || j.By != step.by {
			t.Errorf("step %d: %d jumps, the last by %s, want %d by %s", i, j.Count, j.By, step.count, step.by)
		}
	}
}

// TestSteadyClockIsPrecise: at half the pace nothing is lost by asking often.
func TestSteadyClockIsPrecise(t *testing.T) {
	t.Parallel()
	wall, ran := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Duration(0)
	c := &SteadyClock{read: func() (time.Time, time.Duration) { return wall, ran }}
	start := c.Now()
	wall = wall.Add(-time.Hour)
	for range 1_000_000 {
		ran += 300 * time.Nanosecond
		wall = wall.Add(300 * time.Nanosecond)
		c.Now()
	}
	if got := c.Now().Sub(start); got != 150*time.Millisecond {
		t.Errorf("after 300 ms it went on by %s, want 150 ms", got)
	}
}
