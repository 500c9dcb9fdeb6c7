package store

import (
	"time"
)

// Days are made of hours. A use is written by the hour only; hours that are older than
// what is read by the hour are taken away, and in the same transaction added to their day.
// So each call stands in one of the two at any moment, and whoever wants days adds up both.
// Uses that come late, from another node or after an outage, make hours anew, which are
// moved when their turn comes.
var (
	movedUses     = sweep{"uses", "credential_id, resolution, start, application_id", "resolution = 3600 AND start < $1", keepHour}
	movedCallers  = sweep{"use_callers", "credential_id, resolution, start, address, agent", "resolution = 3600 AND start < $1", keepCallers}
	movedRefusals = sweep{"use_refusals", "credential_id, resolution, start, reason", "resolution = 3600 AND start < $1", keepHour}
)

// take deletes what a sweep chooses, at most limit rows, and reads it into what dest points
// to, with add after each row. It returns how many there were.
func (t *tx) take(s sweep, now time.Time, limit int, columns string, dest []any, add func()) (n int, err error) {
	err = t.each(dest, func() bool {
		n++
		add()
		return true
	}, `DELETE FROM `+s.table+` WHERE `+s.chosen()+` RETURNING `+columns, micros(now.Add(-s.keep)), limit)
	return n, err
}

// dayOf returns the start of the day of UTC in which a start is.
func dayOf(start int64) int64 { return start - start%byDay.Microseconds() }

func (t *tx) moveUses(now time.Time, limit int) (int, error) {
	var sums []useSum
	var u useSum
	n, err := t.take(movedUses, now, limit, `credential_id, start, application_id, accepted, refused`,
		[]any{&u.credentialID, &u.start, &u.applicationID, &u.accepted, &u.refused}, func() {
			u.resolution, u.start = seconds(byDay), dayOf(u.start)
			sums = append(sums, u)
		})
	if err != nil {
		return n, err
	}
	return n, t.addUseSums(sums)
}

func (t *tx) moveCallers(now time.Time, limit int) (int, error) {
	var sums []callerSum
	var c callerSum
	n, err := t.take(movedCallers, now, limit, `credential_id, start, address, agent, accepted, refused, last_at`,
		[]any{&c.credentialID, &c.start, &c.Address, &c.Agent, &c.Accepted, &c.Refused, toTime{&c.At}}, func() {
			c.resolution, c.start = seconds(byDay), dayOf(c.start)
			sums = append(sums, c)
		})
	if err != nil {
		return n, err
	}
	return n, t.addCallerSums(sums)
}

func (t *tx) moveRefusals(now time.Time, limit int) (int, error) {
	sums := map[refusalSpan]int64{}
	var r refusalSpan
	var count int64
	n, err := t.take(movedRefusals, now, limit, `credential_id, start, reason, count`,
		[]any{&r.credentialID, &r.start, &r.reason, &count}, func() {
			r.resolution, r.start = seconds(byDay), dayOf(r.start)
			sums[r] += count
		})
	if err != nil {
		return n, err
	}
	return n, t.addRefusalSums(sums)
}
