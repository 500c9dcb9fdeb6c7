package templates

// SessionsView lists where one is signed in.
type SessionsView struct {
	Frame
	Rows []SessionRow
	// Others are the ids of all but this one.
	Others    []string
	EndAction string
}

// SessionRow is one session.
type SessionRow struct {
	ID string
	// Browser is in words: "Firefox on Linux", or the agent's first product.
	Browser  string
	From     string
	Opened   When
	Seen     When
	Here     bool
	Elevated bool
}

// PasswordView changes one's own password.
type PasswordView struct {
	Frame
	Email     string
	Action    string
	CancelURL string
	Errors    []FieldError
}
