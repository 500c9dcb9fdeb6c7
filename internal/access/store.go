package access

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"claviger/internal/secret"
)

// ErrNoRow is what a store answers when what was asked for is not there.
var ErrNoRow = errors.New("no such row")

// Store is what the domain needs from a database. A closure may run more than
// once, and sees and changes one consistent state; it must have no effect but on
// its transaction, and ends at its first error. An error of the database itself
// comes back as an *Error of kind Unavailable.
type Store interface {
	View(ctx context.Context, read func(ReadTx) error) error
	// Lookup is View for a single question: each question of its closure sees a state of
	// its own.
	Lookup(ctx context.Context, read func(ReadTx) error) error
	Update(ctx context.Context, write func(Tx) error) error
	// Note is Update for changes that no judgement of a request depends on: what is
	// remembered of credentials stays good. Its transaction offers no others.
	Note(ctx context.Context, write func(NoteTx) error) error
	// Epoch returns a number that an Update raises after its commit and before it
	// returns. What was read after the number was asked for is true as long as the number
	// is the same, but for changes that are not acknowledged yet. ok is false where
	// that cannot be told, as without a feed of other nodes' changes.
	Epoch() (epoch uint64, ok bool)
	// Alone reports whether nobody else can change the database: then the epoch is raised
	// before anybody can know of a change, and not a moment later.
	Alone() bool
	// Nodes returns the servers that share the database, by name; nil where only one can.
	Nodes(ctx context.Context) ([]Node, error)
}

// ReadTx is what can be asked within a transaction, by families. Single things
// that are not there are ErrNoRow; lists that are empty are nil.
type ReadTx interface {
	OrganizationReader
	CredentialReader
	AccessTokenReader
	UserReader
	InviteReader
	UseReader
	EventReader
	KeyReader
	AuditReader
}

// Tx is what can be asked and changed within a transaction. Changes that are
// conditional report whether they happened.
type Tx interface {
	NoteTx
	OrganizationWriter
	CredentialWriter
	AccessTokenWriter
	UserWriter
	InviteWriter
	AuditWriter
}

// NoteTx is what can be asked within a transaction, and what can be changed without
// changing the judgement of any request that was judged before.
type NoteTx interface {
	ReadTx
	AccessTokenIssuer
	SessionWriter
	// Sweep deletes at most limit rows that nobody needs any more, and returns how many
	// it deleted: access tokens, sessions and invitations 30 days after their end; throttles
	// after two days; uses by the minute after two days, by the hour after 32 (callers after
	// two), when they are added to their day, by the day after 400. No sum over days changes
	// by that. Credentials, elevations and events stay.
	Sweep(now time.Time, limit int) (int, error)
	UseWriter
	EventWriter
	KeyWriter
	ShipWriter
}

// OrganizationReader asks for organizations, applications, APIs and members.
type OrganizationReader interface {
	Organization(slug string) (Organization, error)
	OrganizationByID(id string) (Organization, error)
	Organizations() ([]Organization, error)                // by slug
	OrganizationsOf(userID string) ([]Organization, error) // by name, then slug
	Application(organizationID, slug string) (Application, error)
	ApplicationByID(id string) (Application, error)
	Applications(organizationID string) ([]Application, error) // by name, then slug
	APIs(applicationID string) ([]API, error)                  // in the order of their making
	Membership(organizationID, userID string) (Membership, error)
	Members(organizationID string) ([]MemberUser, error) // by the user's name, then id
	// Target returns by one question what a request is judged by.
	Target(organizationSlug, applicationSlug string) (Target, error)
	// PasswordGrant reports whether an application has the password grant on: one of
	// the user's organizations, or, where userID is empty, any.
	PasswordGrant(userID string) (bool, error)
	// QueryCredentials reports whether any application takes credentials in the query.
	QueryCredentials() (bool, error)
}

// MemberUser is a membership together with its user.
type MemberUser struct {
	Membership Membership
	User       User
}

// Target is what a request wants to reach.
type Target struct {
	Organization Organization
	Application  Application
	APIs         []API
	BasicState   State // of the application's basic credential: Active, Paused or Disabled
	BasicID      string
}

