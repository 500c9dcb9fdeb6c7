package store

import (
	"errors"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// This file is what hangs on the server's keys, and how it moves from one to another.

// selectUnderKey asks for the ids of what lives, and hangs on a key, in the words of
// the indexes credentials_live_by_key and access_tokens_live_by_key.
func selectUnderKey(table, keyID string, now time.Time, limit int) (string, []any) {
	w := &conditions{}
	w.add(`t.revoked_at IS NULL AND t.key_id = ? AND (t.expires_at IS NULL OR t.expires_at > ?)`, keyID, micros(now))
	return `SELECT t.id FROM ` + table + ` t` + w.where() + atMost(limit), w.args
}

// byDigests reads the row that hangs on one of the digests of a secret, by a question for
// one of them in which the table has an alias. The likeliest is asked for alone. The others
// are not asked for one after the other, but all at once, the first again: between two
// questions the row may be moved from a digest that is still to be asked for to one that
// was, and what is good would not be found.
func (t *tx) byDigests(into []any, one, alias string, digests []secret.Digest) error {
	if len(digests) == 0 {
		return access.ErrNoRow
	}
	err := t.one(into, one, blob(digests[0].Sum), digests[0].KeyID)
	if len(digests) == 1 || !errors.Is(err, access.ErrNoRow) {
		return err
	}
	text, args := selectByDigests(one, alias, digests)
	return t.one(into, text, args...)
}

func selectByDigests(one, alias string, digests []secret.Digest) (string, []any) {
	w := &conditions{args: []any{blob(digests[0].Sum), digests[0].KeyID}}
	for _, d := range digests[1:] {
		one += ` OR ` + alias + `.digest = ` + w.arg(blob(d.Sum)) + ` AND ` + alias + `.key_id = ` + w.arg(d.KeyID)
	}
	return one, w.args
}

// KeyRetired reports whether a key was retired.
func (t *tx) KeyRetired(id string) (retired bool, err error) {
	err = t.one([]any{&retired}, `SELECT EXISTS (SELECT 1 FROM key_checks k WHERE k.key_id = $1 AND k.retired_at IS NOT NULL)`, id)
	return retired, err
}

// RetireKey notes that a key is retired. One that came while nodes ran is not known yet.
func (t *tx) RetireKey(id string, at time.Time) error {
	return t.do(`INSERT INTO key_checks (key_id, digest, retired_at) VALUES ($1, $2, $3) ON CONFLICT (key_id) DO UPDATE SET retired_at = excluded.retired_at`,
		id, []byte("retired"), micros(at))
}

// CountUnderKey counts what lives and hangs on a key: credentials and access tokens,
// each up to most.
func (t *tx) CountUnderKey(keyID string, now time.Time, most int) (credentials, accessTokens int, err error) {
	for table, into := range map[string]*int{"credentials": &credentials, "access_tokens": &accessTokens} {
		text, args := selectUnderKey(table, keyID, now, most)
		if err := t.one([]any{into}, `SELECT COUNT(*) FROM (`+text+`) AS found`, args...); err != nil {
			return 0, 0, err
		}
	}
	return credentials, accessTokens, nil
}

// CredentialsUnderKey returns some of the live credentials that hang on a key.
func (t *tx) CredentialsUnderKey(keyID string, now time.Time, limit int) ([]access.Credential, error) {
	text, args := selectUnderKey("credentials", keyID, now, limit)
	return list(t, credentialInto, `SELECT `+credentialColumns+` FROM credentials c WHERE c.id IN (`+text+`) ORDER BY c.created_at, c.id`, args...)
}

const selectNextKey = `SELECT COALESCE(MIN(k.id), '') FROM (
	SELECT MIN(c.key_id) AS id FROM credentials c WHERE c.revoked_at IS NULL AND c.key_id > $1
	UNION ALL SELECT MIN(a.key_id) FROM access_tokens a WHERE a.revoked_at IS NULL AND a.key_id > $1) AS k`

// KeyIDs returns the ids of all keys on which something hangs that is not revoked, by
// walking from one to the next in the index.
func (t *tx) KeyIDs() ([]string, error) {
	seen, last := []string{}, ""
	for {
		if err := t.one([]any{&last}, selectNextKey, last); err != nil {
			return nil, err
		}
		if last == "" {
			return seen, nil
		}
		seen = append(seen, last)
	}
}

// SealedCredentials returns Basic credentials that are not disabled, by the ids of
// their applications, after one of them.
func (t *tx) SealedCredentials(afterApplicationID string, limit int) ([]access.Credential, error) {
	w := &conditions{}
	w.add(`c.kind = 'basic' AND c.application_id > ? AND c.revoked_at IS NULL`, afterApplicationID)
	return list(t, credentialInto, `SELECT `+credentialColumns+` FROM credentials c`+w.where()+` ORDER BY c.application_id`+atMost(limit), w.args...)
}

// Redigest gives credentials and access tokens the digest of the same secret under
// another key, each if it still has the one that it was found by.
func (t *tx) Redigest(changes []access.Redigest) error {
	for _, c := range changes {
		table := "credentials"
		if c.AccessToken {
			table = "access_tokens"
		}
		err := t.do(`UPDATE `+table+` SET digest = $2, key_id = $3 WHERE id = $1 AND digest = $4 AND key_id = $5`,
			c.ID, blob(c.To.Sum), c.To.KeyID, blob(c.From.Sum), c.From.KeyID)
		if err != nil {
			return err
		}
	}
	return nil
}

// Reseal replaces a credential's sealed copy by one of the same secret under another
// key, if it still is that copy.
func (t *tx) Reseal(id string, from, to []byte) (bool, error) {
	return t.changed(`UPDATE credentials SET sealed = $2 WHERE id = $1 AND sealed = $3 AND revoked_at IS NULL`, id, blob(to), blob(from))
}

// SignCheckpoint replaces the signature of one of the audit chain's checkpoints.
func (t *tx) SignCheckpoint(seq int64, signature string) error {
	return t.must(`UPDATE audit_checkpoints SET signature = $2 WHERE seq = $1`, seq, signature)
}
