package templates

import (
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// Relative returns at as a person says it at now: "just now", "2 min ago",
// "in 6 days". The script refreshes the same words, so the two must agree.
func Relative(at, now time.Time) string {
	d := now.Sub(at)
	future := d < 0
	if future {
		d = -d
	}
	words := span(d)
	switch {
	case words == "" && future:
		return "in a moment"
	case words == "":
		return "just now"
	case future:
		return "in " + words
	}
	return words + " ago"
}

// span names a length of time by its largest unit, rounded down; under five
// seconds it is empty.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 5*time.Second:
		return ""
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	case d < day:
		return strconv.Itoa(int(d/time.Hour)) + " h"
	case d < 60*day:
		return plural(int(d/day), "day")
	case d < 730*day:
		return strconv.Itoa(int(d/(30*day))) + " months"
	}
	return strconv.Itoa(int(d/(365*day))) + " years"
}

// Ago returns the When of at as seen at now, and "never" for the zero time.
func Ago(at, now time.Time) When {
	if at.IsZero() {
		return When{Text: "never"}
	}
	return When{At: at, Text: Relative(at, now)}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

const absoluteLayout = "Monday, 2 January 2006, 15:04:05 MST"

// absolute is what the title of a <time> says. Each row of a table has two, and Format by
// the layout takes three times as long.
func absolute(at time.Time) string {
	zone, _ := at.Zone()
	year, month, day := at.Date()
	if zone == "" || year < 1000 || year > 9999 {
		return at.Format(absoluteLayout)
	}
	hour, minute, second := at.Clock()
	var room [64]byte
	b := append(append(room[:0], at.Weekday().String()...), ", "...)
	if day >= 10 {
		b = append(b, byte('0'+day/10))
	}
	b = append(b, byte('0'+day%10), ' ')
	b = append(append(b, month.String()...), ' ')
	b = append(twoDigits(twoDigits(b, year/100), year%100), ", "...)
	b = append(twoDigits(b, hour), ':')
	b = append(twoDigits(b, minute), ':')
	b = append(twoDigits(b, second), ' ')
	return string(append(b, zone...))
}

func twoDigits(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

// theme is the value of data-theme.
func theme(chosen string) string {
	if chosen == "light" || chosen == "dark" {
		return chosen
	}
	return "auto"
}

// fieldID is the id of a form's field. The form's name stands in front because
// a dialog may bring a second form into the page.
func fieldID(form, field string) string {
	return form + "-" + strings.ReplaceAll(field, "_", "-")
}

// message returns what is wrong with a field, or nothing.
func message(errors []FieldError, field string) string {
	for _, e := range errors {
		if e.Field == field {
			return e.Message
		}
	}
	return ""
}

// describedBy lists the ids of a field's hint and error, for aria-describedby.
func describedBy(id string, hint bool, wrong string) string {
	var ids []string
	if wrong != "" {
		ids = append(ids, id+"-error")
	}
	if hint {
		ids = append(ids, id+"-hint")
	}
	return strings.Join(ids, " ")
}

// piece is a part of a snippet with the class that colours it.
type piece struct {
	class string
	text  string
}

// pieces splits a snippet into double-quoted strings, $VARIABLES in capitals,
// and the rest. It only colours: joined, the pieces are the snippet.
func pieces(code string) []piece {
	var out []piece
	add := func(class, text string) {
		if text != "" {
			out = append(out, piece{class, text})
		}
	}
	for part := 0; code != ""; part++ {
		text, rest, quoted := code, "", false
		if i := strings.IndexByte(code, '"'); i >= 0 && part%2 == 0 {
			text, rest = code[:i], code[i:]
		} else if end := stringEnd(code); part%2 == 1 && end > 0 {
			text, rest, quoted = code[:end], code[end:], true
		}
		class := ""
		if quoted {
			class = "str"
		}
		for text != "" {
			before, variable, after := cutVariable(text)
			add(class, before)
			add("var", variable)
			text = after
		}
		code = rest
	}
	return out
}

// coloured is a snippet as HTML. It is put together here, not in a template,
// because a template may put white space where code must have none.
func coloured(code string) string {
	var b strings.Builder
	for _, p := range pieces(code) {
		text := templ.EscapeString(p.text)
		if p.class != "" {
			text = `<span class="` + p.class + `">` + text + `</span>`
		}
		b.WriteString(text)
	}
	return b.String()
}

// stringEnd returns the length of the double-quoted string that code starts
// with, or 0 if it does not close on its line.
func stringEnd(code string) int {
	end := strings.IndexAny(code[1:], "\"\n")
	if end < 0 || code[1+end] != '"' {
		return 0
	}
	return end + 2
}

// cutVariable splits text around its first $NAME of capitals.
func cutVariable(text string) (before, variable, after string) {
	for i := 0; i < len(text); i++ {
		if text[i] != '$' {
			continue
		}
		end := i + 1
		for end < len(text) && (text[end] == '_' || text[end] >= 'A' && text[end] <= 'Z') {
			end++
		}
		if end > i+1 {
			return text[:i], text[i:end], text[end:]
		}
	}
	return text, "", ""
}

// distinct returns the values of pick over the snippets, each once, in order.
func distinct(snippets []Snippet, pick func(Snippet) string) []string {
	var out []string
	for _, s := range snippets {
		if v := pick(s); v != "" && indexOf(out, v) < 0 {
			out = append(out, v)
		}
	}
	return out
}

func languageOf(s Snippet) string { return s.Language }

func methodOf(s Snippet) string { return s.Method }

func indexOf(values []string, value string) int {
	for i, v := range values {
		if v == value {
			return i
		}
	}
	return -1
}

// or returns text, or what stands in for it where it is empty.
func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func (v RevokeConfirmView) act() string { return or(v.Act, ActRevoke) }

// gives reports whether callers lose nothing by the act.
func (v RevokeConfirmView) gives() bool { return v.act() == ActResume || v.act() == ActConfirm }

// verb names the act and its object: Revoke token “CI”, Pause 3 clients.
func (v RevokeConfirmView) verb() string {
	act, noun := map[string]string{ActRevoke: "Revoke", ActPause: "Pause", ActResume: "Resume", ActConfirm: "Confirm"}[v.act()], or(v.Noun, "token")
	if len(v.Tokens) == 1 {
		return act + " " + noun + " “" + v.Tokens[0].Label + "”"
	}
	return act + " " + plural(len(v.Tokens), noun)
}

// consequence says what follows for the callers.
func (v RevokeConfirmView) consequence() string {
	it, one := "them", len(v.Tokens) == 1
	if one {
		it = "it"
	}
	every := "From the moment you confirm, every request with " + it
	switch noun := or(v.Noun, "token"); {
	case v.act() == ActResume:
		return every + " is judged again as before the pause."
	case v.act() == ActConfirm:
		return "A restore could not know whether " + it + " had been revoked. Requests are accepted now, and will be. If you are not sure whose it is, revoke " + it + " instead."
	case v.act() == ActPause:
		return every + " is refused, until you resume " + it + "."
	case noun == "access token":
		return every + " is refused. Who holds one has to ask for another."
	case noun == "client":
		return every + " is refused, and so are the access tokens that were issued to " + it + ". This cannot be undone; to stop a caller for a while, pause its client."
	default:
		return every + " is refused. This cannot be undone; to stop a caller for a while, pause its token."
	}
}

// expiryList are the choices of an expiry, with its day.
func expiryList(list []ExpiryChoice) []choice {
	var out []choice
	for _, c := range list {
		sub := "on " + c.Date
		switch c.Value {
		case "custom", "date":
			sub = "you choose which"
		case "never":
			sub = "until it is revoked"
		}
		out = append(out, choice{Value: c.Value, Text: c.Text, Sub: sub, Checked: c.Checked})
	}
	return out
}

// endList are the choices of when a replaced credential ends.
func endList(list []ExpiryChoice) []choice {
	out := expiryList(list)
	for i, c := range list {
		switch c.Value {
		case "now":
			out[i].Sub = "refused at once"
		case "date":
		default:
			out[i].Sub = "until " + c.Date
		}
	}
	return out
}

func roleList(list []RoleChoice) []choice {
	var out []choice
	for _, c := range list {
		out = append(out, choice{Value: c.Value, Text: c.Text, Sub: c.Detail, Checked: c.Checked})
	}
	return out
}

// onOff are the two choices of a switch.
func onOff(on bool) []choice {
	return []choice{{Value: "off", Text: "Off", Checked: !on}, {Value: "on", Text: "On", Checked: on}}
}

// accessList are open and secured; what is open already can stay so.
func accessList(v SettingsView) []choice {
	return []choice{
		{Value: "secured", Text: "Secured", Sub: "each needs a credential", Checked: !v.Open},
		{Value: "open", Text: "Open", Sub: "anybody, without a credential", Checked: v.Open, Disabled: !v.MayOpen && !v.Open},
	}
}

// ttlHint says a number of seconds in words, or an example.
func ttlHint(seconds, words, example string) string {
	if words == "" {
		return example
	}
	return seconds + " = " + words + "."
}

// callsText is "1,204 calls", "1 call".
func callsText(n string) string {
	if n == "1" {
		return "1 call"
	}
	return n + " calls"
}

// from leads over to an address. One that is known only by the proxy it came through
// says so itself: "through 127.0.0.1".
func from(address string) string {
	if strings.HasPrefix(address, "through ") {
		return " "
	}
	return " from "
}

func proxyNames(list []ProxyView) []string {
	names := make([]string, len(list))
	for i, proxy := range list {
		names[i] = proxy.Name
	}
	return names
}
