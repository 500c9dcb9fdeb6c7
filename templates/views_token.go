package templates

// States of a credential, as TokenRow and TokenView carry them.
const (
	StateActive  = "active"
	StatePaused  = "paused"
	StateExpired = "expired"
	StateRevoked = "revoked"
)

// TokensView is the table of an application's tokens with its filters.
type TokensView struct {
	// FormURL takes the GET of the filters: the Manage API page.
	FormURL string
	Query   string
	States  []Option
	Scopes  []Option
	// Filtered says that a filter is on, so that an empty table says so.
	Filtered bool
	// Total is the grouped number of live tokens, whatever the filter.
	Total string
	Rows  []TokenRow
	// Folded are the revoked and expired ones; FoldedText counts them: "14
	// revoked and expired".
	Folded     []TokenRow
	FoldedText string
	// RevokeURL, PauseURL and ResumeURL take the GET with id repeated; an empty
	// one is left out.
	RevokeURL string
	PauseURL  string
	ResumeURL string
	// ConfirmURL is empty where a restore left nothing unconfirmed.
	ConfirmURL string
	// Range is "1–50 of 212"; NewerURL and OlderURL are empty at the ends.
	Range    string
	NewerURL string
	OlderURL string
}

// TokenRow is one token of the table.
type TokenRow struct {
	ID    string
	Label string
	Href  string
	// Masked is prefix and last four: "clavt_8fK2…x9Qa".
	Masked string
	// Scopes are in words: "read", "write on Oplog".
	Scopes    string
	Created   When
	CreatedBy string
	LastUsed  When
	LastFrom  string
	LastAgent string
	// Calls is the grouped number of calls in 24 hours.
	Calls string
	// Spark are these calls by the hour; empty is drawn as nothing.
	Spark   []int64
	Expires When
	// ExpiresSoon is true in the last seven days.
	ExpiresSoon bool
	State       string
	// Replaced says that another row of the list was made in its place.
	Replaced bool
	// Unconfirmed says that a restore could not know whether it had been revoked.
	Unconfirmed bool
	// The acts of the row's menu; an empty one is left out.
	RenameURL     string
	ConfirmAction string
	PauseAction   string
	ResumeAction  string
	ReplaceURL    string
	RevokeURL     string
}

// TokenFormView makes a token.
type TokenFormView struct {
	Frame
	Application string
	Action      string
	Label       string
	// Scopes is a row an API, and one for any API.
	Scopes []ScopeRow
	// Expires are the choices 7d, 30d, 90d, 365d, custom and never.
	Expires []ExpiryChoice
	// ExpiresDate is the custom one, 2006-01-02, between MinDate and MaxDate.
	ExpiresDate string
	MinDate     string
	MaxDate     string
	// Allow has one network a line; empty lets any address in.
	Allow string
	// Rate and Burst are numbers as texts; empty for no limit.
	Rate      string
	Burst     string
	Nonce     string
	CancelURL string
	Errors    []FieldError
}

// ScopeRow is an API with its two scopes.
type ScopeRow struct {
	// Name is "Backend API" or "Any API"; Detail is printed beside it.
	Name   string
	Detail string
	Read   ScopeBox
	Write  ScopeBox
}

// ScopeBox is one scope that can be ticked: "backend:read".
type ScopeBox struct {
	Value   string
	Checked bool
}

// ExpiryChoice is one lifetime that can be chosen.
type ExpiryChoice struct {
	// Value is 7d, 30d, 90d, 365d, custom or never.
	Value string
	Text  string
	// Date is spelled out: "19 February 2027"; empty for custom and never.
	Date    string
	Checked bool
}

// TokenCreatedView shows a new token's secret, once.
type TokenCreatedView struct {
	Frame
	Label string
	// Secret stands in one input and nowhere else in the page.
	Secret  string
	Scopes  string
	Expires string
	Allow   string
	// Curl is the command to try, with $TOKEN in the secret's place.
	Curl         string
	FirstCallURL string
	FirstCall    FirstCallView
	// Old is what it replaces, or nil.
	Old     *ReplacedView
	DoneURL string
}

// AlreadyCreatedView answers a repeated POST of the form.
type AlreadyCreatedView struct {
	Frame
	// Noun is "token" where it is empty, else "client" or "invitation".
	Noun  string
	Label string
	// TokenURL is its page; empty where it has none.
	TokenURL string
	BackURL  string
	// BackText is "Manage API" where it is empty.
	BackText string
}

// TokenView is the page of one token.
type TokenView struct {
	Frame
	Label  string
	Masked string
	State  string
	// StateDetail says since when and by whom: "since 3 March by Mara Lane". May be empty.
	StateDetail string
	Scopes      string
	Created     When
	CreatedBy   string
	Expires     When
	ExpiresSoon bool
	// Allow lists its networks; none lets any address in.
	Allow []string
	// Limit is "at most 10 requests a second, …"; empty for none.
	Limit     string
	LastUsed  When
	LastFrom  string
	LastAgent string
	// Calls and Calls30 are grouped numbers of calls in 24 hours and 30 days;
	// an empty one is left out.
	Calls   string
	Calls30 string
	Usage   UsageView
	// Replaces is the one before it, ReplacedBy the one after it, or nil.
	Replaces   *ReplacedView
	ReplacedBy *ReplacedView
	Events     []EventRow
	// Unconfirmed says since when it is unconfirmed, and why; empty if it is not.
	Unconfirmed string
	// The acts; an empty one is left out.
	RenameURL     string
	RestrictURL   string
	ConfirmAction string
	PauseAction   string
	ResumeAction  string
	ReplaceURL    string
	RevokeURL     string
}

// RenameTokenView changes a credential's label.
type RenameTokenView struct {
	Frame
	// Noun is "token" where it is empty, else "client".
	Noun string
	// Was is the present label, Label the new one.
	Was       string
	Label     string
	Action    string
	CancelURL string
	Errors    []FieldError
}

// Acts of a RevokeConfirmView.
const (
	ActRevoke  = "revoke"
	ActPause   = "pause"
	ActResume  = "resume"
	ActConfirm = "confirm"
)

// RevokeConfirmView confirms the end of one credential or of several, their pause or
// resumption, or that they are to live on after a restore.
type RevokeConfirmView struct {
	Frame
	// Act is ActRevoke where it is empty.
	Act string
	// Noun is "token" where it is empty, else "client", "personal token" or
	// "access token".
	Noun string
	// Application is what they belong to: "Orders", "Acme", "Jon Wu".
	Application string
	Action      string
	Tokens      []RevokeRow
	// Together is the use of all of them, where there are several.
	Together  UseLine
	CancelURL string
	Errors    []FieldError
}

// RevokeRow is one credential that is about to be revoked.
type RevokeRow struct {
	ID    string
	Label string
	// Whose is its person, where it is one's.
	Whose  string
	Masked string
	Use    UseLine
}
