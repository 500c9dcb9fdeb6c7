package templates

import "strings"

// RestrictView changes from where and how often a credential may be used.
type RestrictView struct {
	Frame
	// Noun is "token" or "client"; empty for an application's Basic credentials.
	Noun string
	// Label is the credential's, or, for Basic, the application's name.
	Label string
	// Allow has one network a line; empty lets any address in.
	Allow string
	// Rate and Burst are numbers as texts; empty for no limit.
	Rate  string
	Burst string
	// AskSure asks for a tick: the last caller is about to be shut out. LastFrom is
	// where it called from.
	AskSure   bool
	Sure      bool
	LastUsed  When
	LastFrom  string
	Action    string
	CancelURL string
	Errors    []FieldError
}

func (v RestrictView) heading() string {
	if v.Noun == "" {
		return "Edit Basic credentials of " + v.Label
	}
	return "Edit " + v.Noun + " “" + v.Label + "”"
}

// boundsText says in a line from where and how often a credential may be used.
func boundsText(allow []string, limit string) string {
	from := "from any address"
	if len(allow) > 0 {
		from = "from " + strings.Join(allow, ", ")
	}
	return from + ", " + limitText(limit)
}

// limitText says on a credential's page how often it may be used.
func limitText(limit string) string {
	if limit == "" {
		return "no limit"
	}
	return limit
}
