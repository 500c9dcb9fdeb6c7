package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/templates"
)

// toElevation leads to the elevation and from there to where one wanted to go. A
// POST is never sent again: one comes back to the page its form stands on, and
// finds the form filled in.
func (s *Server) toElevation(w http.ResponseWriter, r *http.Request) {
	next := r.URL.RequestURI()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		next = s.formPage(r)
		if err := s.keepDraft(w, r, next); err != nil {
			s.Log.Warn("a form could not be kept over an elevation", "error", err)
		}
	}
	scope := r.PathValue("org")
	if app := r.PathValue("app"); app != "" {
		scope += "/" + app
	}
	query := url.Values{"scope": {scope}, "next": {s.signNext(next)}}
	http.Redirect(w, r, "/elevate?"+query.Encode(), http.StatusSeeOther)
}

// formPage returns the page on which the form of a POST stands.
func (s *Server) formPage(r *http.Request) string {
	for _, rt := range s.routes() {
		if rt.pattern != r.Pattern || rt.form == "" {
			continue
		}
		path := rt.form
		for _, name := range []string{"org", "app", "api", "id", "user", "token"} {
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(r.PathValue(name)))
		}
		if ids := r.PostForm["id"]; len(ids) > 0 {
			path += "?" + url.Values{"id": ids}.Encode() // the page asks what to revoke by its address
		}
		return path
	}
	return "/"
}

// splitScope reads the scope of an elevation: ORG or ORG/APP.
func splitScope(scope string) (organization, application string) {
	organization, application, _ = strings.Cut(scope, "/")
	return organization, application
}

// elevateForm asks for an elevation; those who cannot elevate are told so.
func (s *Server) elevateForm(w http.ResponseWriter, r *http.Request) error {
	scope := r.Form.Get("scope")
	if scope == "" {
		if organizations := visitOf(r).Organizations; len(organizations) > 0 {
			scope = organizations[0].Slug
		}
	}
	org, app := splitScope(scope)
	form, err := s.Accounts.ElevationForm(r.Context(), s.actor(r), org, app)
	if access.KindOf(err) == access.Forbidden {
		return s.cannotElevate(w, r, org)
	}
	if err != nil {
		return err
	}
	view := s.elevateView(r, form, app)
	view.Scopes[0].Checked = true
	return s.show(w, r, templates.Elevate(view))
}

// elevateView returns the form for an application, or, where app is empty, for the
// whole organization alone.
func (s *Server) elevateView(r *http.Request, form access.ElevationForm, app string) templates.ElevateView {
	st := form.Standing
	view := templates.ElevateView{
		Frame: s.frame(r, "Elevate permissions", st), Reason: r.PostForm.Get("reason"), RecentReasons: form.Reasons,
		AskPassword: form.AskPassword, Next: r.Form.Get("next"), CancelURL: orgPath(st),
	}
	if app != "" {
		view.CancelURL = appPath(st)
		view.Scopes = append(view.Scopes, templates.ElevateScope{Value: scopeOf(st), Title: st.Organization.Name + " / " + st.Application.Name, Detail: "this application"})
	}
	view.Scopes = append(view.Scopes, templates.ElevateScope{Value: st.Organization.Slug, Title: "All of " + st.Organization.Name, Detail: plural(form.Applications, "application")})
	chosen := r.PostForm.Get("minutes")
	if chosen == "" {
		chosen = strconv.Itoa(defaultMinutes(form.Minutes))
	}
	for _, m := range form.Minutes {
		until := form.Now.In(s.Zone).Add(time.Duration(m) * time.Minute)
		view.Minutes = append(view.Minutes, templates.ElevateMinutes{Minutes: m, Until: until.Format("15:04"), Checked: chosen == strconv.Itoa(m)})
	}
	next := s.next(view.Next, "")
	if strings.HasSuffix(next, "/manage-api") && app != "" {
		view.NextTitle = "Manage API of " + st.Application.Name
	}
	return view
}

