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

// application is an application's "Getting started" page.
func (s *Server) application(w http.ResponseWriter, r *http.Request) error {
	started, err := s.Registry.GettingStarted(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"))
	if err != nil {
		return err
	}
	st := started.Standing
	path := appPath(st)
	view := templates.ApplicationView{
		Frame: s.frame(r, st.Application.Name, st), Name: st.Application.Name, Open: st.Application.Switches.Open,
		Summary: summary(started), BaseURLs: s.baseURLs(st, started.APIs), HasToken: started.HasToken,
		Curl: s.tryCurl(st, started.APIs, access.AllScopes()), FirstCallURL: path + "/calls", FirstCall: s.firstCallView(started.First),
		Proxies: s.proxies(st, started.APIs),
	}
	admin := st.Role.Reaches(access.Admin)
	if admin {
		view.SettingsURL = path + "/settings"
		if view.Clients, err = s.clientsView(r, st); err != nil {
			return err
		}
		view.EditURL, view.NewAPIURL, view.CreateTokenURL = path+"/edit", path+"/apis/new", managePath(st)+"/tokens/new"
	}
	for _, api := range started.APIs {
		row := templates.APIRow{Name: api.Name, Slug: api.Slug, Upstream: api.Upstream, URL: s.apiURL(st, api)}
		if admin {
			row.EditURL = path + "/apis/" + api.Slug + "/edit"
		}
		view.APIs = append(view.APIs, row)
	}
	return s.show(w, r, templates.Application(view))
}

// summary says in one sentence how the application can be opened.
func summary(started access.Started) string {
	text := "Secured: every request needs a credential."
	if started.Standing.Application.Switches.Open {
		text = "OPEN: requests need no credential."
	}
	if started.Basic.StateAt(started.Now) == access.Disabled {
		return text + " Basic is disabled."
	}
	return text + " Tokens and Basic work."
}

// firstCall is the fragment that waits for an application's first call.
func (s *Server) firstCall(w http.ResponseWriter, r *http.Request) error {
	started, err := s.Registry.GettingStarted(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"))
	if err != nil {
		return err
	}
	return s.show(w, r, templates.FirstCall(s.firstCallView(started.First)))
}

func (s *Server) newApplicationForm(w http.ResponseWriter, r *http.Request) error {
	view, err := s.newApplicationView(r)
	if err != nil {
		return err
	}
	return s.show(w, r, templates.ApplicationForm(view))
}

func (s *Server) newApplicationView(r *http.Request) (templates.ApplicationFormView, error) {
	st, err := s.Registry.Stand(r.Context(), s.actor(r), r.PathValue("org"), "", access.Admin)
	return templates.ApplicationFormView{
		Frame: s.frame(r, "New application", st, crumb("New application", "")), New: true, Action: orgPath(st) + "/apps",
		Name: r.PostForm.Get("name"), Slug: r.PostForm.Get("slug"), CancelURL: orgPath(st),
	}, err
}

// createApplication makes an application, with its Basic credentials.
func (s *Server) createApplication(w http.ResponseWriter, r *http.Request) error {
	draft := access.ApplicationDraft{Name: r.PostForm.Get("name"), Slug: r.PostForm.Get("slug")}
	made, err := s.Registry.CreateApplication(r.Context(), s.actor(r), r.PathValue("org"), draft)
	if fields, ok := fieldErrors(err); ok {
		view, err := s.newApplicationView(r)
		if err != nil {
			return err
		}
		view.Errors = fields
		return s.showErrors(w, r, templates.ApplicationForm(view))
	}
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, "Application “"+made.Name+"” created. Add an API to it next.", "/orgs/"+r.PathValue("org")+"/apps/"+made.Slug)
}

func (s *Server) editApplicationForm(w http.ResponseWriter, r *http.Request) error {
	view, err := s.editApplicationView(r)
	if err != nil {
		return err
	}
	return s.show(w, r, templates.ApplicationForm(view))
}

func (s *Server) editApplicationView(r *http.Request) (templates.ApplicationFormView, error) {
	st, err := s.Registry.Stand(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), access.Admin)
	view := templates.ApplicationFormView{
		Frame: s.frame(r, "Edit "+st.Application.Name, st, crumb("Edit", "")), Action: appPath(st), Name: st.Application.Name,
		Slug: st.Application.Slug, CancelURL: appPath(st),
	}
	if r.PostForm.Has("name") {
		view.Name = r.PostForm.Get("name")
	}
	return view, err
}

