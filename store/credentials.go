package store

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

const (
	credentialColumns = `c.id, c.organization_id, c.application_id, c.user_id, c.kind, c.label, c.scopes, c.prefix, c.last4,
		c.key_id, c.digest, c.sealed, c.allowed, c.rate_per_second, c.rate_burst, c.nonce, c.replaces, c.created_at, c.created_by,
		c.expires_at, c.paused_at, c.revoked_at, c.revoked_by, c.revoked_reason, c.unconfirmed_at`

	selectReplacing = `SELECT ` + credentialColumns + ` FROM credentials c
		WHERE c.replaces = $1 AND c.replaces <> '' ORDER BY c.created_at DESC, c.id DESC LIMIT 1`

	selectByDigest = `SELECT ` + credentialColumns + ` FROM credentials c WHERE c.digest = $1 AND c.key_id = $2`

	insertCredential = `INSERT INTO credentials (id, organization_id, application_id, user_id, kind, label, label_key, scopes,
			prefix, last4, shown_key, key_id, digest, sealed, allowed, rate_per_second, rate_burst, nonce, replaces, created_at, created_by,
			expires_at, paused_at, revoked_at, revoked_by, revoked_reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)`
)

// nonceMemory is how long the nonce of a form is remembered: longer than any
// form that carries one is accepted.
const nonceMemory = 30 * 24 * time.Hour

func credentialInto(c *access.Credential) []any {
	return []any{
		&c.ID, &c.OrganizationID,
		toText{&c.ApplicationID},
		toText{&c.UserID},
		&c.Kind, &c.Label,
		toScopes{&c.Restriction},
		&c.Prefix, &c.Last4,
		&c.Digest.KeyID, &c.Digest.Sum, &c.Sealed,
		toAllowed{&c.Allowed},
		toNumber{&c.Limit.PerSecond},
		toNumber{&c.Limit.Burst},
		&c.Nonce, &c.Replaces,
		toTime{&c.CreatedAt},
		&c.CreatedBy,
		toTime{&c.ExpiresAt},
		toTime{&c.PausedAt},
		toTime{&c.RevokedAt},
		&c.RevokedBy, &c.RevokedReason,
		toTime{&c.UnconfirmedAt},
	}
}

// Credential returns the credential with that id.
func (t *tx) Credential(id string) (c access.Credential, err error) {
	err = t.one(credentialInto(&c), `SELECT `+credentialColumns+` FROM credentials c WHERE c.id = $1`, id)
	return c, err
}

// BasicOf returns the one basic credential of an application, disabled or not.
func (t *tx) BasicOf(applicationID string) (c access.Credential, err error) {
	err = t.one(credentialInto(&c), `SELECT `+credentialColumns+` FROM credentials c
		WHERE c.application_id = $1 AND c.kind = 'basic'`, applicationID)
	return c, err
}

// CredentialByDigests returns the credential, in whatever state, whose secret
// has one of the digests: those of one secret under several keys, the likeliest
// first.
func (t *tx) CredentialByDigests(digests []secret.Digest) (c access.Credential, err error) {
	err = t.byDigests(credentialInto(&c), selectByDigest, "c", digests)
	return c, err
}

// CredentialByNonce returns the credential that was made by the form with that
// nonce, within the organization: of an application, of a user, or of neither.
func (t *tx) CredentialByNonce(of access.Whose, nonce string) (c access.Credential, err error) {
	text, args := selectByNonce(of, nonce)
	err = t.one(credentialInto(&c), text, args...)
	return c, err
}

func selectByNonce(of access.Whose, nonce string) (string, []any) {
	w := &conditions{} // in the words of the index credentials_nonce
	w.add(`c.organization_id = ?`, of.OrganizationID)
	w.add(`COALESCE(c.application_id, '') = ?`, of.ApplicationID)
	w.add(`COALESCE(c.user_id, '') = ?`, of.UserID)
	w.add(`c.nonce = ? AND c.nonce <> ''`, nonce)
	return `SELECT ` + credentialColumns + ` FROM credentials c` + w.where(), w.args
}

