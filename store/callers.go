package store

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"claviger/internal/access"
)

// The most callers of a credential that are kept of an hour, and of a day: those
// that come after them are added up as access.OtherCallers. Whoever has a credential
// could fill the database otherwise.
var mostCallers = []struct {
	resolution time.Duration
	most       int
}{{byHour, 64}, {byDay, 256}}

const (
	addCallerInto = `INSERT INTO use_callers (credential_id, resolution, start, address, agent, accepted, refused, last_at) VALUES `
	addCallerTo   = ` ON CONFLICT (credential_id, resolution, start, address, agent) DO UPDATE SET
			accepted = use_callers.accepted + excluded.accepted, refused = use_callers.refused + excluded.refused,
			last_at = CASE WHEN excluded.last_at > use_callers.last_at THEN excluded.last_at ELSE use_callers.last_at END`

	selectCallers = `SELECT u.address, u.agent FROM use_callers u WHERE u.credential_id = $1 AND u.resolution = $2 AND u.start = $3`

	addRefusalInto = `INSERT INTO use_refusals (credential_id, resolution, start, reason, count) VALUES `
	addRefusalTo   = ` ON CONFLICT (credential_id, resolution, start, reason) DO UPDATE SET count = use_refusals.count + excluded.count`

	// selectUseSpans adds up by spans of $5 microseconds what stands by either resolution.
	selectUseSpans = `SELECT u.start / $5 * $5, CAST(SUM(u.accepted) AS BIGINT), CAST(SUM(u.refused) AS BIGINT) FROM uses u
		WHERE u.credential_id = $1 AND u.resolution IN ($2, $3) AND u.start >= $4 GROUP BY 1 ORDER BY 1`

	// selectUseRefusals adds up hours, which are few: the last of them tells when a
	// reason was given last.
	selectUseRefusals = `SELECT u.reason, CAST(SUM(u.count) AS BIGINT), MAX(u.start) FROM use_refusals u
		WHERE u.credential_id = $1 AND u.resolution = $2 AND u.start >= $3 GROUP BY u.reason ORDER BY SUM(u.count) DESC, MAX(u.start) DESC, u.reason`
)

// callerSum is how often a caller came within a span.
type callerSum struct {
	credentialSpan
	access.UseCaller
}

func compareCallers(a, b callerSum) int {
	return cmp.Or(a.compare(b.credentialSpan), cmp.Compare(a.Address, b.Address), cmp.Compare(a.Agent, b.Agent))
}

// merge adds what the same caller did besides.
func (s *callerSum) merge(other callerSum) {
	s.Accepted += other.Accepted
	s.Refused += other.Refused
	if other.At.After(s.At) {
		s.At = other.At
	}
}

// addCallers adds up by whom credentials were used, by the hour.
func (t *tx) addCallers(uses []access.Use) error {
	var sums []callerSum
	for _, u := range uses {
		for _, c := range u.Callers {
			sums = append(sums, callerSum{spanOf(u, byHour), c})
		}
	}
	return t.addCallerSums(sums)
}

// addCallerSums adds up in memory first, and then to what there is, as far as there is
// room for callers by name.
func (t *tx) addCallerSums(all []callerSum) error {
	sums := eachOnce(all)
	crowded, err := t.crowded(sums)
	if err != nil {
		return err
	}
	w := t.rows(addCallerInto, 8, "", addCallerTo)
	for n := 0; len(sums) > 0; sums = sums[n:] {
		if n = slices.IndexFunc(sums, func(c callerSum) bool { return c.credentialSpan != sums[0].credentialSpan }); n < 0 {
			n = len(sums)
		}
		callers := sums[:n]
		if crowded[callers[0].credentialSpan] {
			if callers, err = t.admit(callers); err != nil {
				return err
			}
		}
		for _, c := range callers {
			if err := w.add(c.credentialID, c.resolution, c.start, c.Address, c.Agent, c.Accepted, c.Refused, micros(c.At)); err != nil {
				return err
			}
		}
	}
	return w.flush()
}

// eachOnce returns callers added up, each once in a span, in one order for all.
func eachOnce(all []callerSum) []callerSum {
	slices.SortStableFunc(all, compareCallers)
	sums := all[:0]
	for _, c := range all {
		if n := len(sums); n > 0 && compareCallers(sums[n-1], c) == 0 {
			sums[n-1].merge(c)
			continue
		}
		sums = append(sums, c)
	}
	return sums
}

// room is how many callers of a span are kept.
func room(resolution int64) int {
	for _, span := range mostCallers {
		if seconds(span.resolution) == resolution {
			return span.most
		}
	}
	return 0
}

