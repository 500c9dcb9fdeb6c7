package store

import "time"

// CountSessions counts the sessions that have neither been ended nor are over.
func (t *tx) CountSessions(now time.Time) (n int, err error) {
	err = t.one([]any{&n}, `SELECT COUNT(*) FROM sessions s WHERE s.expires_at > $1 AND s.ended_at IS NULL`, micros(now))
	return n, err
}
