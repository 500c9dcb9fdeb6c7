package store

import (
	"time"

	"claviger/internal/access"
)

const (
	inviteColumns = `i.id, i.organization_id, i.email, i.role, i.token_hash, i.created_at, i.created_by, i.created_by_id, i.expires_at, i.used_at, i.withdrawn_at`

	selectOpenInvites = `SELECT ` + inviteColumns + ` FROM invites i
		WHERE i.organization_id = $1 AND i.used_at IS NULL AND i.withdrawn_at IS NULL AND i.expires_at > $2
		ORDER BY i.created_at, i.id`
)

func inviteInto(i *access.Invite) []any {
	return []any{
		&i.ID, &i.OrganizationID, &i.Email, &i.Role, &i.TokenHash,
		toTime{&i.CreatedAt},
		&i.CreatedBy, &i.CreatedByID,
		toTime{&i.ExpiresAt},
		toTime{&i.UsedAt},
		toTime{&i.WithdrawnAt},
	}
}

// InviteByToken returns the invitation whose link has a token of that hash.
func (t *tx) InviteByToken(tokenHash []byte) (i access.Invite, err error) {
	err = t.one(inviteInto(&i), `SELECT `+inviteColumns+` FROM invites i WHERE i.token_hash = $1`, blob(tokenHash))
	return i, err
}

// Invite returns the invitation with that id.
func (t *tx) Invite(id string) (i access.Invite, err error) {
	err = t.one(inviteInto(&i), `SELECT `+inviteColumns+` FROM invites i WHERE i.id = $1`, id)
	return i, err
}

// OpenInvites returns the invitations to an organization that can be taken up,
// the oldest first.
func (t *tx) OpenInvites(organizationID string, now time.Time) ([]access.Invite, error) {
	return list(t, inviteInto, selectOpenInvites, organizationID, micros(now))
}

// InsertInvite adds an invitation.
func (t *tx) InsertInvite(i access.Invite) error {
	return t.do(`INSERT INTO invites (id, organization_id, email, email_key, role, token_hash, created_at, created_by, created_by_id, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		i.ID, i.OrganizationID, i.Email, access.FoldEmail(i.Email), string(i.Role), blob(i.TokenHash), micros(i.CreatedAt), i.CreatedBy, i.CreatedByID, micros(i.ExpiresAt))
}

// UseInvite uses an invitation up, if it is open.
func (t *tx) UseInvite(id string, at time.Time) (bool, error) {
	return t.changed(`UPDATE invites SET used_at = $2
		WHERE id = $1 AND used_at IS NULL AND withdrawn_at IS NULL AND expires_at > $2`, id, micros(at))
}

// WithdrawInvite takes an invitation back that is not used.
func (t *tx) WithdrawInvite(id string, at time.Time) (bool, error) {
	return t.changed(`UPDATE invites SET withdrawn_at = $2 WHERE id = $1 AND used_at IS NULL AND withdrawn_at IS NULL`, id, micros(at))
}

// WithdrawInvites takes back all open invitations of an email to an organization.
func (t *tx) WithdrawInvites(organizationID, emailKey string, at time.Time) (int, error) {
	return t.count(`UPDATE invites SET withdrawn_at = $3
		WHERE organization_id = $1 AND email_key = $2 AND used_at IS NULL AND withdrawn_at IS NULL AND expires_at > $3`,
		organizationID, emailKey, micros(at))
}
