package access

import (
	"strconv"
	"strings"
	"time"
)

// DefaultExpiry is what a token gets when nothing else is asked for, where tokens
// may live so long.
const DefaultExpiry = "90d"

const defaultLifetime = 90 * day

// take adds the field errors of err to the problems.
func (p *problems) take(err error) {
	if err != nil {
		*p = append(*p, AsError(err).Fields...)
	}
}

const maxLabelLen = 100 // characters

// label checks and returns a credential's label.
func (p *problems) label(field, text string) string { return p.line(field, text, 1, maxLabelLen) }

// scopes checks that each scope names an API that the application has.
func (p *problems) scopes(field string, scopes Scopes, apis []API) {
	for _, scope := range scopes {
		known := scope.API == AnyAPI
		for _, api := range apis {
			known = known || api.Slug == scope.API
		}
		if !known {
			p.add(field, "There is no API “"+scope.API+"” here. Choose one that there is, or * for any.")
			return
		}
	}
}

// ParseExpiry reads when a credential made now is to expire: a number of days
// ("90d"), a date ("2027-02-19": until the end of that day in UTC), or "never"
// (the zero time). Empty is DefaultExpiry, or longest where that is less. longest
// bounds it; 0 does not.
func ParseExpiry(text string, now time.Time, longest time.Duration) (time.Time, error) {
	bad := func(message string) (time.Time, error) {
		return time.Time{}, &Error{Kind: Invalid, Fields: []FieldError{{"expires", message}}}
	}
	text = strings.TrimSpace(text)
	if text == "" && longest > 0 && longest < defaultLifetime {
		return now.Add(longest), nil
	}
	if text == "" {
		text = DefaultExpiry
	}
	if text == "never" {
		if longest > 0 {
			return bad("It has to expire here: at most " + days(longest) + " after it is made.")
		}
		return time.Time{}, nil
	}
	until, err := time.Parse(time.DateOnly, text)
	if err == nil {
		until = until.AddDate(0, 0, 1)
	} else {
		n, cut := strings.CutSuffix(text, "d")
		count, err := strconv.Atoi(n)
		if !cut || err != nil || count < 1 || count > 36500 {
			return bad("Enter a number of days such as 90d, a date such as " + now.AddDate(0, 0, 90).Format(time.DateOnly) + ", or never.")
		}
		until = now.Add(time.Duration(count) * day)
	}
	switch {
	case !until.After(now):
		return bad("This date is over. Enter one that is still to come.")
	case until.Year() > 9999:
		return bad("This date is too far away.")
	case longest > 0 && until.Sub(now) > longest:
		return bad("It can live at most " + days(longest) + " here.")
	}
	return until, nil
}

func days(d time.Duration) string {
	if n := int(d / day); n != 1 {
		return group(n) + " days"
	}
	return "1 day"
}
