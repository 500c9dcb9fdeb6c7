package templates

// ApplicationFormView makes an application, or edits its name.
type ApplicationFormView struct {
	Frame
	// New asks for a slug too; an existing one is shown, for ever.
	New       bool
	Action    string
	Name      string
	Slug      string
	CancelURL string
	Errors    []FieldError
}

// APIFormView makes an API, or edits its name and upstream.
type APIFormView struct {
	Frame
	// New asks for a slug too; an existing one is shown, for ever.
	New         bool
	Application string
	Action      string
	Name        string
	Slug        string
	Upstream    string
	Timeout     string // in seconds; empty: the gateway's
	CancelURL   string
	Errors      []FieldError
}

// BaseURL is where one API of an application is called.
type BaseURL struct {
	Name string
	URL  string
}

// Snippet is a ready piece of code in one language, for one method.
type Snippet struct {
	// Language is the tab: "curl", "nginx". Snippets of one language and of one
	// method stand in the same order as their tabs.
	Language string
	// Method is "Token", "Basic", "Query" or "Client", of six at most; empty where
	// there is no such choice. Each language has each method.
	Method string
	Text   string
}

// ApplicationView is the "Getting started" page of an application.
type ApplicationView struct {
	Frame
	Name string
	// Open is true where requests need no credential.
	Open bool
	// Summary is one sentence: "Secured. 3 tokens, Basic active, 120 calls in 24 hours."
	Summary  string
	BaseURLs []BaseURL
	APIs     []APIRow
	// EditURL, SettingsURL and NewAPIURL are empty for those who may not.
	EditURL     string
	SettingsURL string
	NewAPIURL   string
	// CreateTokenURL is where step one leads, through an elevation where
	// Frame.Locked; empty for those who may not.
	CreateTokenURL string
	// HasToken says that step one is done.
	HasToken bool
	// Curl is step two's command.
	Curl string
	// FirstCallURL is polled for the FirstCall fragment.
	FirstCallURL string
	FirstCall    FirstCallView
	// Proxies are the configurations of step three, six at most.
	Proxies []ProxyView
	// Clients are the application's own; nil for all but admins.
	Clients *ClientsView
}

// ProxyView is how one proxy is put in front of an API.
type ProxyView struct {
	// Name is the tab: "nginx".
	Name  string
	Files []ProxyFile
	// Notes are sentences about what it needs and where its limits are.
	Notes []string
}

// ProxyFile is a file of a proxy's configuration, or the part of one.
type ProxyFile struct{ Name, Text string }

// APIRow is one API of an application.
type APIRow struct {
	Name     string
	Slug     string
	Upstream string
	URL      string
	EditURL  string
}

// FirstCallView is the fragment that waits for the first call.
type FirstCallView struct {
	Seen bool
	At   When
	From string
	// Status is that of the answer: "200".
	Status string
}

// ManageAPIView is the Manage API page of an application.
type ManageAPIView struct {
	Frame
	Application string
	BaseURLs    []BaseURL
	Basic       BasicView
	Tokens      TokensView
	// Snippets are by language and method; none of Basic where it is disabled.
	Snippets []Snippet
	// CreateTokenURL leads to the form; DisableBasicURL is empty where Basic is
	// disabled already.
	CreateTokenURL  string
	DisableBasicURL string
}

// BasicView is the section of the Basic credentials. Exactly one of three
// things is shown: the mask, the revealed password, or how it was disabled.
type BasicView struct {
	Disabled bool
	// DisabledAt, DisabledBy and DisabledReason tell of the end.
	DisabledAt     When
	DisabledBy     string
	DisabledReason string

	Username string
	// Password is the secret itself, after a recorded reveal; else empty.
	Password string
	// CopyOnLoad has the script copy Password as soon as the page is there.
	CopyOnLoad bool
	// RevealAction takes the POST of Reveal and, with copy=1, of Copy.
	RevealAction string
	Nonce        string
	// HideURL is this page without the password.
	HideURL string

	// Used is "Used 1,204 times in the last 24 hours"; UseURL leads to the page on it.
	Used      string
	UseURL    string
	LastUsed  When
	LastFrom  string
	LastAgent string

	// Allow lists the networks that it may be used from; none lets any address in.
	// Limit is empty for none. RestrictURL leads to the form for both.
	Allow       []string
	Limit       string
	RestrictURL string

	// Unconfirmed says what a restore left open; empty = nothing. ConfirmAction takes
	// the POST.
	Unconfirmed   string
	ConfirmAction string
}

// DisableBasicView confirms the end of an application's Basic credentials.
type DisableBasicView struct {
	Frame
	Application string
	// Match is what must be typed: the application's slug.
	Match  string
	Action string
	Use    UseLine
	// Callers are the addresses with the most calls in 24 hours.
	Callers []CallerRow
	// Confirm is what was typed.
	Confirm   string
	CancelURL string
	Errors    []FieldError
}
