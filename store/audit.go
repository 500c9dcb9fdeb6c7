package store

import (
	"time"

	"claviger/internal/access"
)

// This file is what vouches for the database as a whole: the chain as it is walked,
// checkpoints, and what ended for good.

// committed tells, after a commit and before it is acknowledged, what must also be
// known outside the database by then. Where that fails, the change has happened.
func (s *Store) committed(t *tx) error {
	if s.tell == nil || t.commit.Head.Seq == 0 && len(t.commit.Ended) == 0 {
		return nil
	}
	if err := s.tell(t.commit); err != nil {
		return &access.Error{
			Kind:    access.Unavailable,
			Done:    true,
			Message: "It was done, but could not be noted beside the database. Look at the log before you go on.",
			Err:     err,
		}
	}
	return nil
}

// ended writes down what has just ended for good.
func (t *tx) ended(kind access.EndingKind, at time.Time, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	n, err := t.LastEnding()
	if err != nil {
		return err
	}
	insert, err := t.prepare(`INSERT INTO endings (n, at, kind, id) VALUES ($1, $2, $3, $4)`)
	if err != nil {
		return err
	}
	for _, id := range ids {
		n++
		if err := insert(n, micros(at), string(kind), id); err != nil {
			return err
		}
		t.commit.Ended = append(t.commit.Ended, access.Ending{N: n, At: at, Kind: kind, ID: id})
	}
	return nil
}

// end runs a change that ends one thing for good, and writes that down if it happened.
func (t *tx) end(kind access.EndingKind, at time.Time, id, text string, args ...any) (bool, error) {
	changed, err := t.changed(text, args...)
	if err != nil || !changed {
		return false, err
	}
	return true, t.ended(kind, at, id)
}

// SkipEndings lets the endings to come have higher numbers than n.
func (t *tx) SkipEndings(n int64, at time.Time) error {
	last, err := t.LastEnding()
	if err != nil || last > n {
		return err
	}
	e := access.Ending{N: n + 1, At: at, Kind: access.EndedNothing}
	t.commit.Ended = append(t.commit.Ended, e)
	return t.do(`INSERT INTO endings (n, at, kind, id) VALUES ($1, $2, $3, $4)`, e.N, micros(e.At), string(e.Kind), e.ID)
}

// LastEnding returns the number of the last ending, 0 if there is none.
func (t *tx) LastEnding() (n int64, err error) {
	err = t.one([]any{&n}, `SELECT COALESCE(MAX(n), 0) FROM endings`)
	return n, err
}

// EndingsAfter returns endings with higher numbers than n, in order.
func (t *tx) EndingsAfter(n int64, limit int) ([]access.Ending, error) {
	into := func(e *access.Ending) []any { return []any{&e.N, toTime{&e.At}, &e.Kind, &e.ID} }
	return list(t, into, `SELECT n, at, kind, id FROM endings WHERE n > $1 ORDER BY n LIMIT $2`, n, limit)
}

// EventsAfter returns events with higher numbers than seq, the oldest first.
func (t *tx) EventsAfter(seq int64, limit int) ([]access.Event, error) {
	return list(t, eventInto, `SELECT `+eventColumns+` FROM events e WHERE e.seq > $1 ORDER BY e.seq LIMIT $2`, seq, limit)
}

// OddEvent returns the number of the first event of another encoding, 0 if there is none.
func (t *tx) OddEvent(encoding string) (seq int64, err error) {
	err = t.one([]any{&seq}, `SELECT COALESCE(MIN(seq), 0) FROM events WHERE encoding <> $1`, encoding)
	return seq, err
}

// DeleteEvents deletes the events up to a number, and returns how many those were.
func (t *tx) DeleteEvents(through int64) (int, error) {
	return t.count(`DELETE FROM events WHERE seq <= $1`, through)
}

// Checkpoint returns the latest checkpoint.
func (t *tx) Checkpoint() (c access.Checkpoint, err error) {
	err = t.one([]any{&c.Head.Seq, &c.Head.Hash, toTime{&c.Head.At}, &c.Count, toTime{&c.PrunedAt}, &c.Signature},
		`SELECT seq, hash, at, count, pruned_at, signature FROM audit_checkpoints ORDER BY seq DESC LIMIT 1`)
	return c, err
}

// InsertCheckpoint adds a checkpoint.
func (t *tx) InsertCheckpoint(c access.Checkpoint) error {
	return t.do(`INSERT INTO audit_checkpoints (seq, hash, at, count, pruned_at, signature) VALUES ($1, $2, $3, $4, $5, $6)`,
		c.Head.Seq, blob(c.Head.Hash), micros(c.Head.At), c.Count, micros(c.PrunedAt), c.Signature)
}

// EndAllSessions ends every session.
func (t *tx) EndAllSessions(at time.Time) (int, error) {
	return t.count(`UPDATE sessions SET ended_at = $1 WHERE ended_at IS NULL AND expires_at > $1`, micros(at))
}

// WithdrawAllInvites takes back every open invitation.
func (t *tx) WithdrawAllInvites(at time.Time) (int, error) {
	return t.count(`UPDATE invites SET withdrawn_at = $1 WHERE used_at IS NULL AND withdrawn_at IS NULL AND expires_at > $1`, micros(at))
}

// RevokeAllAccessTokens ends every live access token. These are no endings that a file
// beside the database has to list: whatever brings them back does this again.
func (t *tx) RevokeAllAccessTokens(at time.Time, by, reason string) (int, error) {
	return t.count(`UPDATE access_tokens SET revoked_at = $1, revoked_by = $2, revoked_reason = $3
		WHERE revoked_at IS NULL AND expires_at > $1`, micros(at), by, reason)
}

// live are the conditions of a credential that is neither revoked nor expired at $1.
const live = `revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)`

// MarkUnconfirmed marks all live credentials.
func (t *tx) MarkUnconfirmed(at time.Time) (int, error) {
	return t.count(`UPDATE credentials SET unconfirmed_at = $1 WHERE `+live, micros(at))
}

// ConfirmCredential takes the mark off a credential that is not revoked.
func (t *tx) ConfirmCredential(id string) (bool, error) {
	return t.changed(`UPDATE credentials SET unconfirmed_at = NULL WHERE id = $1 AND unconfirmed_at IS NOT NULL AND revoked_at IS NULL`, id)
}

// UnconfirmedCredentials returns live credentials that are marked.
func (t *tx) UnconfirmedCredentials(now time.Time) ([]access.Credential, error) {
	return list(t, credentialInto, `SELECT `+credentialColumns+` FROM credentials c
		WHERE c.unconfirmed_at IS NOT NULL AND `+live+` ORDER BY c.created_at, c.id`, micros(now))
}
