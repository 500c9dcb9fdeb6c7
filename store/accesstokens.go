package store

import (
	"maps"
	"slices"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

const (
	accessTokenColumns = `a.id, a.organization_id, a.application_id, a.credential_id, a.user_id, a.asked_by, a.grant_type, a.scopes, a.prefix,
		a.last4, a.key_id, a.digest, a.issued_at, a.expires_at, a.revoked_at, a.last_used_at`

	selectAccessTokenByDigest = `SELECT ` + accessTokenColumns + ` FROM access_tokens a WHERE a.digest = $1 AND a.key_id = $2`
)

func accessTokenInto(a *access.AccessToken) []any {
	return []any{
		&a.ID,
		toText{&a.OrganizationID},
		toText{&a.ApplicationID},
		toText{&a.CredentialID},
		toText{&a.UserID},
		toText{&a.AskedBy},
		&a.Grant,
		toScopes{&a.Scopes},
		&a.Prefix, &a.Last4, &a.Digest.KeyID, &a.Digest.Sum,
		toTime{&a.IssuedAt},
		toTime{&a.ExpiresAt},
		toTime{&a.RevokedAt},
		toTime{&a.LastUsedAt},
	}
}

// AccessToken returns the access token with that id.
func (t *tx) AccessToken(id string) (a access.AccessToken, err error) {
	err = t.one(accessTokenInto(&a), `SELECT `+accessTokenColumns+` FROM access_tokens a WHERE a.id = $1`, id)
	return a, err
}

// AccessTokenByDigests returns the access token, in whatever state, whose secret
// has one of the digests.
func (t *tx) AccessTokenByDigests(digests []secret.Digest) (a access.AccessToken, err error) {
	err = t.byDigests(accessTokenInto(&a), selectAccessTokenByDigest, "a", digests)
	return a, err
}

// AccessTokens returns the live access tokens of a client or of a user, the
// latest issued first.
func (t *tx) AccessTokens(f access.AccessTokenFilter) ([]access.AccessToken, error) {
	text, args := selectAccessTokens(f)
	return list(t, accessTokenInto, text, args...)
}

func selectAccessTokens(f access.AccessTokenFilter) (string, []any) {
	w := &conditions{}
	w.add(`a.revoked_at IS NULL AND a.expires_at > ?`, micros(f.Now))
	issuedTo(w, f)
	text := `SELECT ` + accessTokenColumns + ` FROM access_tokens a` + w.where() + ` ORDER BY a.issued_at DESC, a.id DESC`
	return text + atMost(f.Limit), w.args
}

// issuedTo adds the conditions that say to which client or user, and for where.
func issuedTo(w *conditions, f access.AccessTokenFilter) {
	if f.CredentialID != "" {
		w.add(`a.credential_id = ?`, f.CredentialID)
	} else {
		w.add(`a.user_id = ?`, f.UserID)
	}
	ofOrganization(w, f.OrganizationID)
}

// ofOrganization leaves out access tokens that are bound to another organization.
func ofOrganization(w *conditions, organizationID string) {
	if organizationID != "" {
		w.add(`(a.organization_id = ? OR a.organization_id IS NULL)`, organizationID)
	}
}

// CountAccessTokens counts the live access tokens of clients and users, by ids.
func (t *tx) CountAccessTokens(ids []string, organizationID string, now time.Time) (map[string]int, error) {
	out := map[string]int{}
	for some := range slices.Chunk(ids, lookup) {
		for _, column := range []string{"credential_id", "user_id"} {
			w := &conditions{}
			w.add(`a.revoked_at IS NULL AND a.expires_at > ?`, micros(now))
			w.add(`a.` + column + ` IN ` + w.places(some))
			ofOrganization(w, organizationID)
			var id string
			var n int
			err := t.each([]any{&id, &n}, func() bool { out[id] += n; return true },
				`SELECT a.`+column+`, COUNT(*) FROM access_tokens a`+w.where()+` GROUP BY a.`+column, w.args...)
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// InsertAccessToken adds an access token.
func (t *tx) InsertAccessToken(a access.AccessToken) error {
	return t.do(`INSERT INTO access_tokens (id, organization_id, application_id, credential_id, user_id, asked_by, grant_type, scopes, prefix, last4,
			key_id, digest, issued_at, expires_at, revoked_at, last_used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		a.ID, ref(a.OrganizationID), ref(a.ApplicationID), ref(a.CredentialID), ref(a.UserID), ref(a.AskedBy), string(a.Grant), scopesText(a.Scopes), a.Prefix, a.Last4,
		a.Digest.KeyID, blob(a.Digest.Sum), micros(a.IssuedAt), micros(a.ExpiresAt), maybe(a.RevokedAt), maybe(a.LastUsedAt))
}

// RevokeAccessToken ends an access token that is not revoked yet.
func (t *tx) RevokeAccessToken(id string, at time.Time, by, reason string) (bool, error) {
	return t.end(access.EndedAccessToken, at, id, `UPDATE access_tokens SET revoked_at = $2, revoked_by = $3, revoked_reason = $4
		WHERE id = $1 AND revoked_at IS NULL`, id, micros(at), by, reason)
}

// RevokeAccessTokens ends all live access tokens that a filter chooses.
func (t *tx) RevokeAccessTokens(f access.AccessTokenFilter, by, reason string) (int, error) {
	w := &conditions{}
	set := w.arg(micros(f.Now)) + `, revoked_by = ` + w.arg(by) + `, revoked_reason = ` + w.arg(reason)
	w.add(`a.revoked_at IS NULL AND a.expires_at > ?`, micros(f.Now))
	issuedTo(w, f)
	into := func(id *string) []any { return []any{id} }
	ids, err := list(t, into, `UPDATE access_tokens AS a SET revoked_at = `+set+w.where()+` RETURNING id`, w.args...)
	if err != nil {
		return 0, err
	}
	return len(ids), t.ended(access.EndedAccessToken, f.Now, ids...)
}

// UsedAccessTokens notes when access tokens were last used.
func (t *tx) UsedAccessTokens(last map[string]time.Time) error {
	for _, id := range slices.Sorted(maps.Keys(last)) {
		_, err := t.changed(`UPDATE access_tokens SET last_used_at = $2
			WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)`, id, micros(last[id]))
		if err != nil {
			return err
		}
	}
	return nil
}
