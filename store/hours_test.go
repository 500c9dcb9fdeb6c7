package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHoursInAnyOrder: an hour is there once, whatever order an engine strings them in.
func TestHoursInAnyOrder(t *testing.T) {
	t.Parallel()
	var r knownHours
	if err := r.read("493013:2 493012:1 493012:4 493013:8 493014:1"); err != nil {
		t.Fatal(err)
	}
	sums := map[int64]int64{}
	for _, hour := range r.result().Hours {
		if _, twice := sums[hour.Hour]; twice {
			t.Errorf("hour %d is there twice", hour.Hour)
		}
		sums[hour.Hour] = hour.Accepted
	}
	if diff := cmp.Diff(map[int64]int64{493012: 5, 493013: 10, 493014: 1}, sums); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := r.read("493013"); err == nil {
		t.Error("what is no hour with its calls has no error")
	}
}
