package store

import (
	"slices"
	"sync"

	"claviger/internal/access"
)

// crowds remembers of spans in which callers are told apart how many there are at most,
// so that it need not be counted with each batch of uses. It knows what this process
// has written, and is asked only where nobody else writes. What was rolled back makes it
// say too much, never too little.
type crowds struct {
	mu    sync.Mutex
	spans map[credentialSpan]int
}

// mostSpans bounds the memory of them: some 8 MiB.
const mostSpans = 1 << 16

// fit reports whether so many more callers are known to have room, and notes them.
func (c *crowds) fit(span credentialSpan, more int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.spans[span]
	if !ok || n+more > room(span.resolution) {
		return false
	}
	c.spans[span] = n + more
	return true
}

// counted notes how many callers a span has at most.
func (c *crowds) counted(span credentialSpan, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spans == nil || len(c.spans) >= mostSpans {
		c.spans = map[credentialSpan]int{}
	}
	c.spans[span] = n
}

// crowded returns the spans in which there is not room for all callers by name.
func (t *tx) crowded(sums []callerSum) (map[credentialSpan]bool, error) {
	out, come := map[credentialSpan]bool{}, map[credentialSpan]int{}
	for _, c := range sums {
		come[c.credentialSpan]++
	}
	type during struct{ resolution, start int64 }
	unsure := map[during][]string{} // ids of credentials
	for span, n := range come {
		if t.dialect.shared || !t.crowds.fit(span, n) {
			at := during{span.resolution, span.start}
			unsure[at] = append(unsure[at], span.credentialID)
		}
	}
	for at, ids := range unsure {
		there, err := t.countCallers(ids, at.resolution, at.start)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			span := credentialSpan{id, at.resolution, at.start}
			n := there[id] + come[span]
			if !t.dialect.shared {
				t.crowds.counted(span, n)
			}
			out[span] = n > room(at.resolution)
		}
	}
	return out, nil
}

// countCallers counts the callers of credentials in a span, by the credentials' ids.
func (t *tx) countCallers(ids []string, resolution, start int64) (map[string]int, error) {
	out := map[string]int{}
	into := func(c *callerCount) []any { return []any{&c.id, &c.n} }
	for some := range slices.Chunk(ids, lookup/5) {
		text, args := selectCallerCounts(some, resolution, start)
		counts, err := list(t, into, text, args...)
		if err != nil {
			return nil, err
		}
		for _, c := range counts {
			out[c.id] = c.n
		}
	}
	return out, nil
}

type callerCount struct {
	id string
	n  int
}

func selectCallerCounts(ids []string, resolution, start int64) (string, []any) {
	w := &conditions{}
	return `SELECT u.credential_id, COUNT(*) FROM use_callers u WHERE u.credential_id IN ` + w.places(ids) +
		` AND u.resolution = ` + w.arg(resolution) + ` AND u.start = ` + w.arg(start) + ` GROUP BY u.credential_id`, w.args
}

// admit takes those of a span's callers that are known there, and of the new ones those
// who came first, as long as there is room. The rest become access.OtherCallers.
func (t *tx) admit(callers []callerSum) ([]callerSum, error) {
	span := callers[0].credentialSpan
	into := func(c *access.UseCaller) []any { return []any{&c.Address, &c.Agent} }
	there, err := list(t, into, selectCallers, span.credentialID, span.resolution, span.start)
	if err != nil {
		return nil, err
	}
	known := map[access.UseCaller]bool{}
	for _, c := range there {
		if c.Address != access.OtherCallers {
			known[c] = true
		}
	}
	callers = slices.SortedStableFunc(slices.Values(callers), func(a, b callerSum) int { return a.At.Compare(b.At) })
	others := callerSum{span, access.UseCaller{Address: access.OtherCallers}}
	var out []callerSum
	for _, c := range callers {
		who := access.UseCaller{Address: c.Address, Agent: c.Agent}
		if c.Address == access.OtherCallers || !known[who] && len(known) >= room(span.resolution) {
			others.merge(c)
			continue
		}
		known[who] = true
		out = append(out, c)
	}
	if !others.At.IsZero() {
		out = append(out, others)
	}
	slices.SortFunc(out, compareCallers)
	return out, nil
}