// CredentialReplacing returns the credential that was made to replace another.
func (t *tx) CredentialReplacing(id string) (c access.Credential, err error) {
	err = t.one(credentialInto(&c), selectReplacing, id)
	return c, err
}

// whose adds the conditions that say whose credentials are meant; nobody's, where
// nothing is said.
func whose(w *conditions, of access.Whose) {
	switch {
	case of.ApplicationID != "":
		w.add(`c.application_id = ?`, of.ApplicationID)
	case of.UserID != "" && of.OrganizationID != "":
		w.add(`c.user_id = ? AND c.organization_id = ?`, of.UserID, of.OrganizationID)
	case of.UserID != "":
		w.add(`c.user_id = ?`, of.UserID)
	case of.Personal:
		w.add(`c.organization_id = ? AND c.application_id IS NULL AND c.user_id IS NOT NULL`, of.OrganizationID)
	default:
		w.add(`c.organization_id = ? AND c.application_id IS NULL AND c.user_id IS NULL`, of.OrganizationID)
	}
}

// Credentials returns the credentials that a filter chooses, newest first. With
// a Before they are the ones nearest to it.
func (t *tx) Credentials(f access.CredentialFilter) ([]access.Credential, error) {
	text, args, err := selectCredentials(f)
	if err != nil {
		return nil, err
	}
	out, err := list(t, credentialInto, text, args...)
	if set(f.Before) {
		slices.Reverse(out)
	}
	return out, err
}

func selectCredentials(f access.CredentialFilter) (string, []any, error) {
	w, err := credentialConditions(f)
	if err != nil {
		return "", nil, err
	}
	order := ` ORDER BY c.created_at DESC, c.id DESC`
	if set(f.After) {
		w.add(`(c.created_at, c.id) < (?, ?)`, micros(f.After.At), f.After.ID)
	}
	if set(f.Before) {
		w.add(`(c.created_at, c.id) > (?, ?)`, micros(f.Before.At), f.Before.ID)
		order = ` ORDER BY c.created_at, c.id`
	}
	text := `SELECT ` + credentialColumns + ` FROM credentials c` + w.where() + order
	return text + atMost(f.Limit), w.args, nil
}

// What has ended is read along two indexes, each in the order of its end: selectRevoked
// along the one, selectExpired along the other.
const (
	endedRevoked = ` FROM credentials c WHERE c.application_id = $1 AND c.revoked_at IS NOT NULL AND c.kind = `
	endedExpired = ` FROM credentials c WHERE c.application_id = $1 AND c.revoked_at IS NULL AND c.expires_at IS NOT NULL AND c.expires_at <= $2 AND c.kind = `
)

func selectRevoked(kind string, limit int) string {
	return `SELECT ` + credentialColumns + endedRevoked + kind + ` ORDER BY c.revoked_at DESC, c.id DESC` + atMost(limit)
}

func selectExpired(kind string, limit int) string {
	return `SELECT ` + credentialColumns + endedExpired + kind + ` ORDER BY c.expires_at DESC, c.id DESC` + atMost(limit)
}

func countEnded(kind string, most int) string {
	count := func(of string) string {
		return `(SELECT COUNT(*) FROM (SELECT 1` + of + kind + atMost(most) + `) AS f)`
	}
	return `SELECT ` + count(endedRevoked) + ` + ` + count(endedExpired)
}

// kindText returns a kind as it stands in a statement. There are indexes for one kind
// alone: whether they serve a parameter depends on its value, and SQLite would plan a
// statement that is kept ready anew each time that it is run.
func kindText(kind access.Kind) (string, error) {
	switch kind {
	case access.KindBasic, access.KindToken, access.KindClient, access.KindPersonal:
		return `'` + string(kind) + `'`, nil
	}
	return "", fmt.Errorf("there are no credentials of the kind %q", kind)
}

