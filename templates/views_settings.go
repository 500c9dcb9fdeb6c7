package templates

// SettingsView are the switches of an application.
type SettingsView struct {
	Frame
	Application string
	Action      string
	// Open is what is chosen, MayOpen that the person's role reaches it.
	Open    bool
	MayOpen bool
	// QueryUses and PasswordUses say how often each way was used: "12 times in
	// 24 hours, last 3 min ago". May be empty.
	QueryCredentials bool
	QueryUses        string
	PasswordGrant    bool
	PasswordUses     string
	// DefaultTTL and MaxTTL are seconds as they were typed; the words say them
	// for people: "7 days". May be empty.
	DefaultTTL      string
	DefaultTTLWords string
	MaxTTL          string
	MaxTTLWords     string
	// APIs are the choices of the default API, "none" with an empty Value first.
	APIs      []Option
	CancelURL string
	Errors    []FieldError
}

// InspectView is the page on which a credential is pasted. It has no field for
// what was pasted: that is never printed.
type InspectView struct {
	Frame
	Organization string
	Action       string
	// Asked says that something was pasted, so that no result says so too.
	Asked   bool
	Results []InspectResult
	Errors  []FieldError
}

// InspectResult is one credential of the organization that was found in what
// was pasted.
type InspectResult struct {
	// Kind is in words: "API token", "personal API token", "client secret".
	Kind string
	// Label is empty where the kind says it all.
	Label string
	// Href leads to its page or list; may be empty.
	Href   string
	Masked string
	// Owner is what or whom it belongs to: "Orders", "Jon Wu (jon@example.com)".
	Owner string
	State string
	// StateDetail says since when and by whom. May be empty.
	StateDetail string
	LastUsed    When
	LastFrom    string
	// Verdicts are one an application.
	Verdicts []Verdict
}

// Verdict is whether an application would accept a credential.
type Verdict struct {
	Application string
	Accepted    bool
	// Because is the reason of a refusal, or the scopes: "it expired 3 days
	// ago", "read and write on any API".
	Because string
}