// OrganizationWriter changes organizations, applications, APIs and members.
// Inserts of a slug that is taken report false.
type OrganizationWriter interface {
	InsertOrganization(Organization) (bool, error)
	InsertApplication(Application) (bool, error)
	UpdateApplication(Application) error // name, switches, default API
	InsertAPI(API) (bool, error)
	UpdateAPI(API) error // name, upstream, timeout
	InsertMembership(Membership) (bool, error)
	UpdateMembership(Membership) (bool, error) // the role; false: there is none
	DeleteMembership(organizationID, userID string, at time.Time) (bool, error)
}

// Whose is whose credentials are meant: an application's, an organization's own
// (its clients), or a user's personal tokens, of one organization or of all.
type Whose struct {
	ApplicationID  string // empty: not an application's
	OrganizationID string // of its own clients, or of personal tokens
	UserID         string // of personal tokens
	Personal       bool   // the organization's personal tokens, of all its members
}

// CredentialFilter chooses credentials, newest first.
type CredentialFilter struct {
	Whose
	Kind          Kind
	State         State     // Active, Paused, Expired or Revoked; empty = any
	Live          bool      // neither expired nor revoked
	Ended         bool      // expired or revoked
	ExpiresBefore time.Time // zero = whenever
	Search        string    // part of the label (folded), or of what is shown of the secret
	Scope         Scope     // zero = any; else whose restriction allows it
	After         Cursor    // only older ones than this; zero = from the newest
	Before        Cursor    // only newer ones than this, the nearest first reversed; zero = no
	Limit         int
	Now           time.Time // by which states are computed
}

// Cursor is a place in a list that is ordered by time and id.
type Cursor struct {
	At time.Time
	ID string
}

// CredentialReader asks for credentials.
type CredentialReader interface {
	Credential(id string) (Credential, error)
	BasicOf(applicationID string) (Credential, error)
	CredentialByDigests([]secret.Digest) (Credential, error)
	// CredentialByNonce returns the one made by the form with that nonce, of just that
	// organization, application and user; the last two may be empty.
	CredentialByNonce(w Whose, nonce string) (Credential, error)
	CredentialReplacing(id string) (Credential, error)  // the one that was made to replace it
	Credentials(CredentialFilter) ([]Credential, error) // always newest first
	// EndedCredentials returns an application's expired and revoked credentials of a
	// kind, the latest ended first; CountEnded counts them, up to most of each.
	EndedCredentials(applicationID string, kind Kind, now time.Time, limit int) ([]Credential, error)
	CountEnded(applicationID string, kind Kind, now time.Time, most int) (int, error)
	// CountCredentials counts up to most (the filter's cursors and Limit do not matter).
	CountCredentials(f CredentialFilter, most int) (int, error)
}

// CredentialWriter changes credentials. The conditional changes report whether
// the credential was in a state in which they could happen.
type CredentialWriter interface {
	InsertCredential(Credential) error
	RenameCredential(id, label string) error
	RestrictCredential(id string, allowed []netip.Prefix, l Limit) error
	PauseCredential(id string, at time.Time) (bool, error)                     // if neither paused nor revoked
	ResumeCredential(id string) (bool, error)                                  // if paused and not revoked
	RevokeCredential(id string, at time.Time, by, reason string) (bool, error) // if not revoked; basic: erases digest and sealed copy
	// EndCredential makes a credential expire at a time, if it is not revoked and
	// would live longer.
	EndCredential(id string, at time.Time) (bool, error)
	// UseNonce remembers the nonce of a form that was carried out, and reports
	// false where it was known already. Nonces are forgotten after their time.
	UseNonce(nonce string, at time.Time) (bool, error)
}

// AccessTokenFilter chooses access tokens that are neither revoked nor over,
// the latest issued first.
type AccessTokenFilter struct {
	CredentialID string // of the client
	UserID       string // or of the user
	// OrganizationID leaves out those of other organizations; empty does not.
	OrganizationID string
	Now            time.Time
	Limit          int
}

// AccessTokenReader asks for access tokens.
type AccessTokenReader interface {
	AccessToken(id string) (AccessToken, error)
	AccessTokenByDigests([]secret.Digest) (AccessToken, error)
	AccessTokens(AccessTokenFilter) ([]AccessToken, error)
	// CountAccessTokens counts live ones of each of the given clients and users, as
	// an AccessTokenFilter with that organization chooses them.
	CountAccessTokens(credentialOrUserIDs []string, organizationID string, now time.Time) (map[string]int, error)
}

