package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"claviger/internal/access"
	"claviger/templates"
)

// bounded is a credential whose bounds are to be changed: where it lies, and what its
// form is called.
type bounded struct {
	standing access.Standing
	used     access.UsedCredential
	noun     string // empty: Basic
	label    string
	page     string // to go back to
	crumbs   []templates.Link
}

func (s *Server) restrictForm(w http.ResponseWriter, r *http.Request) error {
	draft, err := s.takeDraft(w, r)
	if err != nil {
		return err
	}
	return s.showRestrict(w, r, draft, nil)
}

// showRestrict renders the form, with what was wrong in it, if anything was.
func (s *Server) showRestrict(w http.ResponseWriter, r *http.Request, form url.Values, wrong []templates.FieldError) error {
	b, err := s.bounded(r)
	if err != nil {
		return err
	}
	c, use := b.used.Credential, b.used.LastUse
	view := templates.RestrictView{
		Noun: b.noun, Label: b.label, Allow: strings.Join(networks(c), "\n"), LastUsed: s.ago(use.At), LastFrom: use.Address,
		AskSure: slices.ContainsFunc(wrong, func(e templates.FieldError) bool { return e.Field == "sure" }), Sure: form.Get("sure") != "",
		Action: r.URL.EscapedPath(), CancelURL: b.page, Errors: wrong,
	}
	view.AskSure = view.AskSure || view.Sure
	if !c.Limit.None() {
		view.Rate, view.Burst = strconv.Itoa(c.Limit.PerSecond), strconv.Itoa(c.Limit.Burst)
	}
	if form.Has("allow") {
		view.Allow = strings.Join(form["allow"], "\n")
	}
	if form.Has("rate") || form.Has("burst") {
		view.Rate, view.Burst = form.Get("rate"), form.Get("burst")
	}
	view.Frame = s.frame(r, "Edit "+b.label, b.standing, b.crumbs...)
	if wrong != nil {
		return s.showErrors(w, r, templates.Restrict(view))
	}
	return s.show(w, r, templates.Restrict(view))
}

// bounded finds the credential of a route: a token, a client, or Basic.
func (s *Server) bounded(r *http.Request) (bounded, error) {
	if r.PathValue("id") != "" {
		sh, page, err := s.detail(r)
		c := page.Token.Credential
		href := sh.one(c.ID)
		return bounded{page.Standing, page.Token, sh.noun, c.Label, href, sh.crumbs(crumb(c.Label, href), crumb("Edit", ""))}, err
	}
	b, err := s.Registry.Basic(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"))
	if err != nil {
		return bounded{}, err
	}
	path := managePath(b.Standing)
	return bounded{b.Standing, b.Basic, "", b.Standing.Application.Name, path, []templates.Link{crumb("Manage API", path), crumb("Edit Basic", "")}}, nil
}

// restrict changes from where and how often a credential may be used. What the form does
// not name is left as it is.
func (s *Server) restrict(w http.ResponseWriter, r *http.Request) error {
	draft := boundsDraft(r.PostForm)
	if draft.Allow == nil && draft.Limit == nil {
		return &access.Error{Kind: access.Invalid, Message: "The form names neither addresses nor a limit, so nothing was changed."}
	}
	org, app, id := r.PathValue("org"), r.PathValue("app"), r.PathValue("id")
	var err error
	if id != "" {
		err = s.Registry.Restrict(r.Context(), s.actor(r), org, app, id, draft)
	} else {
		err = s.Registry.RestrictBasic(r.Context(), s.actor(r), org, app, draft)
	}
	if fields, ok := fieldErrors(err); ok {
		return s.showRestrict(w, r, r.PostForm, fields)
	}
	if err != nil {
		return err
	}
	back := "/orgs/" + org + "/apps/" + app + "/manage-api"
	if id != "" {
		back = shelfOf(r).one(id)
	}
	return s.flashAndGo(w, r, "Saved. The next request is judged by it.", back)
}

func boundsDraft(form url.Values) access.BoundsDraft {
	d := access.BoundsDraft{Sure: form.Get("sure") != ""}
	if form.Has("allow") {
		allow := form["allow"]
		d.Allow = &allow
	}
	if form.Has("rate") || form.Has("burst") {
		d.Limit = &access.LimitDraft{Rate: form.Get("rate"), Burst: form.Get("burst")}
	}
	return d
}

// limitInWords says how often a credential may be used; empty where there is no limit.
func limitInWords(l access.Limit) string {
	if l.None() {
		return ""
	}
	return "at most " + plural(l.PerSecond, "request") + " a second, bursts of " + grouped(l.Burst) + " · on each node"
}
