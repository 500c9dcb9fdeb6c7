package store

import (
	"time"

	"claviger/internal/access"
)

const userColumns = `u.id, u.email, u.email_key, u.name, u.password_hash, u.created_at, u.disabled_at, u.last_sign_in_at`

func userInto(u *access.User) []any {
	return []any{
		&u.ID, &u.Email, &u.EmailKey, &u.Name, &u.PasswordHash,
		toTime{&u.CreatedAt},
		toTime{&u.DisabledAt},
		toTime{&u.LastSignInAt},
	}
}

// User returns the user with that id.
func (t *tx) User(id string) (u access.User, err error) {
	err = t.one(userInto(&u), `SELECT `+userColumns+` FROM users u WHERE u.id = $1`, id)
	return u, err
}

// UserByEmail returns the user with that folded email.
func (t *tx) UserByEmail(emailKey string) (u access.User, err error) {
	err = t.one(userInto(&u), `SELECT `+userColumns+` FROM users u WHERE u.email_key = $1`, emailKey)
	return u, err
}

// Users returns all users by email.
func (t *tx) Users() ([]access.User, error) {
	return list(t, userInto, `SELECT `+userColumns+` FROM users u ORDER BY u.email_key`)
}

// HasOwner reports whether any organization has an owner.
func (t *tx) HasOwner() (has bool, err error) {
	err = t.one([]any{&has}, `SELECT EXISTS (SELECT 1 FROM memberships m WHERE m.role = 'owner')`)
	return has, err
}

// InsertUser adds a user, unless the email is taken.
func (t *tx) InsertUser(u access.User) (bool, error) {
	return t.changed(`INSERT INTO users (id, email, email_key, name, name_key, password_hash, created_at, disabled_at, last_sign_in_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (email_key) DO NOTHING`,
		u.ID, u.Email, u.EmailKey, u.Name, fold(u.Name), u.PasswordHash, micros(u.CreatedAt), maybe(u.DisabledAt), maybe(u.LastSignInAt))
}

// SetPassword replaces the hash of a user's password.
func (t *tx) SetPassword(userID, hash string) error {
	return t.must(`UPDATE users SET password_hash = $2 WHERE id = $1`, userID, hash)
}

// SetSignedIn notes when a user signed in.
func (t *tx) SetSignedIn(userID string, at time.Time) error {
	return t.must(`UPDATE users SET last_sign_in_at = $2 WHERE id = $1`, userID, micros(at))
}

// DisableUser disables a user who is not disabled yet.
func (t *tx) DisableUser(userID string, at time.Time) (bool, error) {
	return t.end(access.EndedUser, at, userID, `UPDATE users SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL`, userID, micros(at))
}

// EnableUser enables a user who is disabled.
func (t *tx) EnableUser(userID string) (bool, error) {
	return t.changed(`UPDATE users SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL`, userID)
}

// SetupLink returns the one-time link that makes the first owner.
func (t *tx) SetupLink() (l access.SetupLink, err error) {
	err = t.one([]any{&l.TokenHash, toTime{&l.ExpiresAt}, toTime{&l.UsedAt}},
		`SELECT token_hash, expires_at, used_at FROM setup_link WHERE id = 1`)
	return l, err
}

// PutSetupLink replaces the set-up link.
func (t *tx) PutSetupLink(l access.SetupLink) error {
	return t.do(`INSERT INTO setup_link (id, token_hash, expires_at, used_at) VALUES (1, $1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at, used_at = excluded.used_at`,
		blob(l.TokenHash), micros(l.ExpiresAt), maybe(l.UsedAt))
}

// UseSetupLink uses the link up, if it is this one, unused and not over.
func (t *tx) UseSetupLink(tokenHash []byte, at time.Time) (bool, error) {
	return t.changed(`UPDATE setup_link SET used_at = $2
		WHERE id = 1 AND token_hash = $1 AND used_at IS NULL AND expires_at > $2`, blob(tokenHash), micros(at))
}

// Spend counts one attempt against a key. Its window lasts length from the first
// attempt, that moment excluded; the next attempt begins another one.
func (t *tx) Spend(key string, now time.Time, length time.Duration) (count int, since time.Time, err error) {
	err = t.one([]any{&count, toTime{&since}}, `INSERT INTO throttles (subject, attempts, since) VALUES ($1, 1, $2)
		ON CONFLICT (subject) DO UPDATE SET
			attempts = CASE WHEN throttles.since <= $3 THEN 1 ELSE throttles.attempts + 1 END,
			since = CASE WHEN throttles.since <= $3 THEN excluded.since ELSE throttles.since END
		RETURNING attempts, since`, key, micros(now), micros(now.Add(-length)))
	return count, since, err
}

// Refund takes one attempt back, if there is one.
func (t *tx) Refund(key string) error {
	return t.do(`UPDATE throttles SET attempts = attempts - 1 WHERE subject = $1 AND attempts > 0`, key)
}