// defaultMinutes is 30, or the longest that can be chosen.
func defaultMinutes(choices []int) int {
	best := choices[0]
	for _, m := range choices {
		if m <= 30 {
			best = m
		}
	}
	return best
}

// elevate begins an elevation and leads to where one wanted to go.
func (s *Server) elevate(w http.ResponseWriter, r *http.Request) error {
	form := r.PostForm
	org, app := splitScope(form.Get("scope"))
	minutes, err := strconv.Atoi(form.Get("minutes"))
	if form.Get("minutes") == "" {
		minutes, err = defaultMinutes(s.Accounts.ElevationChoices()), nil
	}
	if err != nil {
		minutes = -1 // refused below, with the field's own message
	}
	draft := access.ElevationDraft{
		Organization: org, Application: app, Reason: form.Get("reason"), Minutes: minutes,
		Password: secret.New(form.Get("password")), Device: s.sessions.deviceOf(r),
	}
	token, err := s.Accounts.Elevate(r.Context(), *visitOf(r), s.actor(r), draft)
	fields, isForm := fieldErrors(err)
	switch kind := access.KindOf(err); {
	case err == nil:
	case kind == access.Forbidden:
		return s.cannotElevate(w, r, org)
	case isForm:
		return s.elevateAgain(w, r, draft, http.StatusUnprocessableEntity, fields)
	case kind == access.RateLimited:
		w.Header().Set("Retry-After", retryAfter(access.AsError(err).RetryAfter))
		return s.elevateAgain(w, r, draft, http.StatusTooManyRequests, []templates.FieldError{{Field: "password", Message: access.AsError(err).Message}})
	default:
		return err
	}
	s.sessions.setToken(w, token)
	otherwise := "/orgs/" + org
	if app != "" {
		otherwise += "/apps/" + app + "/manage-api"
	}
	return seeOther(w, r, s.next(form.Get("next"), otherwise))
}

func (s *Server) elevateAgain(w http.ResponseWriter, r *http.Request, d access.ElevationDraft, status int, fields []templates.FieldError) error {
	form, err := s.Accounts.ElevationForm(r.Context(), s.actor(r), d.Organization, d.Application)
	if err != nil {
		return err
	}
	view := s.elevateView(r, form, d.Application)
	for i := range view.Scopes {
		view.Scopes[i].Checked = view.Scopes[i].Value == r.PostForm.Get("scope")
	}
	view.Errors = fields
	s.render(w, r, status, templates.Elevate(view))
	return nil
}

// cannotElevate tells members and viewers plainly, and who can.
func (s *Server) cannotElevate(w http.ResponseWriter, r *http.Request, organization string) error {
	st, admins, err := s.Accounts.WhoCanElevate(r.Context(), s.actor(r), organization)
	if err != nil {
		return err
	}
	s.logRefused(r, visitOf(r), http.StatusForbidden)
	s.render(w, r, http.StatusForbidden, templates.CannotElevate(templates.CannotElevateView{
		Frame: s.frame(r, "You cannot elevate", st), Organization: st.Organization.Name, Role: string(st.Role), Admins: admins,
		Back: templates.Link{Text: "Back to " + st.Organization.Name, Href: orgPath(st)},
	}))
	return nil
}

// drop ends the elevation and leads back, to a page that needs none.
func (s *Server) drop(w http.ResponseWriter, r *http.Request) error {
	visit := visitOf(r)
	token, err := s.Accounts.Drop(r.Context(), *visit, s.actor(r))
	if err != nil {
		return err
	}
	if !token.IsZero() {
		s.sessions.setToken(w, token)
		if err := s.flash(w, r, templates.FlashSuccess, "Elevation dropped. You see what everybody in your role sees."); err != nil {
			return err
		}
	}
	next := s.next(r.PostForm.Get("next"), "/")
	if before, _, ok := strings.Cut(next, "/manage-api"); ok {
		next = before
	}
	return seeOther(w, r, next)
}

// retryAfter prints a wait in whole seconds, rounded up (RFC 9110 §10.2.3).
func retryAfter(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}
