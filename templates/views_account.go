package templates

// SetupView is the page of the one-time set-up link.
type SetupView struct {
	Frame
	// Action takes the POST: the set-up link itself.
	Action       string
	Organization string
	Slug         string
	Name         string
	Email        string
	// Expires says how long the link lives: "12:40".
	Expires string
	Errors  []FieldError
}

// SignInView is the sign-in page.
type SignInView struct {
	Frame
	Email  string
	Next   string
	Errors []FieldError
}

// ElevateView asks for an elevation.
type ElevateView struct {
	Frame
	// Scopes are the application and the whole organization, or the latter alone.
	Scopes []ElevateScope
	Reason string
	// RecentReasons are the person's own last ones, newest first.
	RecentReasons []string
	Minutes       []ElevateMinutes
	// AskPassword is false within five minutes of signing in.
	AskPassword bool
	Next        string
	// NextTitle names what follows: "Manage API of Orders". May be empty.
	NextTitle string
	CancelURL string
	Errors    []FieldError
}

// ElevateScope is one choice of what is opened.
type ElevateScope struct {
	// Value is ORG/APP or ORG.
	Value   string
	Title   string
	Detail  string
	Checked bool
}

// ElevateMinutes is one choice of how long.
type ElevateMinutes struct {
	Minutes int
	// Until is the end as a time of day: "14:38".
	Until   string
	Checked bool
}

// CannotElevateView tells members and viewers who can do it for them.
type CannotElevateView struct {
	Frame
	Organization string
	// Role is the person's own: "member".
	Role string
	// Admins are the names of those who can elevate.
	Admins []string
	Back   Link
}

// OrganizationsView lists the organizations of a person.
type OrganizationsView struct {
	Frame
	Organizations []OrganizationRow
}

// OrganizationRow is one organization of a person.
type OrganizationRow struct {
	Name string
	Slug string
	Href string
	// Role is the person's own there; Applications a count in words: "3 applications".
	Role         string
	Applications string
}

// OrganizationView is the overview of an organization.
type OrganizationView struct {
	Frame
	Name         string
	Slug         string
	Applications []ApplicationRow
	// NewApplicationURL is empty for those who may not make one.
	NewApplicationURL string
	// Clients are those of the whole organization; nil for all but owners.
	Clients *ClientsView
}

// ApplicationRow is one application in the overview.
type ApplicationRow struct {
	Name string
	Slug string
	// Href is empty for viewers, who do not get the application's page.
	Href string
	// Open is true where requests need no credential.
	Open bool
	// Credentials and Calls are grouped numbers: live credentials, and calls in 24 hours.
	Credentials string
	Calls       string
	LastCall    When
}

// ActivityView lists what was done in an organization.
type ActivityView struct {
	Frame
	Organization string
	// NodesURL leads to the servers; may be empty.
	NodesURL string
	// CSVURL and JSONURL take the GET of a file with all that the filters choose.
	CSVURL  string
	JSONURL string
	// FormURL takes the GET of the filters.
	FormURL      string
	Actors       []Option
	Actions      []Option
	Applications []Option
	// From and To are dates, 2006-01-02, both included.
	From string
	To   string
	// Filtered says that a filter is on, so that an empty list says so.
	Filtered bool
	Events   []EventRow
	// Range is "1–50"; NewerURL and OlderURL are empty at the ends.
	Range    string
	NewerURL string
	OlderURL string
}

// EventRow is one act: who did what, when, why and from where.
type EventRow struct {
	At  When
	Who string
	// What is a sentence without its subject: "created the token “CI”".
	What        string
	Application string
	// Reason is that of the elevation under which it was done; may be empty.
	Reason string
	From   string
	// Count is "×12" for acts that are counted in one row, else empty.
	Count string
}
