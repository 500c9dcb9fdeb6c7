package access

import (
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"
)

// User is a person who signs in with an email and a password.
type User struct {
	ID           string
	Email        string // as it was entered
	EmailKey     string // folded; unique
	Name         string
	PasswordHash string
	CreatedAt    time.Time
	DisabledAt   time.Time // zero = not
	LastSignInAt time.Time // zero = never
}

// Session is a browser that somebody has signed in with. Its id stays; the
// random token in the cookie changes at elevation and at its drop.
type Session struct {
	ID           string
	UserID       string
	TokenHash    []byte // SHA-256 of the cookie's value
	PreviousHash []byte // of the value before the last change; nil = none
	RotatedAt    time.Time
	CreatedAt    time.Time
	SeenAt       time.Time
	PasswordAt   time.Time // when the password was last given
	ExpiresAt    time.Time // however much it is used
	EndedAt      time.Time // zero = not
	Address      string
	Agent        string
	Data         string // what pages keep in it: flashes, drafts; never authority
}

// Elevation lets a user see and change credentials for a while, for a reason.
type Elevation struct {
	ID             string
	SessionID      string
	UserID         string
	OrganizationID string
	ApplicationID  string // empty = the whole organization
	Reason         string
	StartedAt      time.Time
	Until          time.Time // a fixed end
	EndedAt        time.Time // zero = not dropped
}

// runs reports whether the elevation is neither dropped nor over.
func (e Elevation) runs(now time.Time) bool {
	return e.ID != "" && e.EndedAt.IsZero() && now.Before(e.Until)
}

// covers reports whether the elevation reaches an application (by its id), or,
// where that is empty, the whole organization.
func (e Elevation) covers(organizationID, applicationID string) bool {
	return e.OrganizationID == organizationID && (e.ApplicationID == "" || e.ApplicationID == applicationID)
}

// Actor is who does an act: a signed-in user, or an operator at the command line
// of the machine, who needs no role and gives the reason with each act.
type Actor struct {
	UserID    string // empty = an operator
	SessionID string
	Replaced  bool   // the session's token has just been replaced: signed in, but never elevated
	Name      string // shown in events: the user's name, or "root (command line)"
	Reason    string // operators only
	Caller    Caller
	Agent     string // user agent, shortened
}

// Operator returns the actor of the command line, named after the
// operating-system user.
func Operator(osUser, reason string) Actor {
	return Actor{Name: osUser + " (command line)", Reason: strings.TrimSpace(reason)}
}

// operator reports whether the actor is an operator.
func (a Actor) operator() bool { return a.UserID == "" }

// FoldEmail returns the form of an email by which users are told apart.
func FoldEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// email checks and returns an email address: one plain address, no display name.
func (p *problems) email(field, text string) string {
	text = strings.TrimSpace(text)
	a, err := mail.ParseAddress(text)
	if err != nil || a.Address != text || len(text) > 254 || !visibleText(text) {
		p.add(field, "This is no email address. Enter one such as you@example.com.")
	}
	return text
}

func visibleText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}
