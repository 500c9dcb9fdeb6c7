package bench

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rounds returns how often each side has its turn, and how long a turn is.
func rounds() (int, time.Duration) {
	if n, err := strconv.Atoi(os.Getenv("BENCH_ROUNDS")); err == nil && n > 0 {
		return n, 300 * time.Millisecond
	}
	return 1, 20 * time.Millisecond
}

// inEarnest reports whether figures are wanted, or only to see that all of it works.
func inEarnest() bool { return os.Getenv("BENCH_ROUNDS") != "" }

// row is a line of the table that is printed.
type row struct {
	what, measured string
	ratio          float64 // 0: there is none
	cpu            float64 // the ratio of times on the CPU, as one of throughputs
	target         float64
	most           bool // the target is the most that it may be; else the least
	unit           string
}

// met says whether the target is, or nothing where there is none.
func (r row) met() string {
	switch {
	case r.target == 0:
		return ""
	case r.most && r.ratio <= r.target, !r.most && r.ratio >= r.target:
		return "yes"
	}
	return "NO"
}

// report gathers rows, and prints them when the test is over.
type report struct{ rows []row }

func (r *report) add(line row) { r.rows = append(r.rows, line) }

// compare adds how many times the other's throughput the one's is. target is the least
// that is wanted; 0 is none.
func (r *report) compare(what string, ours, other *side, target float64) {
	r.add(row{what: what, measured: ours.String(), ratio: ours.against(other), cpu: other.each() / ours.each(), target: target})
}

// most adds a figure that is to be at most so much.
func (r *report) most(what, measured string, figure, target float64, unit string) {
	r.add(row{what: what, measured: measured, ratio: figure, target: target, most: true, unit: unit})
}

// String returns the table, in Markdown.
func (r *report) String() string {
	var b strings.Builder
	b.WriteString("| what | measured | ratio | by CPU | target | met |\n|---|---|---:|---:|---:|---|\n")
	for _, line := range r.rows {
		ratio, cpu, target := "", "", ""
		if line.ratio != 0 {
			ratio = strconv.FormatFloat(line.ratio, 'f', 2, 64) + line.unit
		}
		if line.cpu != 0 && inEarnest() {
			cpu = strconv.FormatFloat(line.cpu, 'f', 2, 64)
		}
		if line.target != 0 {
			sign := "≥ "
			if line.most {
				sign = "≤ "
			}
			target = sign + strconv.FormatFloat(line.target, 'f', 2, 64) + line.unit
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", line.what, line.measured, ratio, cpu, target, line.met())
	}
	return b.String()
}

// print shows the table; a smoke test's figures mean nothing and are only logged.
func (r *report) print(t *testing.T) {
	t.Helper()
	if inEarnest() {
		fmt.Printf("\n%s\n", r)
		return
	}
	t.Logf("rounds of milliseconds, to see that it works; the figures mean nothing:\n%s", r)
}

// side is one of the servers that take turns.
type side struct {
	name   string
	load   *load
	pids   []int // whose time on the CPU counts
	rates  []float64
	spent  time.Duration
	served int
}

// takeTurns loads each side in turn, round by round. Before that each has a turn that
// does not count. Sides may be of one process: what it spends in a side's turns is the side's.
func takeTurns(t *testing.T, sides ...*side) {
	t.Helper()
	n, turn := rounds()
	for i := range n + 1 {
		for _, s := range sides {
			before := spent(t, s.pids...)
			s.turn(t, turn, i > 0)
			if i > 0 {
				s.spent += spent(t, s.pids...) - before
			}
		}
	}
}

// takeTurnsOf is takeTurns for sides of which each is a process of its own: all time that it
// spends on a CPU counts, between its turns too, because what it puts off it has to do in the end.
func takeTurnsOf(t *testing.T, n int, turn time.Duration, sides ...*side) {
	t.Helper()
	for i := range n + 1 {
		for _, s := range sides {
			if i == 1 {
				s.spent = -spent(t, s.pids...)
			}
			s.turn(t, turn, i > 0)
		}
	}
	for _, s := range sides {
		s.spent += spent(t, s.pids...)
	}
}

// turn loads the side for a time.
func (s *side) turn(t *testing.T, wanted time.Duration, counts bool) {
	t.Helper()
	served, took, err := s.load.run(wanted)
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	if counts {
		s.served += served
		s.rates = append(s.rates, float64(served)/took.Seconds())
	}
}

// against returns the median over the rounds of how many times the other's throughput
// the side's is.
func (s *side) against(other *side) float64 {
	ratios := make([]float64, len(s.rates))
	for i, rate := range s.rates {
		ratios[i] = rate / other.rates[i]
	}
	return median(ratios)
}

// String returns the absolute figures.
func (s *side) String() string {
	return fmt.Sprintf("%.0f/s, %.1f µs of CPU", median(s.rates), s.each())
}

// each returns the time that a request takes on the CPU, in microseconds.
func (s *side) each() float64 {
	return max(float64(s.spent.Microseconds())/float64(max(s.served, 1)), 0.001)
}

func median[T float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}
