package store

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"claviger/internal/access"
)

// The spans by which uses are added up, so that a sum over a long time reads few rows:
// minutes and hours when uses are written, days from the hours that are old (moves.go). An
// application's days are written at once, too: they are few.
const (
	byMinute = time.Minute
	byHour   = time.Hour
	byDay    = 24 * time.Hour // of UTC
)

// lookup is how many ids are asked for by one statement.
const lookup = 500

const (
	lastUseColumns = `l.credential_id, l.last_at, l.address, l.agent, l.api, l.method`

	selectLatestUse = `SELECT ` + lastUseColumns + ` FROM latest_uses n JOIN last_uses l ON l.credential_id = n.credential_id
		WHERE n.application_id = $1`

	addApplicationUseInto = `INSERT INTO application_uses (application_id, resolution, start, accepted, refused, last_at, by_query, by_password) VALUES `
	addApplicationUseTo   = ` ON CONFLICT (application_id, resolution, start) DO UPDATE SET
			accepted = application_uses.accepted + excluded.accepted, refused = application_uses.refused + excluded.refused,
			by_query = application_uses.by_query + excluded.by_query, by_password = application_uses.by_password + excluded.by_password,
			last_at = CASE WHEN excluded.last_at IS NOT NULL AND (application_uses.last_at IS NULL OR excluded.last_at > application_uses.last_at)
				THEN excluded.last_at ELSE application_uses.last_at END`

	// What is said of a caller in uses is nobody's to read any more: last_uses has it.
	addUseInto = `INSERT INTO uses (credential_id, resolution, start, application_id, accepted, refused, address, agent, api, method) VALUES `
	addUseTo   = ` ON CONFLICT (credential_id, resolution, start, application_id) DO UPDATE SET
			accepted = uses.accepted + excluded.accepted, refused = uses.refused + excluded.refused`

	setLastUseInto = `INSERT INTO last_uses (credential_id, application_id, last_at, address, agent, api, method) VALUES `
	setLastUseTo   = ` ON CONFLICT (credential_id) DO UPDATE SET application_id = excluded.application_id, last_at = excluded.last_at,
			address = excluded.address, agent = excluded.agent, api = excluded.api, method = excluded.method
		WHERE excluded.last_at >= last_uses.last_at`

	setLatestUseInto = `INSERT INTO latest_uses (application_id, credential_id, last_at) VALUES `
	setLatestUseTo   = ` ON CONFLICT (application_id) DO UPDATE SET credential_id = excluded.credential_id, last_at = excluded.last_at
		WHERE excluded.last_at >= latest_uses.last_at`
)

func lastUseInto(l *access.LastUse) []any {
	return []any{&l.CredentialID, toTime{&l.At}, &l.Address, &l.Agent, &l.API, &l.Method}
}

// LatestUse returns the latest accepted call to an application with one of its
// own credentials.
func (t *tx) LatestUse(applicationID string) (l access.LastUse, err error) {
	err = t.one(lastUseInto(&l), selectLatestUse, applicationID)
	return l, err
}

// span is a range of starts at one resolution; end is excluded, zero = open.
type span struct {
	resolution time.Duration
	from, end  time.Time
}

// spansSince splits the time since the minute of a moment into minutes up to the
// next full hour, hours up to the next full day, and days from there on.
func spansSince(since time.Time) []span {
	minute := since.UTC().Truncate(byMinute)
	hour := minute.Add(byHour - 1).Truncate(byHour)
	day := hour.Add(byDay - 1).Truncate(byDay)
	return []span{{byMinute, minute, hour}, {byHour, hour, day}, {byDay, day, time.Time{}}}
}

// within adds the arguments of a span and returns its terms.
func (s span) within(w *conditions, table string) string {
	terms := table + `.resolution = ` + w.arg(seconds(s.resolution)) + ` AND ` + table + `.start >= ` + w.arg(micros(s.from))
	if !s.end.IsZero() {
		terms += ` AND ` + table + `.start < ` + w.arg(micros(s.end))
	}
	return terms
}

