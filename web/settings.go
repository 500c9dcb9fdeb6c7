package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"claviger/internal/access"
	"claviger/templates"
)

func (s *Server) settingsForm(w http.ResponseWriter, r *http.Request) error {
	draft, err := s.takeDraft(w, r)
	if err != nil {
		return err
	}
	return s.showSettings(w, r, draft, nil)
}

func (s *Server) showSettings(w http.ResponseWriter, r *http.Request, form url.Values, wrong []templates.FieldError) error {
	set, err := s.Registry.Settings(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"))
	if err != nil {
		return err
	}
	st, sw := set.Standing, set.Standing.Application.Switches
	view := templates.SettingsView{
		Application: st.Application.Name, Action: appPath(st) + "/settings", CancelURL: appPath(st), Open: sw.Open, MayOpen: st.Role.Reaches(access.Owner),
		QueryCredentials: sw.QueryCredentials, PasswordGrant: sw.PasswordGrant, DefaultTTL: seconds(set.DefaultTTL), MaxTTL: seconds(set.MaxTTL),
		DefaultTTLWords: inWords(set.DefaultTTL), MaxTTLWords: inWords(set.MaxTTL), APIs: []templates.Option{{Text: "none"}}, Errors: wrong,
		QueryUses: plural(set.ByQuery, "call") + " in 24 hours", PasswordUses: plural(set.ByPassword, "call") + " in 24 hours",
	}
	chosen := ""
	for _, api := range set.APIs {
		if api.ID == st.Application.DefaultAPI {
			chosen = api.Slug
		}
	}
	if form != nil {
		view.Open, view.QueryCredentials, view.PasswordGrant = form.Get("access") == "open", form.Get("query_credentials") == "on", form.Get("password_grant") == "on"
		view.DefaultTTL, view.MaxTTL, chosen = form.Get("default_ttl"), form.Get("max_ttl"), form.Get("default_api")
	}
	for _, api := range set.APIs {
		view.APIs = append(view.APIs, templates.Option{Value: api.Slug, Text: api.Name, Selected: api.Slug == chosen})
	}
	view.Frame = s.frame(r, "Settings of "+st.Application.Name, st, crumb("Settings", ""))
	if wrong != nil {
		return s.showErrors(w, r, templates.Settings(view))
	}
	return s.show(w, r, templates.Settings(view))
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// inWords says a TTL for people, where it is a whole number of a unit.
func inWords(d time.Duration) string {
	for _, unit := range []struct {
		name string
		of   time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}} {
		if d >= unit.of && d%unit.of == 0 {
			return plural(int(d/unit.of), unit.name)
		}
	}
	return ""
}

// settings changes how an application may be opened. What a form does not name is
// left as it is.
func (s *Server) settings(w http.ResponseWriter, r *http.Request) error {
	draft, wrong := switchDraft(r.PostForm)
	if draft == (access.SwitchDraft{}) {
		return &access.Error{Kind: access.Invalid, Message: "The form names no setting, so nothing was changed."}
	}
	if len(wrong) == 0 {
		err := s.Registry.Switch(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), draft)
		fields, ok := fieldErrors(err)
		if err != nil && !ok {
			return err
		}
		wrong = fields
	}
	if len(wrong) > 0 {
		return s.showSettings(w, r, r.PostForm, wrong)
	}
	return s.flashAndGo(w, r, "Saved.", "/orgs/"+r.PathValue("org")+"/apps/"+r.PathValue("app"))
}

func switchDraft(form url.Values) (access.SwitchDraft, []templates.FieldError) {
	var d access.SwitchDraft
	var wrong []templates.FieldError
	choose := func(field, on, off string) *bool {
		is := form.Get(field) == on
		if !form.Has(field) {
			return nil
		}
		if !is && form.Get(field) != off {
			wrong = append(wrong, templates.FieldError{Field: field, Message: "Choose " + on + " or " + off + "."})
		}
		return &is
	}
	ttl := func(field string) *int64 {
		text := strings.TrimSpace(form.Get(field))
		if !form.Has(field) {
			return nil
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			wrong = append(wrong, templates.FieldError{Field: field, Message: "Enter a number of seconds, such as 604800 for 7 days."})
		}
		return &n
	}
	d.Open = choose("access", "open", "secured")
	d.QueryCredentials = choose("query_credentials", "on", "off")
	d.PasswordGrant = choose("password_grant", "on", "off")
	d.DefaultTTL, d.MaxTTL = ttl("default_ttl"), ttl("max_ttl")
	if form.Has("default_api") {
		api := form.Get("default_api")
		d.DefaultAPI = &api
	}
	return d, wrong
}
