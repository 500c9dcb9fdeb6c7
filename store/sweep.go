package store

import "time"

// How long things are kept after their end, and uses after their time; what stands by
// the hour is moved to its day then.
const (
	keepEnded    = 30 * 24 * time.Hour
	keepThrottle = 2 * 24 * time.Hour // longer than any window that is of use
	keepMinute   = 2 * 24 * time.Hour
	keepHour     = 32 * 24 * time.Hour
	keepCallers  = 2 * 24 * time.Hour // by the hour: nobody reads more than the last 24
	keepDay      = 400 * 24 * time.Hour
)

// sweep says what is deleted of a table, whose keys these are: the rows that meet the
// condition, in which $1 is the time that is kept from.
type sweep struct {
	table, keys, condition string
	keep                   time.Duration
}

// sweeps is everything that is deleted in time. A session that was signed out of ends
// then; one that was not, at the end of its life.
var sweeps = []sweep{
	{"access_tokens", "id", "expires_at < $1", keepEnded},
	{"sessions", "id", "expires_at < $1", keepEnded},
	{"invites", "id", "expires_at < $1", keepEnded},
	{"setup_link", "id", "expires_at < $1", keepEnded},
	{"throttles", "subject", "since < $1", keepThrottle},
	{"endings", "n", "at < $1 AND n < (SELECT MAX(n) FROM endings)", keepEnded},
	{"nonces", "nonce", "used_at < $1", nonceMemory},
	{"uses", "credential_id, resolution, start, application_id", "resolution = 60 AND start < $1", keepMinute},
	{"uses", "credential_id, resolution, start, application_id", "resolution = 86400 AND start < $1", keepDay},
	{"use_callers", "credential_id, resolution, start, address, agent", "resolution = 86400 AND start < $1", keepDay},
	{"use_refusals", "credential_id, resolution, start, reason", "resolution = 86400 AND start < $1", keepDay},
	{"application_uses", "application_id, resolution, start", "resolution = 60 AND start < $1", keepMinute},
	{"application_uses", "application_id, resolution, start", "resolution = 3600 AND start < $1", keepHour},
	{"application_uses", "application_id, resolution, start", "resolution = 86400 AND start < $1", keepDay},
}

// Sweep deletes at most limit rows that nobody needs any more, those that it has moved
// from hours to days among them.
func (t *tx) Sweep(now time.Time, limit int) (total int, err error) {
	moves := []func(time.Time, int) (int, error){t.moveUses, t.moveCallers, t.moveRefusals}
	for i := 0; i < len(moves) && total < limit; i++ {
		n, err := moves[i](now, limit-total)
		if err != nil {
			return total, err
		}
		total += n
	}
	for i := 0; i < len(sweeps) && total < limit; i++ {
		s := sweeps[i]
		n, err := t.count(`DELETE FROM `+s.table+` WHERE `+s.chosen(), micros(now.Add(-s.keep)), limit-total)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// chosen chooses at most $2 rows.
func (s sweep) chosen() string {
	return `(` + s.keys + `) IN (SELECT ` + s.keys + ` FROM ` + s.table + ` WHERE ` + s.condition + ` LIMIT $2)`
}