// updateApplication gives an application another name.
func (s *Server) updateApplication(w http.ResponseWriter, r *http.Request) error {
	err := s.Registry.RenameApplication(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), r.PostForm.Get("name"))
	if fields, ok := fieldErrors(err); ok {
		view, err := s.editApplicationView(r)
		if err != nil {
			return err
		}
		view.Errors = fields
		return s.showErrors(w, r, templates.ApplicationForm(view))
	}
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, "Saved.", "/orgs/"+r.PathValue("org")+"/apps/"+r.PathValue("app"))
}

func (s *Server) newAPIForm(w http.ResponseWriter, r *http.Request) error {
	draft, err := s.takeDraft(w, r)
	if err != nil {
		return err
	}
	view, err := s.newAPIView(r, draft)
	if err != nil {
		return err
	}
	return s.show(w, r, templates.APIForm(view))
}

func (s *Server) newAPIView(r *http.Request, form url.Values) (templates.APIFormView, error) {
	st, err := s.Registry.Stand(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), access.Admin)
	return templates.APIFormView{
		Frame: s.frame(r, "New API", st, crumb("New API", "")), New: true, Application: st.Application.Name, Action: appPath(st) + "/apis",
		Name: form.Get("name"), Slug: form.Get("slug"), Upstream: form.Get("upstream"), Timeout: form.Get("timeout"), CancelURL: appPath(st),
	}, err
}

// createAPI adds an API to an application.
func (s *Server) createAPI(w http.ResponseWriter, r *http.Request) error {
	draft := access.APIDraft{Slug: r.PostForm.Get("slug"), Name: r.PostForm.Get("name"), Upstream: r.PostForm.Get("upstream"), Timeout: timeoutIn(r.PostForm)}
	api, err := s.Registry.CreateAPI(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), draft)
	if fields, ok := fieldErrors(err); ok {
		view, err := s.newAPIView(r, r.PostForm)
		if err != nil {
			return err
		}
		view.Errors = fields
		return s.showErrors(w, r, templates.APIForm(view))
	}
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, "API “"+api.Name+"” added.", "/orgs/"+r.PathValue("org")+"/apps/"+r.PathValue("app"))
}

func (s *Server) editAPIForm(w http.ResponseWriter, r *http.Request) error {
	view, err := s.editAPIView(w, r)
	if err != nil {
		return err
	}
	return s.show(w, r, templates.APIForm(view))
}

func (s *Server) editAPIView(w http.ResponseWriter, r *http.Request) (templates.APIFormView, error) {
	st, api, err := s.Registry.APIOf(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), r.PathValue("api"))
	if err != nil {
		return templates.APIFormView{}, err
	}
	form := r.PostForm
	if r.Method == http.MethodGet {
		if form, err = s.takeDraft(w, r); err != nil {
			return templates.APIFormView{}, err
		}
	}
	view := templates.APIFormView{
		Frame: s.frame(r, "Edit "+api.Name, st, crumb("Edit "+api.Name, "")), Application: st.Application.Name, Action: appPath(st) + "/apis/" + api.Slug,
		Name: api.Name, Slug: api.Slug, Upstream: api.Upstream, CancelURL: appPath(st),
	}
	if api.Timeout != 0 {
		view.Timeout = strconv.Itoa(int(api.Timeout / time.Second))
	}
	if form.Has("name") {
		view.Name = form.Get("name")
	}
	if form.Has("upstream") {
		view.Upstream = form.Get("upstream")
	}
	if form.Has("timeout") {
		view.Timeout = form.Get("timeout")
	}
	return view, nil
}

// timeoutIn reads an API's timeout from a form, in seconds; what is no number is out
// of range.
func timeoutIn(form url.Values) time.Duration {
	text := strings.TrimSpace(form.Get("timeout"))
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return -time.Second
	}
	return time.Duration(n) * time.Second
}

// updateAPI changes an API's name, upstream and timeout.
func (s *Server) updateAPI(w http.ResponseWriter, r *http.Request) error {
	draft := access.APIDraft{Name: r.PostForm.Get("name"), Upstream: r.PostForm.Get("upstream"), Timeout: timeoutIn(r.PostForm)}
	err := s.Registry.UpdateAPI(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), r.PathValue("api"), draft)
	if fields, ok := fieldErrors(err); ok {
		view, err := s.editAPIView(w, r)
		if err != nil {
			return err
		}
		view.Errors = fields
		return s.showErrors(w, r, templates.APIForm(view))
	}
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, "Saved.", "/orgs/"+r.PathValue("org")+"/apps/"+r.PathValue("app"))
}
