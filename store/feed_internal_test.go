package store

import (
	"sync/atomic"
	"testing"

	"claviger/internal/access"
)

// TestOwnChangeThatCameLate: a commit whose answer was not waited for may come after all.
// Then the epoch must rise once more: what was read meanwhile is old.
func TestOwnChangeThatCameLate(t *testing.T) {
	var epoch atomic.Uint64
	var announced atomic.Int64
	announced.Store(7)
	f := &feed{node: access.Node{ID: "node_a"}, epoch: &epoch, announced: &announced}
	for _, c := range []struct {
		payload string
		rises   bool
	}{
		{"node_a 7 1", false}, // acknowledged: it has risen
		{"node_a 8 1", true},
		{"node_a 0 1", true}, // without an event nobody can tell
		{"node_b 7 1", true},
		{"command 7 1", true},
		{"damaged", true},
	} {
		before := epoch.Load()
		f.notified(c.payload)
		if rose := epoch.Load() != before; rose != c.rises {
			t.Errorf("%s: the epoch rises: %v, want %v", c.payload, rose, c.rises)
		}
	}
}