// EndedCredentials returns an application's expired and revoked credentials of a kind,
// the latest ended first.
func (t *tx) EndedCredentials(applicationID string, kind access.Kind, now time.Time, limit int) ([]access.Credential, error) {
	text, err := kindText(kind)
	if err != nil {
		return nil, err
	}
	out, err := list(t, credentialInto, selectRevoked(text, limit), applicationID)
	if err != nil {
		return nil, err
	}
	expired, err := list(t, credentialInto, selectExpired(text, limit), applicationID, micros(now))
	if err != nil {
		return nil, err
	}
	end := func(c access.Credential) time.Time {
		if c.RevokedAt.IsZero() {
			return c.ExpiresAt
		}
		return c.RevokedAt
	}
	out = append(out, expired...)
	slices.SortFunc(out, func(a, b access.Credential) int {
		return cmp.Or(end(b).Compare(end(a)), cmp.Compare(b.ID, a.ID))
	})
	return out[:min(len(out), limit)], nil
}

// CountEnded counts an application's expired and revoked credentials of a kind, up to
// most of each.
func (t *tx) CountEnded(applicationID string, kind access.Kind, now time.Time, most int) (n int, err error) {
	text, err := kindText(kind)
	if err != nil {
		return 0, err
	}
	err = t.one([]any{&n}, countEnded(text, most), applicationID, micros(now))
	return min(n, most), err
}

// CountCredentials counts the credentials that a filter chooses, up to most.
func (t *tx) CountCredentials(f access.CredentialFilter, most int) (n int, err error) {
	w, err := credentialConditions(f)
	if err != nil {
		return 0, err
	}
	text := `SELECT COUNT(*) FROM (SELECT 1 FROM credentials c` + w.where() + atMost(most) + `) AS found`
	err = t.one([]any{&n}, text, w.args...)
	return n, err
}

// credentialConditions are those of a filter but for its cursors.
func credentialConditions(f access.CredentialFilter) (*conditions, error) {
	w := &conditions{}
	whose(w, f.Whose)
	if f.Kind != "" {
		kind, err := kindText(f.Kind)
		if err != nil {
			return nil, err
		}
		w.add(`c.kind = ` + kind)
	}
	now := micros(f.Now)
	if err := stateConditions(w, f.State, now); err != nil {
		return nil, err
	}
	if f.Live {
		w.add(`c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > ?)`, now)
	}
	if f.Ended {
		w.add(`(c.revoked_at IS NOT NULL OR c.expires_at <= ?)`, now)
	}
	if !f.ExpiresBefore.IsZero() {
		w.add(`c.expires_at < ?`, micros(f.ExpiresBefore))
	}
	if f.Search != "" {
		pattern := w.arg(containing(fold(f.Search)))
		w.add(`(c.label_key LIKE ` + pattern + ` ESCAPE '\' OR c.shown_key LIKE ` + pattern + ` ESCAPE '\')`)
	}
	if f.Scope != (access.Scope{}) {
		onAny := access.Scope{API: access.AnyAPI, Action: f.Scope.Action}
		w.add(`(c.scopes = '' OR c.scopes LIKE ? ESCAPE '\' OR c.scopes LIKE ? ESCAPE '\')`,
			containing(" "+f.Scope.String()+" "), containing(" "+onAny.String()+" "))
	}
	return w, nil
}

// stateConditions say in SQL what Credential.StateAt says in Go.
func stateConditions(w *conditions, state access.State, now int64) error {
	switch state {
	case "":
	case access.Active:
		w.add(`c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > ?) AND c.paused_at IS NULL`, now)
	case access.Paused:
		w.add(`c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > ?) AND c.paused_at IS NOT NULL`, now)
	case access.Expired:
		w.add(`c.revoked_at IS NULL AND c.expires_at <= ?`, now)
	case access.Revoked:
		w.add(`c.revoked_at IS NOT NULL AND c.kind <> 'basic'`)
	case access.Disabled:
		w.add(`c.revoked_at IS NOT NULL AND c.kind = 'basic'`)
	default:
		return fmt.Errorf("filter credentials: unknown state %q", state)
	}
	return nil
}