// Calls counts the accepted calls of credentials, by their ids, since the minute
// of a moment; those without any are not in it.
func (t *tx) Calls(credentialIDs []string, since time.Time) (map[string]int64, error) {
	out := map[string]int64{}
	var id string
	var accepted int64
	for ids := range slices.Chunk(credentialIDs, lookup) {
		text, args := selectCalls(ids, since)
		err := t.each([]any{&id, &accepted}, func() bool {
			out[id] += accepted
			return true
		}, text, args...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// selectCalls asks for the sum of each credential and span in which it was accepted.
func selectCalls(ids []string, since time.Time) (string, []any) {
	w := &conditions{}
	places := w.places(ids)
	spans := spansSince(since)
	spans[1].end = time.Time{} // what is not moved to its day yet stands by the hour, and only there
	texts := make([]string, len(spans))
	for i, s := range spans {
		texts[i] = `SELECT u.credential_id, CAST(SUM(u.accepted) AS BIGINT) FROM uses u WHERE u.credential_id IN ` + places +
			` AND ` + s.within(w, "u") + ` GROUP BY u.credential_id HAVING SUM(u.accepted) > 0`
	}
	return strings.Join(texts, ` UNION ALL `), w.args
}

// ApplicationUses sums up the applications of an organization, by their ids: live
// credentials of their own (counted to a thousand and one of each sort), accepted calls since the minute of a moment, and the
// latest accepted call.
func (t *tx) ApplicationUses(organizationID string, since, now time.Time) (map[string]access.ApplicationUse, error) {
	text, args := selectApplicationUses(organizationID, since, now)
	out := map[string]access.ApplicationUse{}
	var id string
	var use access.ApplicationUse
	err := t.each([]any{&id, &use.Credentials, &use.Calls, toTime{&use.LastAt}}, func() bool {
		out[id] = use
		return true
	}, text, args...)
	if err != nil {
		return nil, err
	}
	return out, nil
}

func selectApplicationUses(organizationID string, since, now time.Time) (string, []any) {
	w := &conditions{}
	organization, at := w.arg(organizationID), w.arg(micros(now))
	calls := `0`
	for _, s := range spansSince(since) {
		calls += ` + COALESCE((SELECT CAST(SUM(u.accepted) AS BIGINT) FROM application_uses u WHERE u.application_id = a.id AND ` + s.within(w, "u") + `), 0)`
	}
	text := `SELECT a.id,
		(SELECT COUNT(*) FROM (SELECT 1 FROM credentials c WHERE c.application_id = a.id AND c.revoked_at IS NULL AND c.expires_at IS NULL LIMIT 1001) AS f)
		+ (SELECT COUNT(*) FROM (SELECT 1 FROM credentials c WHERE c.application_id = a.id AND c.revoked_at IS NULL AND c.expires_at > ` + at + ` LIMIT 1001) AS d),
		` + calls + `,
		(SELECT u.last_at FROM application_uses u WHERE u.application_id = a.id AND u.resolution = ` + w.arg(seconds(byDay)) + `
			AND u.last_at IS NOT NULL ORDER BY u.start DESC LIMIT 1)
		FROM applications a WHERE a.organization_id = ` + organization
	return text, w.args
}

// WayUses returns how many calls to an application were accepted with the credential
// in the query, and with an access token got for a password, since a time (rounded
// down to its hour).
func (t *tx) WayUses(applicationID string, since time.Time) (query, password int64, err error) {
	err = t.one([]any{&query, &password}, `SELECT COALESCE(SUM(u.by_query), 0), COALESCE(SUM(u.by_password), 0) FROM application_uses u
		WHERE u.application_id = $1 AND u.resolution = 3600 AND u.start >= $2`, applicationID, micros(since.UTC().Truncate(byHour)))
	return query, password, err
}

// AddUses adds uses to what there is of the same credential, application and
// time, by minute and hour, and to their applications' sums; and their callers
// and refusals by hour. It goes by credential, so that writers on an engine
// with row locks cannot wait for each other, and many rows go with one statement.
func (t *tx) AddUses(uses []access.Use) error {
	if len(uses) == 0 {
		return nil
	}
	if t.usage != nil {
		if t.used == nil {
			t.usage.writes()
		}
		t.used = append(t.used, uses)
	}
	byCredential := func(a, b access.Use) int { return cmp.Compare(a.CredentialID, b.CredentialID) }
	if !slices.IsSortedFunc(uses, byCredential) {
		uses = slices.SortedStableFunc(slices.Values(uses), byCredential)
	}
	for _, add := range []func([]access.Use) error{t.addCredentialUses, t.setLastUses, t.setLatestUses, t.addCallers, t.addRefusals, t.addApplicationUses} {
		if err := add(uses); err != nil {
			return err
		}
	}
	return nil
}

// useSpan is what a credential's uses are added up by.
type useSpan struct {
	credentialSpan
	applicationID string
}

// credentialSpan is a span of time of a credential's.
type credentialSpan struct {
	credentialID string
	resolution   int64 // seconds
	start        int64 // Unix microseconds
}

// spanOf returns the span in which a use is.
func spanOf(u access.Use, resolution time.Duration) credentialSpan {
	return credentialSpan{u.CredentialID, seconds(resolution), micros(u.Minute.UTC().Truncate(resolution))}
}

func (s credentialSpan) compare(other credentialSpan) int {
	return cmp.Or(cmp.Compare(s.credentialID, other.credentialID), cmp.Compare(s.resolution, other.resolution), cmp.Compare(s.start, other.start))
}

func (t *tx) addCredentialUses(uses []access.Use) error {
	sums := make([]useSum, 0, 2*len(uses))
	for _, u := range uses {
		for _, resolution := range []time.Duration{byMinute, byHour} {
			sums = append(sums, useSum{useSpan{spanOf(u, resolution), u.ApplicationID}, u.Accepted, u.Refused})
		}
	}
	return t.addUseSums(sums)
}

// addUseSums adds up in memory first: no statement may meet a row twice.
func (t *tx) addUseSums(sums []useSum) error {
	slices.SortStableFunc(sums, func(a, b useSum) int { return a.compare(b.useSpan) })
	w := t.rows(addUseInto, 6, ", '', '', '', ''", addUseTo)
	for i := 0; i < len(sums); {
		sum := sums[i]
		for i++; i < len(sums) && sums[i].useSpan == sum.useSpan; i++ {
			sum.accepted += sums[i].accepted
			sum.refused += sums[i].refused
		}
		if err := w.add(sum.credentialID, sum.resolution, sum.start, sum.applicationID, sum.accepted, sum.refused); err != nil {
			return err
		}
	}
	return w.flush()
}

// useSum is how often a credential was used in a span.
type useSum struct {
	useSpan
	accepted, refused int64
}

func (s useSpan) compare(other useSpan) int {
	return cmp.Or(s.credentialSpan.compare(other.credentialSpan), cmp.Compare(s.applicationID, other.applicationID))
}

// setLastUses sets each credential's latest use. uses are in the order of credentials.
func (t *tx) setLastUses(uses []access.Use) error {
	w := t.rows(setLastUseInto, 7, "", setLastUseTo)
	for i := 0; i < len(uses); {
		last := uses[i]
		for i++; i < len(uses) && uses[i].CredentialID == last.CredentialID; i++ {
			if micros(uses[i].At) >= micros(last.At) {
				last = uses[i]
			}
		}
		if last.At.IsZero() || last.CredentialID == "" {
			continue
		}
		if err := w.add(last.CredentialID, last.ApplicationID, micros(last.At), last.Address, last.Agent, last.API, last.Method); err != nil {
			return err
		}
	}
	return w.flush()
}

// setLatestUses sets which of its own credentials each application was called with last.
func (t *tx) setLatestUses(uses []access.Use) error {
	latest := map[string]access.Use{}
	for _, u := range uses {
		if there, ok := latest[u.ApplicationID]; u.Own && !u.At.IsZero() && (!ok || u.At.After(there.At)) {
			latest[u.ApplicationID] = u
		}
	}
	w := t.rows(setLatestUseInto, 3, "", setLatestUseTo)
	for _, id := range slices.Sorted(maps.Keys(latest)) {
		if err := w.add(id, latest[id].CredentialID, micros(latest[id].At)); err != nil {
			return err
		}
	}
	return w.flush()
}

// applicationSpan is what an application's uses are added up by.
type applicationSpan struct {
	applicationID string
	resolution    time.Duration
	start         int64 // Unix microseconds
}

// addApplicationUses adds up in memory first: a batch has many credentials and
// few applications.
func (t *tx) addApplicationUses(uses []access.Use) error {
	sums := map[applicationSpan]access.Use{}
	for _, u := range uses {
		for _, resolution := range []time.Duration{byMinute, byHour, byDay} {
			key := applicationSpan{u.ApplicationID, resolution, micros(u.Minute.UTC().Truncate(resolution))}
			sum := sums[key]
			sum.Accepted += u.Accepted
			sum.Refused += u.Refused
			sum.ByQuery += u.ByQuery
			sum.ByPassword += u.ByPassword
			if u.At.After(sum.At) {
				sum.At = u.At
			}
			sums[key] = sum
		}
	}
	w := t.rows(addApplicationUseInto, 8, "", addApplicationUseTo)
	for _, key := range sortedSpans(sums) {
		sum := sums[key]
		if err := w.add(key.applicationID, seconds(key.resolution), key.start, sum.Accepted, sum.Refused, maybe(sum.At), sum.ByQuery, sum.ByPassword); err != nil {
			return err
		}
	}
	return w.flush()
}

// sortedSpans returns the keys in one order for all, so that writers on an
// engine with row locks cannot wait for each other.
func sortedSpans(sums map[applicationSpan]access.Use) []applicationSpan {
	keys := make([]applicationSpan, 0, len(sums))
	for key := range sums {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b applicationSpan) int {
		return cmp.Or(cmp.Compare(a.applicationID, b.applicationID), cmp.Compare(a.resolution, b.resolution), cmp.Compare(a.start, b.start))
	})
	return keys
}
