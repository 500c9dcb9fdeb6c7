package access

import (
	"time"

	"claviger/internal/secret"
)

// Grant is the way in which an access token was got (RFC 6749 §1.3).
type Grant string

// The grants that are served.
const (
	ClientCredentials Grant = "client_credentials"
	PasswordGrant     Grant = "password"
)

// AccessToken is a short-lived bearer token, issued to a client or to a user. What
// it may do is judged at each request: its own scopes, those of its client, or the
// role that its user has at that moment.
type AccessToken struct {
	ID             string
	OrganizationID string // empty: any organization of its user
	ApplicationID  string // empty: any application that its client or user reaches
	CredentialID   string // of the client it was issued to; empty = a user's
	UserID         string // of the user whose permission it carries; empty = a client's
	AskedBy        string // id of the client that a user's token was asked through; may be empty
	Grant          Grant
	Scopes         Scopes // empty = no restriction of its own
	Prefix         string
	Last4          string
	Digest         secret.Digest
	IssuedAt       time.Time
	ExpiresAt      time.Time
	RevokedAt      time.Time // zero = not
	LastUsedAt     time.Time // zero = never
}

// StateAt returns the access token's own state at now.
func (t AccessToken) StateAt(now time.Time) State {
	switch {
	case !t.RevokedAt.IsZero():
		return Revoked
	case !now.Before(t.ExpiresAt):
		return Expired
	}
	return Active
}

// Masked returns what lists show of the secret.
func (t AccessToken) Masked() string { return t.Prefix + "…" + t.Last4 }

// Invite lets somebody become a member of an organization, once.
type Invite struct {
	ID             string
	OrganizationID string
	Email          string
	Role           Role
	TokenHash      []byte
	CreatedAt      time.Time
	CreatedBy      string
	CreatedByID    string // of the user who invites; empty = an operator
	ExpiresAt      time.Time
	UsedAt         time.Time // zero = not
	WithdrawnAt    time.Time // zero = not
}

// openAt reports whether the invitation can be taken up at now.
func (i Invite) openAt(now time.Time) bool {
	return i.UsedAt.IsZero() && i.WithdrawnAt.IsZero() && now.Before(i.ExpiresAt)
}