// refusalSpan is what refusals are added up by.
type refusalSpan struct {
	credentialSpan
	reason string
}

// addRefusals adds up why credentials were refused, by the hour.
func (t *tx) addRefusals(uses []access.Use) error {
	sums := map[refusalSpan]int64{}
	for _, u := range uses {
		for _, refusal := range u.Refusals {
			sums[refusalSpan{spanOf(u, byHour), refusal.Reason}] += refusal.Count
		}
	}
	return t.addRefusalSums(sums)
}

func (t *tx) addRefusalSums(sums map[refusalSpan]int64) error {
	w := t.rows(addRefusalInto, 5, "", addRefusalTo)
	for _, k := range slices.SortedFunc(maps.Keys(sums), func(a, b refusalSpan) int {
		return cmp.Or(a.compare(b.credentialSpan), cmp.Compare(a.reason, b.reason))
	}) {
		if err := w.add(k.credentialID, k.resolution, k.start, k.reason, sums[k]); err != nil {
			return err
		}
	}
	return w.flush()
}

// UseSpans returns a credential's calls by the hour, or by the day of UTC, from the
// one on that begins at a time.
func (t *tx) UseSpans(credentialID string, daily bool, from time.Time) ([]access.UseSpan, error) {
	into := func(u *access.UseSpan) []any { return []any{toTime{&u.Start}, &u.Accepted, &u.Refused} }
	length := byHour
	if daily {
		length = byDay
	}
	return list(t, into, selectUseSpans, credentialID, seconds(byHour), seconds(length), micros(from), length.Microseconds())
}

// UseCallers returns the callers of a credential with the most calls.
func (t *tx) UseCallers(f access.CallerFilter) ([]access.UseCaller, error) {
	text, args := selectUseCallers(f)
	into := func(c *access.UseCaller) []any {
		return []any{&c.Address, &c.Agent, &c.Accepted, &c.Refused, toTime{&c.At}}
	}
	return list(t, into, text, args...)
}

func selectUseCallers(f access.CallerFilter) (string, []any) {
	w := &conditions{}
	w.add(`u.credential_id = ?`, f.CredentialID)
	if f.Daily {
		w.add(`u.resolution IN (?, ?)`, seconds(byHour), seconds(byDay)) // hours stand until they are moved to their day
	} else {
		w.add(`u.resolution = ?`, seconds(byHour))
	}
	w.add(`u.start >= ?`, micros(f.From))
	columns, by := `u.address, ''`, `u.address`
	if f.By == access.ByAgent {
		columns, by = `'', u.agent`, `u.agent`
		w.add(`u.address <> ?`, access.OtherCallers)
	}
	return `SELECT ` + columns + `, CAST(SUM(u.accepted) AS BIGINT), CAST(SUM(u.refused) AS BIGINT), MAX(u.last_at) FROM use_callers u` + w.where() +
		` GROUP BY ` + by + ` ORDER BY SUM(u.accepted) + SUM(u.refused) DESC, MAX(u.last_at) DESC, ` + by + atMost(f.Limit), w.args
}

// UseRefusals returns why a credential was refused since the hour of a time.
func (t *tx) UseRefusals(credentialID string, since time.Time) ([]access.UseRefusal, error) {
	into := func(r *access.UseRefusal) []any { return []any{&r.Reason, &r.Count, toTime{&r.Hour}} }
	return list(t, into, selectUseRefusals, credentialID, seconds(byHour), micros(since.UTC().Truncate(byHour)))
}

// UseAddresses counts from how many addresses calls of credentials were accepted
// since the hour of a time.
func (t *tx) UseAddresses(credentialIDs []string, since time.Time) (map[string]access.Addresses, error) {
	out := map[string]access.Addresses{}
	var id string
	var known, others int
	for ids := range slices.Chunk(credentialIDs, lookup) {
		text, args := selectUseAddresses(ids, since)
		err := t.each([]any{&id, &known, &others}, func() bool {
			out[id] = access.Addresses{Count: known, More: others > 0}
			return true
		}, text, args...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func selectUseAddresses(ids []string, since time.Time) (string, []any) {
	w := &conditions{}
	other := w.arg(access.OtherCallers)
	return `SELECT u.credential_id, COUNT(DISTINCT CASE WHEN u.address <> ` + other + ` THEN u.address END),
		COUNT(CASE WHEN u.address = ` + other + ` THEN 1 END)
		FROM use_callers u WHERE u.credential_id IN ` + w.places(ids) + ` AND u.resolution = ` + w.arg(seconds(byHour)) +
		` AND u.start >= ` + w.arg(micros(since.UTC().Truncate(byHour))) + ` AND u.accepted > 0 GROUP BY u.credential_id`, w.args
}
