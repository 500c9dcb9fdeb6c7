package store

import (
	"slices"
	"time"

	"claviger/internal/access"
)

const (
	sessionColumns = `s.id, s.user_id, s.token_hash, s.previous_hash, s.rotated_at, s.created_at, s.seen_at,
		s.password_at, s.expires_at, s.ended_at, s.address, s.agent, s.data`
	elevationColumns = `v.id, v.session_id, v.user_id, v.organization_id, v.application_id, v.reason, v.started_at, v.until, v.ended_at`

	selectSessionByToken = `SELECT ` + sessionColumns + ` FROM sessions s
		WHERE (s.token_hash = $1 OR s.previous_hash = $1) AND s.ended_at IS NULL`

	selectSessionsOf = `SELECT ` + sessionColumns + ` FROM sessions s
		WHERE s.user_id = $1 AND s.ended_at IS NULL AND s.expires_at > $2 ORDER BY s.created_at DESC, s.id DESC`

	selectCurrentElevation = `SELECT ` + elevationColumns + ` FROM elevations v
		WHERE v.session_id = $1 AND v.ended_at IS NULL ORDER BY v.started_at DESC, v.id DESC LIMIT 1`

	selectReasons = `SELECT v.reason FROM elevations v WHERE v.user_id = $1 ORDER BY v.started_at DESC, v.id DESC`
)

func sessionInto(s *access.Session) []any {
	return []any{
		&s.ID, &s.UserID, &s.TokenHash, &s.PreviousHash,
		toTime{&s.RotatedAt},
		toTime{&s.CreatedAt},
		toTime{&s.SeenAt},
		toTime{&s.PasswordAt},
		toTime{&s.ExpiresAt},
		toTime{&s.EndedAt},
		&s.Address, &s.Agent, &s.Data,
	}
}

func elevationInto(v *access.Elevation) []any {
	return []any{
		&v.ID, &v.SessionID, &v.UserID, &v.OrganizationID,
		toText{&v.ApplicationID},
		&v.Reason,
		toTime{&v.StartedAt},
		toTime{&v.Until},
		toTime{&v.EndedAt},
	}
}

// SessionByToken returns the session that was not ended and whose token, or the
// one before it, has that hash.
func (t *tx) SessionByToken(hash []byte) (s access.Session, err error) {
	err = t.one(sessionInto(&s), selectSessionByToken, blob(hash))
	return s, err
}

// Session returns the session with that id, ended or not.
func (t *tx) Session(id string) (s access.Session, err error) {
	err = t.one(sessionInto(&s), `SELECT `+sessionColumns+` FROM sessions s WHERE s.id = $1`, id)
	return s, err
}

// SessionsOf returns a user's sessions that are neither ended nor over, the latest
// opened first.
func (t *tx) SessionsOf(userID string, now time.Time) ([]access.Session, error) {
	var out []access.Session
	var s access.Session
	err := t.each(sessionInto(&s), func() bool {
		out = append(out, s)
		s = access.Session{}
		return true
	}, selectSessionsOf, userID, micros(now))
	return out, err
}

// InsertSession adds a session.
func (t *tx) InsertSession(s access.Session) error {
	return t.do(`INSERT INTO sessions (id, user_id, token_hash, previous_hash, rotated_at, created_at, seen_at,
			password_at, expires_at, ended_at, address, agent, data)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		s.ID, s.UserID, blob(s.TokenHash), blob(s.PreviousHash), maybe(s.RotatedAt), micros(s.CreatedAt), micros(s.SeenAt),
		maybe(s.PasswordAt), micros(s.ExpiresAt), maybe(s.EndedAt), s.Address, s.Agent, s.Data)
}

// RotateSession gives a session another token, if it was not ended and its token
// is still from.
func (t *tx) RotateSession(id string, from, to []byte, at time.Time) (bool, error) {
	return t.changed(`UPDATE sessions SET token_hash = $3, previous_hash = $2, rotated_at = $4
		WHERE id = $1 AND token_hash = $2 AND ended_at IS NULL`, id, blob(from), blob(to), micros(at))
}

// TouchSession notes when a session was last seen.
func (t *tx) TouchSession(id string, seen time.Time) error {
	return t.must(`UPDATE sessions SET seen_at = $2 WHERE id = $1`, id, micros(seen))
}

// SetSessionPassword notes when the password was last given in a session.
func (t *tx) SetSessionPassword(id string, at time.Time) error {
	return t.must(`UPDATE sessions SET password_at = $2 WHERE id = $1`, id, micros(at))
}

// SaveSessionData keeps what pages keep in a session, if it was not ended.
func (t *tx) SaveSessionData(id, data string) (bool, error) {
	return t.changed(`UPDATE sessions SET data = $2 WHERE id = $1 AND ended_at IS NULL`, id, data)
}

// EndSession ends a session that was not ended.
func (t *tx) EndSession(id string, at time.Time) (bool, error) {
	return t.changed(`UPDATE sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL`, id, micros(at))
}

// EndSessionsOf ends all sessions of a user.
func (t *tx) EndSessionsOf(userID string, at time.Time) error {
	return t.do(`UPDATE sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL`, userID, micros(at))
}

// CurrentElevation returns the latest elevation of a session that was not
// dropped, whether or not its time is over.
func (t *tx) CurrentElevation(sessionID string) (v access.Elevation, err error) {
	err = t.one(elevationInto(&v), selectCurrentElevation, sessionID)
	return v, err
}

// RecentReasons returns the reasons of a user's elevations, latest first and
// each once.
func (t *tx) RecentReasons(userID string, most int) ([]string, error) {
	var out []string
	var reason string
	if most <= 0 {
		return nil, nil
	}
	err := t.each([]any{&reason}, func() bool {
		if !slices.Contains(out, reason) {
			out = append(out, reason)
		}
		return len(out) < most
	}, selectReasons, userID)
	return out, err
}

// InsertElevation adds an elevation.
func (t *tx) InsertElevation(v access.Elevation) error {
	return t.do(`INSERT INTO elevations (id, session_id, user_id, organization_id, application_id, reason, started_at, until, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		v.ID, v.SessionID, v.UserID, v.OrganizationID, ref(v.ApplicationID), v.Reason, micros(v.StartedAt), micros(v.Until), maybe(v.EndedAt))
}

// EndElevations ends the elevations of a session that were not ended, and
// reports whether there were any.
func (t *tx) EndElevations(sessionID string, at time.Time) (bool, error) {
	return t.changed(`UPDATE elevations SET ended_at = $2 WHERE session_id = $1 AND ended_at IS NULL`, sessionID, micros(at))
}