// InsertCredential adds a credential. It is a Conflict when its id, digest or
// nonce is there already, or the application's basic credential.
func (t *tx) InsertCredential(c access.Credential) error {
	return t.do(insertCredential,
		c.ID, c.OrganizationID, ref(c.ApplicationID), ref(c.UserID), string(c.Kind), c.Label, fold(c.Label), scopesText(c.Restriction),
		c.Prefix, c.Last4, fold(c.Masked()), c.Digest.KeyID, blob(c.Digest.Sum), blob(c.Sealed), allowedText(c.Allowed),
		number(c.Limit.PerSecond), number(c.Limit.Burst), c.Nonce, c.Replaces,
		micros(c.CreatedAt), c.CreatedBy, maybe(c.ExpiresAt), maybe(c.PausedAt), maybe(c.RevokedAt), c.RevokedBy, c.RevokedReason)
}

// RenameCredential gives a credential another label.
func (t *tx) RenameCredential(id, label string) error {
	return t.must(`UPDATE credentials SET label = $2, label_key = $3 WHERE id = $1`, id, label, fold(label))
}

// RestrictCredential sets from where and how often a credential may be used.
func (t *tx) RestrictCredential(id string, allowed []netip.Prefix, l access.Limit) error {
	return t.must(`UPDATE credentials SET allowed = $2, rate_per_second = $3, rate_burst = $4 WHERE id = $1`,
		id, allowedText(allowed), number(l.PerSecond), number(l.Burst))
}

// PauseCredential pauses a credential that is neither paused nor revoked.
func (t *tx) PauseCredential(id string, at time.Time) (bool, error) {
	return t.changed(`UPDATE credentials SET paused_at = $2
		WHERE id = $1 AND paused_at IS NULL AND revoked_at IS NULL`, id, micros(at))
}

// ResumeCredential ends the pause of a credential that is not revoked.
func (t *tx) ResumeCredential(id string) (bool, error) {
	return t.changed(`UPDATE credentials SET paused_at = NULL
		WHERE id = $1 AND paused_at IS NOT NULL AND revoked_at IS NULL`, id)
}

// RevokeCredential ends a credential for good. A basic one loses its digest and
// its sealed password by the same statement; the others keep their digest, so
// that whoever uses one can be told that it was revoked.
func (t *tx) RevokeCredential(id string, at time.Time, by, reason string) (bool, error) {
	var kind access.Kind
	err := t.one([]any{&kind}, `UPDATE credentials SET revoked_at = $2, revoked_by = $3, revoked_reason = $4,
			digest = CASE WHEN kind = 'basic' THEN NULL ELSE digest END,
			key_id = CASE WHEN kind = 'basic' THEN '' ELSE key_id END,
			sealed = CASE WHEN kind = 'basic' THEN NULL ELSE sealed END
		WHERE id = $1 AND revoked_at IS NULL RETURNING kind`, id, micros(at), by, reason)
	if errors.Is(err, access.ErrNoRow) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	t.erased = t.erased || kind == access.KindBasic
	return true, t.ended(access.EndedCredential, at, id)
}

// EndCredential makes a credential that is not revoked expire no later than at.
func (t *tx) EndCredential(id string, at time.Time) (bool, error) {
	return t.end(access.ShortenedCredential, at, id, `UPDATE credentials SET expires_at = $2
		WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)`, id, micros(at))
}

// UseNonce remembers a nonce and reports whether it was new. In passing it
// forgets some of those that are long past.
func (t *tx) UseNonce(nonce string, at time.Time) (bool, error) {
	err := t.do(`DELETE FROM nonces WHERE nonce IN (SELECT n.nonce FROM nonces n WHERE n.used_at < $1 ORDER BY n.used_at LIMIT 100)`,
		micros(at.Add(-nonceMemory)))
	if err != nil {
		return false, err
	}
	return t.changed(`INSERT INTO nonces (nonce, used_at) VALUES ($1, $2) ON CONFLICT (nonce) DO NOTHING`, nonce, micros(at))
}

// set reports whether a cursor is a place at all.
func set(c access.Cursor) bool { return c.ID != "" || !c.At.IsZero() }