// AccessTokenIssuer adds access tokens.
type AccessTokenIssuer interface {
	InsertAccessToken(AccessToken) error
	UsedAccessTokens(last map[string]time.Time) error // by id; keeps the later one
}

// AccessTokenWriter ends access tokens.
type AccessTokenWriter interface {
	RevokeAccessToken(id string, at time.Time, by, reason string) (bool, error) // if not revoked
	// RevokeAccessTokens revokes all that a filter chooses, and returns how many.
	RevokeAccessTokens(f AccessTokenFilter, by, reason string) (int, error)
}

// UserReader asks for users, sessions, elevations, the set-up link and throttles.
type UserReader interface {
	User(id string) (User, error)
	UserByEmail(emailKey string) (User, error)
	Users() ([]User, error) // by email
	HasOwner() (bool, error)
	SetupLink() (SetupLink, error)
	SessionByToken(hash []byte) (Session, error)                // by the token or the previous one; not if ended
	Session(id string) (Session, error)                         // ended ones too
	SessionsOf(userID string, now time.Time) ([]Session, error) // neither ended nor over; the latest opened first
	CurrentElevation(sessionID string) (Elevation, error)       // the latest not dropped, over or not
	RecentReasons(userID string, most int) ([]string, error)    // latest first, each once
	CountSessions(now time.Time) (int, error)                   // neither ended nor over
}

// SetupLink is the one-time link that makes the first owner.
type SetupLink struct {
	TokenHash []byte
	ExpiresAt time.Time
	UsedAt    time.Time // zero = not
}

// UserWriter changes who can sign in.
type UserWriter interface {
	InsertUser(User) (bool, error)                         // false: the email is taken
	DisableUser(userID string, at time.Time) (bool, error) // if not disabled
	EnableUser(userID string) (bool, error)                // if disabled
}

// SessionWriter changes how people sign in, sessions, elevations, the set-up link and
// throttles.
type SessionWriter interface {
	SetPassword(userID, hash string) error
	SetSignedIn(userID string, at time.Time) error
	PutSetupLink(SetupLink) error                              // replaces the one there was
	UseSetupLink(tokenHash []byte, at time.Time) (bool, error) // if it is this one, unused and not over
	InsertSession(Session) error
	RotateSession(id string, from, to []byte, at time.Time) (bool, error) // if its token is still from; from becomes the previous one
	TouchSession(id string, seen time.Time) error
	SetSessionPassword(id string, at time.Time) error
	SaveSessionData(id, data string) (bool, error) // if not ended
	EndSession(id string, at time.Time) (bool, error)
	EndSessionsOf(userID string, at time.Time) error
	InsertElevation(Elevation) error
	EndElevations(sessionID string, at time.Time) (bool, error) // those not ended yet
	// Spend counts one attempt against a key whose window begins at the first
	// attempt, and returns how many there are now, this one included, and when the
	// window began. A window older than length is begun anew.
	Spend(key string, now time.Time, length time.Duration) (count int, since time.Time, err error)
	// Refund takes one attempt back.
	Refund(key string) error
}

// InviteReader asks for invitations.
type InviteReader interface {
	InviteByToken(tokenHash []byte) (Invite, error)
	Invite(id string) (Invite, error)
	OpenInvites(organizationID string, now time.Time) ([]Invite, error) // neither used, withdrawn nor over; oldest first
}

// InviteWriter changes invitations.
type InviteWriter interface {
	InsertInvite(Invite) error
	UseInvite(id string, at time.Time) (bool, error)                            // if it is open
	WithdrawInvite(id string, at time.Time) (bool, error)                       // if it is neither used nor withdrawn
	WithdrawInvites(organizationID, emailKey string, at time.Time) (int, error) // all open ones of an email
}

// Use is what is known of the use of one credential within one minute.
type Use struct {
	CredentialID  string
	ApplicationID string // to which the calls went
	Own           bool   // the credential is that application's, not its organization's or a user's
	Minute        time.Time
	Accepted      int64
	Refused       int64
	ByQuery       int64     // accepted ones with the credential in the query
	ByPassword    int64     // accepted ones with a token that was got for a password
	At            time.Time // of the latest accepted call; zero = none was accepted
	Address       string
	Agent         string
	API           string
	Method        string
	Callers       []UseCaller  // each once
	Refusals      []UseRefusal // each reason once
}

