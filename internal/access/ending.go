package access

import "time"

// EndingKind says what it is that ended for good.
type EndingKind string

// The kinds of endings. A file outside the database holds them: their names never
// change.
const (
	EndedCredential     EndingKind = "credential"   // revoked; of Basic: disabled and erased
	ShortenedCredential EndingKind = "expiry"       // a credential expires at At, sooner than it would have
	EndedAccessToken    EndingKind = "access-token" // revoked
	EndedUser           EndingKind = "user"         // disabled
	EndedMembership     EndingKind = "membership"   // removed; the ID is "ORGANIZATION/USER"
	EndedNothing        EndingKind = "none"         // only keeps numbers going up, after a restore
)

// Ending is one thing that ended for good. The store writes it down in the
// transaction that ends it, and numbers it: 1, 2, 3 … with gaps after a restore.
type Ending struct {
	N    int64
	At   time.Time
	Kind EndingKind
	ID   string
}

// Commit is what a store tells of a transaction that has just been committed and is
// not acknowledged yet: what must also be known outside the database by then.
type Commit struct {
	Head  EventHead // the end of the chain; zero = no event was added
	Ended []Ending  // in order
}

// AuditReader asks for what vouches for the database as a whole.
type AuditReader interface {
	EventsAfter(seq int64, limit int) ([]Event, error) // the oldest first
	// OddEvent returns the number of the first event of another encoding, 0 if there is none.
	OddEvent(encoding string) (int64, error)
	Checkpoint() (Checkpoint, error) // the latest, ErrNoRow if no event was ever moved out
	LastEnding() (int64, error)      // its number, 0 if there is none
	EndingsAfter(n int64, limit int) ([]Ending, error)
	UnconfirmedCredentials(now time.Time) ([]Credential, error) // that are live at now; the oldest first
	ShipCursor(target string) (ShipCursor, error)
}

// ShipWriter changes how far events have been shipped.
type ShipWriter interface {
	// HoldShipping makes a node the one that ships to a target, if the one that did is
	// still from, or if nothing was ever shipped there.
	HoldShipping(target, from, to string) (bool, error)
	MoveShipCursor(target, holder string, seq int64, at time.Time) (bool, error) // if it is held by that node, and forward
}

// AuditWriter changes what a restore or the pruning of events changes.
type AuditWriter interface {
	InsertCheckpoint(Checkpoint) error
	DeleteEvents(through int64) (int, error) // those up to a number
	// SkipEndings lets the endings to come have higher numbers than n.
	SkipEndings(n int64, at time.Time) error
	EndAllSessions(at time.Time) (int, error)
	WithdrawAllInvites(at time.Time) (int, error) // the open ones
	RevokeAllAccessTokens(at time.Time, by, reason string) (int, error)
	// MarkUnconfirmed marks all credentials that are neither revoked nor expired.
	MarkUnconfirmed(at time.Time) (int, error)
	ConfirmCredential(id string) (bool, error) // if it is unconfirmed and not revoked
}
