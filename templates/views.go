// Package templates renders the console's pages.
//
// A page is a function that takes exactly one view struct and returns a
// templ.Component. Views are plain: strings that are ready to be printed, and
// times where the page needs a <time> element. They hold no type of the
// domain, so a page cannot print what it was not given. The package knows
// neither stores nor requests; it imports the standard library, templ and
// claviger/static.
//
// The names of form fields are a contract with people's scripts: change them
// nowhere else than in the product's description first.
package templates

import "time"

// Link is a place that can be gone to. A Link with an empty Href is printed as
// plain text.
type Link struct {
	Text string
	Href string
	// Current marks the place where one is: the chosen organization of the menu.
	Current bool
}

// When is a moment as a person reads it. Text is what stands in the page
// ("2 min ago", "never"); At, unless zero, makes a <time> of it.
type When struct {
	At   time.Time
	Text string
	// Fixed keeps the script from turning Text into a relative time: "1 Feb 2027".
	Fixed bool
}

// Frame is what every page has around its own content. Each page's view embeds
// one.
type Frame struct {
	// Title is the name of the page, for the tab; " · Claviger" is added.
	Title string
	// Theme is "auto", "light" or "dark"; anything else counts as auto.
	Theme string
	// Now is the server's time of rendering. It lets the countdown be right in
	// a browser whose clock is wrong; zero leaves the browser to its own clock.
	Now time.Time
	// User is the person who is signed in; nil prints a bar without a menu.
	User *UserMenu
	// Organizations fill the menu's switch, the present one with Current.
	Organizations []Link
	// Crumbs lead from the organization to this page, which is the last and is
	// never linked.
	Crumbs []Link
	// Organization and Application are where one is, as far as one is anywhere.
	Organization *Link
	Application  *Link
	// Here is the value of next that leads back to this page.
	Here string
	// CanElevate says that the role allows an elevation; ElevateURL is where it
	// is asked for, next included.
	CanElevate bool
	ElevateURL string
	// Elevation is the elevation that runs, or nil.
	Elevation *ElevationBar
	// ManageAPI leads to the Manage API page of the current application.
	ManageAPI *Link
	// Locked says that ManageAPI leads through an elevation first.
	Locked bool
	// ActivityURL is empty for those who may not see the organization's activity.
	ActivityURL string
	// MembersURL is empty for those who may not see the organization's members.
	MembersURL string
	// InspectURL leads to where a credential is pasted, through an elevation
	// where InspectLocked; empty for those who may not.
	InspectURL    string
	InspectLocked bool
	// OpenBanner is printed loudly on every page of an application that is open:
	// "Sandbox is open: anybody can call its APIs without a credential."
	OpenBanner string
	// Flash tells how the last act ended.
	Flash *Flash
	// Warnings are what an operator must set right: "trusted_proxies is not set …".
	Warnings []string
	// Notice is what a person must know before going on with this page.
	Notice *Notice
}

// UserMenu names the person who is signed in.
type UserMenu struct {
	Name     string
	Email    string
	Initials string
}

// ElevationBar is the elevation that runs, shown in the amber bar.
type ElevationBar struct {
	// Scope is what it opens: "Acme / Orders", or "all of Acme".
	Scope string
	// Until is its end, in the zone it shall be printed in.
	Until time.Time
	// Left is the rest at the time of rendering: "24:10".
	Left   string
	Reason string
	// DropAction takes the POST that ends it; Here is that form's next.
	DropAction string
	Here       string
	// Ended prints "Your elevation has ended" in place of the countdown.
	Ended bool
}

// Kinds of a Flash.
const (
	FlashSuccess = "success"
	FlashError   = "error"
	FlashInfo    = "info"
)

// Flash is the one sentence after an act. Undo, if set, is printed as a form.
type Flash struct {
	Kind string
	Text string
	Undo *Undo
}

// Undo is the way back from an act that can be taken back.
type Undo struct {
	Text   string
	Action string
}

// Notice is a sentence above the page's content, with the way out of it.
type Notice struct {
	Text string
	Link *Link
	// Elevate says that Link leads to an elevation, which opens as a dialog and
	// keeps what was typed.
	Elevate bool
}

// FieldError is what is wrong with one field of a form. An empty Field says
// that it is about the whole form.
type FieldError struct {
	Field   string
	Message string
}

// Option is one choice of a select.
type Option struct {
	Value    string
	Text     string
	Selected bool
}

// ErrorPageView says what went wrong, in words; Frame.Title is its heading.
type ErrorPageView struct {
	Frame
	Status int
	Text   string
	// Reference finds the matter in the log; empty where there is none.
	Reference string
	Back      *Link
}
