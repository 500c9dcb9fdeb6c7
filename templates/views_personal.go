package templates

// ProfileView is a person's own page.
type ProfileView struct {
	Frame
	Name          string
	Email         string
	Organizations []OrganizationRow
	Tokens        PersonalTokensView
	// CreateURL leads to the form of a new token.
	CreateURL string
	// RevokeAllURL leads to "sign out everywhere and revoke everything".
	RevokeAllURL string
}

// PersonalTokensView is a table of personal tokens with its filters: one's own,
// or those of an organization's people.
type PersonalTokensView struct {
	// FormURL takes the GET of the filters; empty leaves them out.
	FormURL string
	Query   string
	// Member is the person whose tokens alone are listed, kept by the filter.
	Member string
	States []Option
	// Filtered says that a filter is on, so that an empty table says so.
	Filtered bool
	// Total is the grouped number of live ones, whatever the filter.
	Total string
	Rows  []PersonalRow
	// Folded are the revoked and expired ones; FoldedText counts them.
	Folded     []PersonalRow
	FoldedText string
	// RevokeURL, PauseURL and ResumeURL take the GET with id repeated; an empty
	// one is left out.
	RevokeURL string
	PauseURL  string
	ResumeURL string
	// ConfirmURL is empty where a restore left nothing unconfirmed.
	ConfirmURL string
	// ActsLocked says that they lead through an elevation first.
	ActsLocked bool
	// Range is "1–50 of 212"; NewerURL and OlderURL are empty at the ends.
	Range    string
	NewerURL string
	OlderURL string
}

// PersonalRow is one personal token. Its Href may be empty.
type PersonalRow struct {
	TokenRow
	// Organization is its name, in one's own list; Whose and WhoseEmail are the
	// person's, in an organization's.
	Organization string
	Whose        string
	WhoseEmail   string
}

// MembersTokensView lists the personal tokens of an organization's people.
type MembersTokensView struct {
	Frame
	Organization string
	// Whose is the name of the person whose tokens alone are listed.
	Whose  string
	Tokens PersonalTokensView
}

// PersonalFormView makes a personal token: the form of a token with an
// organization, one row of scopes, no Allow, and no "never".
type PersonalFormView struct {
	TokenFormView
	Organizations []Option
}

// PersonalCreatedView shows a new personal token's secret, once.
type PersonalCreatedView struct {
	Frame
	Label        string
	Secret       string
	Organization string
	Scopes       string
	Expires      string
	// Use are the ways of use, with $TOKEN in the secret's place: language
	// "curl" and the like, method "Basic" or "Bearer".
	Use []Snippet
	// Base64 builds the string of Basic by hand: language "Linux and macOS" or
	// "PowerShell", no method.
	Base64  []Snippet
	DoneURL string
}
