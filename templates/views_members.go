package templates

// StateDisabled is the state of a person who may not sign in any more.
const StateDisabled = "disabled"

// MembersView lists the people of an organization.
type MembersView struct {
	Frame
	Organization string
	// ActsLocked says that everything that changes leads through an elevation first.
	ActsLocked bool
	// InviteURL leads to the form; empty for those who may not invite.
	InviteURL string
	// TokensURL leads to the list of everybody's personal tokens.
	TokensURL string
	Members   []MemberRow
	Invites   []InviteRow
}

// MemberRow is one person of an organization.
type MemberRow struct {
	ID    string
	Name  string
	Email string
	Role  string
	// You marks the person who looks at the list.
	You        bool
	LastSignIn When
	// PersonalTokens and AccessTokens are grouped numbers of live ones; the URLs
	// lead to their lists and may be empty.
	PersonalTokens  string
	TokensURL       string
	AccessTokens    string
	AccessTokensURL string
	// State is StateActive or StateDisabled.
	State string
	// The acts of the row's menu, all of them forms; an empty one is left out.
	RoleURL    string
	RevokeURL  string
	RemoveURL  string
	DisableURL string
	EnableURL  string
}

// InviteRow is an invitation that nobody has accepted yet.
type InviteRow struct {
	ID          string
	Email       string
	Role        string
	InvitedBy   string
	Expires     When
	ExpiresSoon bool
	// WithdrawAction takes the POST; empty leaves the button out.
	WithdrawAction string
}

// RoleChoice is one role that can be given.
type RoleChoice struct {
	Value string
	Text  string
	// Detail is one line of what the role may do.
	Detail  string
	Checked bool
}

// InviteFormView invites somebody: email and role.
type InviteFormView struct {
	Frame
	Organization string
	Action       string
	Email        string
	Roles        []RoleChoice
	CancelURL    string
	Errors       []FieldError
}

// InviteCreatedView shows the one-time link of an invitation, once.
type InviteCreatedView struct {
	Frame
	Organization string
	Email        string
	Role         string
	// Link stands in one input and nowhere else in the page.
	Link string
	// Expires is spelled out: "24 November, 14:08, in 72 hours".
	Expires string
	DoneURL string
}

// MemberRoleView changes a member's role.
type MemberRoleView struct {
	Frame
	Organization string
	Name         string
	Action       string
	Roles        []RoleChoice
	CancelURL    string
	Errors       []FieldError
}

// MemberConfirmView confirms what is done to a member: remove, disable, or sign
// out and revoke everything. It serves a person's own "sign out everywhere" too.
type MemberConfirmView struct {
	Frame
	// Heading is the question: "Remove Jon Wu from Acme?".
	Heading string
	// Consequence says what happens from the moment one confirms.
	Consequence string
	Affected    []AffectedRow
	// IDs are what the act is about, where its address does not say so.
	IDs []string
	// AskPassword asks for the password of who signed in as Email.
	AskPassword bool
	Email       string
	// Verb is the button: "Remove Jon Wu".
	Verb string
	// Gives says that what is affected works again rather than ends.
	Gives     bool
	Action    string
	CancelURL string
	Errors    []FieldError
}

// AffectedRow counts the credentials of one kind that an act ends.
type AffectedRow struct {
	// What is "3 personal tokens", "1 access token", "2 sessions".
	What string
	Use  UseLine
}

// AcceptInviteView is the stranger's page behind an invitation's link.
type AcceptInviteView struct {
	Frame
	// Action takes the POST: the link itself.
	Action       string
	Organization string
	Role         string
	// RoleDetail is one line of what the role may do.
	RoleDetail string
	InvitedBy  string
	Email      string
	// Existing asks for the password of a user that exists already, and no name.
	Existing bool
	Name     string
	// Expires says how long the link lives: "71 h".
	Expires string
	Errors  []FieldError
}

// AccessTokensView is the table of the live access tokens of a client or user.
type AccessTokensView struct {
	// Total is the grouped number of live ones.
	Total string
	Rows  []AccessTokenRow
	// RevokeAllURL leads to the confirmation; empty leaves the button out.
	RevokeAllURL string
	// Range is "1–50 of 212"; NewerURL and OlderURL are empty at the ends.
	Range    string
	NewerURL string
	OlderURL string
}

// AccessTokenRow is one live access token.
type AccessTokenRow struct {
	ID        string
	Masked    string
	Scopes    string
	Issued    When
	LastUsed  When
	LastFrom  string
	LastAgent string
	Expires   When
	// RevokeURL leads to the confirmation; empty leaves the link out.
	RevokeURL string
}

// MemberAccessTokensView is the page of a person's live access tokens.
type MemberAccessTokensView struct {
	Frame
	Name         string
	AccessTokens AccessTokensView
}
