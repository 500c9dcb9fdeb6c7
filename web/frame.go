package web

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/a-h/templ"

	"claviger/internal/access"
	"claviger/templates"
)

const themeCookie = "claviger-theme"

// crumb is a step of the way from the organization to a page.
func crumb(text, href string) templates.Link { return templates.Link{Text: text, Href: href} }

func orgPath(s access.Standing) string { return "/orgs/" + s.Organization.Slug }

func appPath(s access.Standing) string { return orgPath(s) + "/apps/" + s.Application.Slug }

func managePath(s access.Standing) string { return appPath(s) + "/manage-api" }

// scopeOf returns the value of the elevation form's scope for a standing.
func scopeOf(st access.Standing) string {
	if st.Application.Slug == "" {
		return st.Organization.Slug
	}
	return st.Organization.Slug + "/" + st.Application.Slug
}

// frame returns what a page has around its content, for one that stands in an
// organization or application; the zero Standing is nowhere. more are the crumbs
// below it.
func (s *Server) frame(r *http.Request, title string, st access.Standing, more ...templates.Link) templates.Frame {
	f := templates.Frame{Title: title, Theme: s.themeOf(r), Now: s.now(), Here: s.here(r)}
	visit := visitOf(r)
	if visit == nil {
		return f
	}
	f.User = &templates.UserMenu{Name: visit.User.Name, Email: visit.User.Email, Initials: initials(visit.User.Name)}
	for _, o := range visit.Organizations {
		f.Organizations = append(f.Organizations, templates.Link{Text: o.Name, Href: "/orgs/" + o.Slug, Current: o.ID == st.Organization.ID})
	}
	s.framePlace(&f, st, more)
	if visit.Elevation.ID != "" {
		f.Elevation = s.elevationBar(r, visit)
	}
	if kind := s.recall(r, flashKind); kind != "" {
		f.Flash = &templates.Flash{Kind: kind, Text: s.recall(r, flashText)}
	}
	return f
}

// framePlace fills in the frame's parts that depend on where one is.
func (s *Server) framePlace(f *templates.Frame, st access.Standing, more []templates.Link) {
	if st.Organization.ID == "" {
		return
	}
	f.Organization = &templates.Link{Text: st.Organization.Name, Href: orgPath(st)}
	f.Crumbs = append(f.Crumbs, *f.Organization)
	f.CanElevate = st.Role.Reaches(access.Admin)
	f.ElevateURL = "/elevate?" + url.Values{"scope": {scopeOf(st)}, "next": {f.Here}}.Encode()
	if st.Role.Reaches(access.Admin) {
		f.ActivityURL, f.MembersURL = orgPath(st)+"/activity", orgPath(st)+"/members"
		f.InspectURL, f.InspectLocked = orgPath(st)+"/inspect", !st.Elevated() || st.Elevation.ApplicationID != ""
	}
	if st.Application.Switches.Open {
		f.OpenBanner = st.Application.Name + " is open: anybody can call its APIs without a credential."
	}
	if st.Application.ID != "" {
		f.Application = &templates.Link{Text: st.Application.Name, Href: appPath(st)}
		f.Crumbs = append(f.Crumbs, *f.Application)
		if st.Role.Reaches(access.Member) {
			f.ManageAPI = &templates.Link{Text: "Manage API", Href: managePath(st)}
			f.Locked = !st.Elevated()
		}
	}
	f.Crumbs = append(f.Crumbs, more...)
}

func (s *Server) elevationBar(r *http.Request, visit *access.Visit) *templates.ElevationBar {
	left := visit.Elevation.Until.Sub(s.now())
	return &templates.ElevationBar{
		Scope: visit.ElevatedScope, Until: visit.Elevation.Until.In(s.Zone), Left: clockText(left), Reason: visit.Elevation.Reason,
		DropAction: "/elevation/drop", Here: s.here(r),
	}
}

// here returns the signed way back to the page of a request: the page itself for
// a GET, none for a POST, whose address may be no page.
func (s *Server) here(r *http.Request) string {
	if r.Method != http.MethodGet {
		return ""
	}
	return s.signNext(r.URL.RequestURI())
}

const nextPurpose = "next"

// signNext signs a path of ours that a browser is to come back to (S10).
func (s *Server) signNext(path string) string { return s.Keys.Sign(nextPurpose, path) }

// next returns the path that a form's next leads to: only what we signed.
func (s *Server) next(signed, otherwise string) string {
	path, ok := s.Keys.Verify(nextPurpose, signed)
	if !ok || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return otherwise
	}
	return path
}

// initials returns the first letters of the first and the last word of a name.
func initials(name string) string {
	words := strings.Fields(name)
	var b strings.Builder
	for i, word := range words {
		if i > 0 && i < len(words)-1 {
			continue
		}
		first, _ := utf8.DecodeRuneInString(word)
		b.WriteRune(unicode.ToUpper(first))
	}
	return b.String()
}

func (s *Server) themeOf(r *http.Request) string {
	cookie, err := r.Cookie(s.sessions.theme)
	if err != nil || cookie.Value != "light" && cookie.Value != "dark" {
		return "auto"
	}
	return cookie.Value
}

// render writes a page. It is rendered before anything is sent, so that a failure
// is an error page and not half of one. A flash is shown once.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, page templ.Component) {
	if s.recall(r, flashKind) != "" {
		err := s.remember(w, r, func(values map[any]any) {
			delete(values, flashKind)
			delete(values, flashText)
		})
		if err != nil {
			s.Log.Warn("a flash could not be cleared", "error", err)
		}
	}
	body := bodies.Get().(*bytes.Buffer)
	defer emptied(body)
	// Somebody who has gone is no failure of ours: nothing that is rendered asks anybody.
	if err := page.Render(context.WithoutCancel(r.Context()), body); err != nil {
		s.writeProblem(w, r, problem{Status: http.StatusInternalServerError, Type: "internal", Title: "The page could not be made", Reference: s.report(r, "render", err)})
		return
	}
	text := body.Bytes()
	if !utf8.Valid(text) { // what somebody sent may stand on the page and be anything
		text = bytes.ToValidUTF8(text, []byte("\ufffd"))
	}
	writePage(w, r, status, text)
}

// bodies are used again: one of fifty rows is 160 KB, and growing to that is a good part
// of making it.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// emptied puts a body back that was sent. No secret stays behind, and none that is far
// larger than others.
func emptied(body *bytes.Buffer) {
	clear(body.Bytes())
	body.Reset()
	if body.Cap() <= 1<<20 {
		bodies.Put(body)
	}
}

// show renders a page with status 200.
func (s *Server) show(w http.ResponseWriter, r *http.Request, page templ.Component) error {
	s.render(w, r, http.StatusOK, page)
	return nil
}

// showErrors renders a form again that was filled in wrongly.
func (s *Server) showErrors(w http.ResponseWriter, r *http.Request, page templ.Component) error {
	s.render(w, r, http.StatusUnprocessableEntity, page)
	return nil
}

// seeOther leads to another page after an act (303).
func seeOther(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

// flashAndGo says how an act ended on the page that it leads to.
func (s *Server) flashAndGo(w http.ResponseWriter, r *http.Request, text, path string) error {
	if err := s.flash(w, r, templates.FlashSuccess, text); err != nil {
		return err
	}
	return seeOther(w, r, path)
}

// actor returns who does an act in this request; it must come from somebody signed in.
func (s *Server) actor(r *http.Request) access.Actor {
	visit := visitOf(r)
	if visit == nil {
		return access.Actor{UserID: "nobody"} // the domain finds no such session
	}
	return visit.Actor(s.caller(r, false), agent(r))
}
