package store

import (
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
	addToCaller = `UPDATE use_callers SET accepted = accepted + $6, refused = refused + $7,
			last_at = CASE WHEN $8 > last_at THEN $8 ELSE last_at END
		WHERE credential_id = $1 AND resolution = $2 AND start = $3 AND address = $4 AND agent = $5`
	insertCaller = `INSERT INTO use_callers (credential_id, resolution, start, address, agent, accepted, refused, last_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (credential_id, resolution, start, address, agent) DO UPDATE SET
			accepted = use_callers.accepted + excluded.accepted, refused = use_callers.refused + excluded.refused,
			last_at = CASE WHEN excluded.last_at > use_callers.last_at THEN excluded.last_at ELSE use_callers.last_at END`
	countCallers = `SELECT COUNT(*) FROM use_callers u WHERE u.credential_id = $1 AND u.resolution = $2 AND u.start = $3`

	addRefusal = `INSERT INTO use_refusals (credential_id, resolution, start, reason, count) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (credential_id, resolution, start, reason) DO UPDATE SET count = use_refusals.count + excluded.count`

	selectUseSpans = `SELECT u.start, CAST(SUM(u.accepted) AS BIGINT), CAST(SUM(u.refused) AS BIGINT) FROM uses u
		WHERE u.credential_id = $1 AND u.resolution = $2 AND u.start >= $3 GROUP BY u.start ORDER BY u.start`

	// selectUseRefusals adds up hours, which are few: the last of them tells when a
	// reason was given last.
	selectUseRefusals = `SELECT u.reason, CAST(SUM(u.count) AS BIGINT), MAX(u.start) FROM use_refusals u
		WHERE u.credential_id = $1 AND u.resolution = $2 AND u.start >= $3 GROUP BY u.reason ORDER BY SUM(u.count) DESC, MAX(u.start) DESC, u.reason`
)

// callerBook adds callers to their hours and days, by statements that are prepared
// once: of each of them a batch has many.
type callerBook struct {
	add    func(args ...any) (bool, error)
	insert func(args ...any) error
	count  func(args ...any) (int, error)
}

func (t *tx) callerBook() (b callerBook, err error) {
	if b.add, err = t.prepareConditional(addToCaller); err != nil {
		return b, err
	}
	if b.insert, err = t.prepare(insertCaller); err != nil {
		return b, err
	}
	b.count, err = t.prepareCount(countCallers)
	return b, err
}

// addCallers adds up by whom credentials were used, by hour and day.
func (t *tx) addCallers(uses []access.Use) error {
	book, err := t.callerBook()
	if err != nil {
		return err
	}
	for _, u := range uses {
		for _, c := range u.Callers {
			for _, span := range mostCallers {
				key := []any{u.CredentialID, seconds(span.resolution), micros(u.Minute.UTC().Truncate(span.resolution))}
				if err := book.enter(key, c, span.most); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// enter adds a caller to a span. One that is new there is kept by name where there is
// room.
func (b callerBook) enter(key []any, c access.UseCaller, most int) error {
	row := append(slices.Clone(key), c.Address, c.Agent, c.Accepted, c.Refused, micros(c.At))
	if known, err := b.add(row...); err != nil || known {
		return err
	}
	n, err := b.count(key...)
	if err != nil {
		return err
	}
	if n >= most {
		row[3], row[4] = access.OtherCallers, ""
	}
	return b.insert(row...)
}

// addRefusals adds up why credentials were refused, by hour and day.
func (t *tx) addRefusals(uses []access.Use) error {
	add, err := t.prepare(addRefusal)
	if err != nil {
		return err
	}
	for _, u := range uses {
		for _, refusal := range u.Refusals {
			for _, resolution := range []time.Duration{byHour, byDay} {
				start := micros(u.Minute.UTC().Truncate(resolution))
				if err := add(u.CredentialID, seconds(resolution), start, refusal.Reason, refusal.Count); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// UseSpans returns a credential's calls by the hour, or by the day of UTC, from the
// one on that begins at a time.
func (t *tx) UseSpans(credentialID string, daily bool, from time.Time) ([]access.UseSpan, error) {
	into := func(u *access.UseSpan) []any { return []any{toTime{&u.Start}, &u.Accepted, &u.Refused} }
	return list(t, into, selectUseSpans, credentialID, seconds(hourOrDay(daily)), micros(from))
}

func hourOrDay(daily bool) time.Duration {
	if daily {
		return byDay
	}
	return byHour
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
	w.add(`u.resolution = ?`, seconds(hourOrDay(f.Daily)))
	w.add(`u.start >= ?`, micros(f.From))
	columns, by := `u.address, ''`, `u.address`
	if f.By == access.ByAgent {
		columns, by = `'', u.agent`, `u.agent`
		w.add(`u.address <> ?`, access.OtherCallers)
	}
	return `SELECT ` + columns + `, CAST(SUM(u.accepted) AS BIGINT), CAST(SUM(u.refused) AS BIGINT), MAX(u.last_at) FROM use_callers u` + w.where() +
		` GROUP BY ` + by + ` ORDER BY SUM(u.accepted) + SUM(u.refused) DESC, MAX(u.last_at) DESC, ` + by + w.limit(f.Limit), w.args
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
