package templates

// UsageView tells how a credential was used.
type UsageView struct {
	// Any is false where there was no call within 30 days.
	Any   bool
	Hours ChartView
	Days  ChartView
	// Addresses and Agents have the most calls first.
	Addresses []CallerRow
	Agents    []CallerRow
	Refusals  []RefusalRow
}

// ChartView is a row of bars over time: accepted calls above a line, refused ones
// below it.
type ChartView struct {
	// ID is unique within the page: "hours".
	ID string
	// Title is "By the hour", Unit "Hour".
	Title string
	Unit  string
	// Summary is "1,204 accepted, 3 refused since 15:00".
	Summary string
	// Peak is what the highest bar stands for, "up to 210 an hour".
	Peak string
	Bars []Bar
}

// Bar is one span of time. Label says which: "14:00".
type Bar struct {
	Label    string
	Accepted int64
	Refused  int64
	// Text is "14:00: 210 accepted, 3 refused".
	Text string
}

// CallerRow is one address, or one user agent, that uses a credential. Calls and
// Refused are grouped numbers of accepted and refused calls.
type CallerRow struct {
	// From may be in words: then Plain is true.
	From    string
	Plain   bool
	Calls   string
	Refused string
	Last    When
}

// RefusalRow is one reason for which a credential was refused.
type RefusalRow struct {
	Reason string
	Count  string
	Last   When
}

// UseLine says in one line how a credential was used of late.
type UseLine struct {
	// Calls is the grouped number of calls in 24 hours, InUse that it is not zero. It is
	// empty where nobody counts them.
	Calls string
	InUse bool
	// Addresses is from how many these came, "3 addresses"; may be empty.
	Addresses string
	LastUsed  When
	LastFrom  string
	LastAgent string
}

// BasicUseView is the page on the use of an application's Basic credentials.
type BasicUseView struct {
	Frame
	Application string
	// Disabled says that it is, and StateDetail since when and by whom.
	Disabled    bool
	StateDetail string
	Username    string
	Use         UseLine
	Usage       UsageView
	Events      []EventRow
	// DisableURL is empty where it is disabled.
	DisableURL string
}

// words are the line's beginning, up to the moment of the last call.
func (u UseLine) words() string {
	switch {
	case u.InUse && u.Addresses != "":
		return callsText(u.Calls) + " in the last 24 hours from " + u.Addresses + ", last "
	case u.InUse && u.Calls != "":
		return callsText(u.Calls) + " in the last 24 hours, last "
	case u.LastUsed.At.IsZero():
		return "Never used."
	case u.Calls == "":
		return "Last used "
	}
	return "No calls in the last 24 hours, last "
}
