package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"claviger/internal/testkit"
)

// callers is how many credentials the traffic of a large installation comes from.
const callers = 10_000

// sizes returns the numbers of credentials to compare with a thousand.
func sizes(t *testing.T) []int {
	t.Helper()
	text := os.Getenv("BENCH_CREDENTIALS")
	switch {
	case text != "":
	case inEarnest():
		text = "100000"
	default:
		text = "2000"
	}
	var out []int
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1000 {
			t.Fatalf("BENCH_CREDENTIALS: %q is no number of credentials, 1000 or more", word)
		}
		out = append(out, n)
	}
	return out
}

// town is a Claviger with many tokens, and the requests that come to it from some of
// them: from a few often and from most seldom, by Zipf's law.
type town struct {
	*testkit.Process
	name     string
	requests [][]byte
}

// side connects to the town. A connection on which nothing is asked for ten seconds
// would be closed.
func (w *town) side(t *testing.T) *side {
	return &side{name: w.name, load: dial(t, host(w.ConsoleURL), 200, w.requests...), pids: []int{w.PID()}}
}

// filled starts a town of n tokens.
func filled(t *testing.T, n int) *town {
	t.Helper()
	h := &house{Process: testkit.Install(t, t.TempDir(), []string{"GOMAXPROCS=1"})}
	h.must(t, "org", "add", "acme")
	h.must(t, "app", "add", "acme/orders")
	h.must(t, "api", "add", "acme/orders/backend", "--upstream", "builtin:echo")
	secrets := fill(t, h.Process, n, min(n, callers))
	rand.Shuffle(len(secrets), func(i, j int) { secrets[i], secrets[j] = secrets[j], secrets[i] })
	zipf := rand.NewZipf(rand.New(rand.NewPCG(5, 6)), 1.1, 1, uint64(len(secrets)-1))
	requests := make([][]byte, 1<<16)
	for i := range requests {
		requests[i] = get(verifying, "Bearer "+secrets[zipf.Uint64()])
	}
	h.Start()
	pin(t, h.PID(), serverCore)
	warm(t, host(h.ConsoleURL), secrets)
	return &town{h.Process, fmt.Sprintf("%d credentials", n), requests}
}

// warm presents each credential at least once, so that what is compared is not how
// fast memory fills.
func warm(t *testing.T, address string, secrets []string) {
	t.Helper()
	all := make([][]byte, len(secrets))
	for i, s := range secrets {
		all[i] = get(verifying, "Bearer "+s)
	}
	_, turn := rounds()
	for l := dial(t, address, 200, all...); l.sent < len(all); {
		if _, _, err := l.run(turn); err != nil {
			t.Fatalf("warm up: %v", err)
		}
	}
}

// TestGrowth prints what more credentials cost.
func TestGrowth(t *testing.T) {
	testkit.Binary(t) // with all cores
	t.Setenv("GOMAXPROCS", "1")
	out := &report{}
	village := filled(t, 1000)
	for _, size := range sizes(t) {
		city := filled(t, size)
		small, large := village.side(t), city.side(t)
		n, turn := rounds()
		if inEarnest() { // uses are written within five seconds, which is to happen in the turn that they came in
			n, turn = min(n, 5), 4*time.Second
		}
		takeTurnsOf(t, n, turn, small, large)
		target := 0.95
		if size >= 10_000_000 {
			target = 0.90
		}
		out.compare(fmt.Sprintf("`/verify` with %d credentials, traffic from %d by Zipf, against 1,000 (%s)", size, min(size, callers), small), large, small, target)
		out.most(fmt.Sprintf("memory of the server with %d credentials, after it", size), "VmRSS", resident(t, city.PID()), 300, " MiB")
		t.Logf("so far:\n%s", out) // the next one may take its time
		city.Stop()
	}
	out.print(t)
}