// UseCaller is one caller of a credential, or all that have one address or one user
// agent, with its calls in some span of time.
type UseCaller struct {
	Address  string // "10.0.3.7", "through 127.0.0.1", OtherCallers, or empty: unknown
	Agent    string
	Accepted int64
	Refused  int64
	At       time.Time // of the latest call
}

// UseRefusal is how often a credential was refused for one reason.
type UseRefusal struct {
	Reason string // its name, as Reason prints it
	Count  int64
	Hour   time.Time // in which it was so last
}

// UseSpan is a credential's calls within a span of time.
type UseSpan struct {
	Start    time.Time
	Accepted int64
	Refused  int64
}

// CallerFilter chooses the callers of a credential whose calls were in hours, or days
// of UTC, that begin at From or later. Hours are known of the last two days.
type CallerFilter struct {
	CredentialID string
	Daily        bool
	From         time.Time
	By           CallerField
	Limit        int
}

// CallerField is what callers are summed up by.
type CallerField string

// Callers are summed up by these. ByAgent leaves out those of OtherCallers, whose
// agents nobody has kept.
const (
	ByAddress CallerField = "address"
	ByAgent   CallerField = "agent"
)

// Addresses is from how many addresses a credential was used.
type Addresses struct {
	Count int
	More  bool // there were more than are kept
}

// LastUse is a credential's latest accepted call.
type LastUse struct {
	CredentialID string
	At           time.Time
	Address      string
	Agent        string
	API          string
	Method       string
}

// ApplicationUse sums up an application for its organization's overview.
type ApplicationUse struct {
	Credentials int // that are live; counted no further than a page says, so more than 1,000 is "more"
	Calls       int64
	LastAt      time.Time // zero = never
}

// UseReader asks for the use of credentials.
type UseReader interface {
	LastUses(credentialIDs []string) (map[string]LastUse, error)
	Calls(credentialIDs []string, since time.Time) (map[string]int64, error) // accepted
	HourlyCalls(credentialIDs []string, since time.Time) (map[string]HourlyCalls, error)
	// LatestUse returns the latest accepted call to an application with a
	// credential of its own, ErrNoRow if there was none.
	LatestUse(applicationID string) (LastUse, error)
	// WayUses counts an application's accepted calls with the credential in the query,
	// and with a token got for a password, since the hour of a time.
	WayUses(applicationID string, since time.Time) (query, password int64, err error)
	ApplicationUses(organizationID string, since, now time.Time) (map[string]ApplicationUse, error) // by application id
	// UseSpans returns a credential's calls by the hour, or by the day of UTC, from the
	// one on that begins at a time; spans without any are not in it.
	UseSpans(credentialID string, daily bool, from time.Time) ([]UseSpan, error)
	UseCallers(CallerFilter) ([]UseCaller, error) // those with the most calls first
	// UseRefusals returns why a credential was refused since the hour of a time, the
	// most frequent reason first.
	UseRefusals(credentialID string, since time.Time) ([]UseRefusal, error)
	// UseAddresses counts from how many addresses calls of credentials were accepted
	// since the hour of a time, by their ids; those without any are not in it.
	UseAddresses(credentialIDs []string, since time.Time) (map[string]Addresses, error)
}

// UseWriter adds up uses.
type UseWriter interface {
	AddUses([]Use) error // adds to what there is of the same credential, application and minute
}

// EventFilter chooses events that an organization's admins may see, newest first:
// its own, and those of the whole installation whose actor is a member.
type EventFilter struct {
	OrganizationID string // empty = all events there are (the command line)
	ApplicationID  string
	ActorID        string
	Operators      bool // only acts without a user: the command line, the program
	Act            Act
	TargetID       string
	From, To       time.Time // zero = whenever; To is exclusive
	AfterSeq       int64     // only older ones; 0 = from the newest
	BeforeSeq      int64     // only newer ones, the nearest; 0 = no
	Limit          int
}

// EventReader asks for events.
type EventReader interface {
	EventHead() (EventHead, error) // zero if there is none
	Events(EventFilter) ([]Event, error)
	NewestEventAt() (time.Time, error) // zero if there is none
}

// EventWriter adds events and tallies.
type EventWriter interface {
	InsertEvent(Event) error
	AddTally(Tally) error                          // adds Count to what there is of minute, act and subject
	TakeTallies(before time.Time) ([]Tally, error) // removes and returns those of minutes before
}
