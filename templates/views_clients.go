package templates

// ClientsView is the section of the clients of an organization or application.
type ClientsView struct {
	// Lead says what they open: "A client opens every application of Acme."
	Lead string
	// Total is the grouped number of live ones.
	Total string
	Rows  []ClientRow
	// Folded are the revoked and expired ones; FoldedText counts them.
	Folded     []ClientRow
	FoldedText string
	// CreateURL leads to the form.
	CreateURL string
	// RevokeURL, PauseURL and ResumeURL take the GET with id repeated; an empty
	// one is left out.
	RevokeURL string
	PauseURL  string
	ResumeURL string
	// ConfirmURL is empty where a restore left nothing unconfirmed.
	ConfirmURL string
	// ActsLocked says that what changes leads through an elevation first.
	ActsLocked bool
	// Range is "1–50 of 212"; NewerURL and OlderURL are empty at the ends.
	Range    string
	NewerURL string
	OlderURL string
}

// ClientRow is one client; Masked is its secret's mask.
type ClientRow struct {
	TokenRow
	ClientID string
	// AccessTokens is the grouped number of its live access tokens.
	AccessTokens string
}

// ClientFormView makes a client: the form of a token, where Application names
// what it is for.
type ClientFormView struct {
	TokenFormView
	// OfOrganization says that it opens every application.
	OfOrganization bool
}

// ClientCreatedView shows a new client's secret, once.
type ClientCreatedView struct {
	Frame
	Label    string
	ClientID string
	// Secret stands in one input and nowhere else in the page.
	Secret  string
	Scopes  string
	Expires string
	Allow   string
	// Use are ready commands with $CLIENT_SECRET in the secret's place:
	// language "Access token", and "Query string" where it is switched on.
	Use []Snippet
	// Old is what it replaces, or nil.
	Old     *ReplacedView
	DoneURL string
}

// ClientView is the page of one client.
type ClientView struct {
	TokenView
	ClientID     string
	AccessTokens AccessTokensView
}

// ReplacedView is the other one of a replacement.
type ReplacedView struct {
	Label  string
	Masked string
	// Href is empty where it has no page.
	Href string
	// Until is when the old one ends; Ended that it has.
	Until     When
	Ended     bool
	LastUsed  When
	LastFrom  string
	LastAgent string
}

// ReplaceFormView replaces a token or client by a new one of the same label,
// scopes and limits.
type ReplaceFormView struct {
	Frame
	// Noun is "token" or "client".
	Noun   string
	Label  string
	Masked string
	Use    UseLine
	// Ends are the choices now, 24h, 7d and date, as the field "end"; Date says
	// when: "28 November 2026, 14:08".
	Ends []ExpiryChoice
	// EndDate is the chosen one, 2006-01-02, between MinDate and MaxDate.
	EndDate   string
	MinDate   string
	MaxDate   string
	Action    string
	Nonce     string
	CancelURL string
	Errors    []FieldError
}
