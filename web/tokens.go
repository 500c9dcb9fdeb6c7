package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/templates"
)

func (s *Server) newCredentialForm(w http.ResponseWriter, r *http.Request) error {
	draft, err := s.takeDraft(w, r)
	if err != nil {
		return err
	}
	return s.showCredentialForm(w, r, draft, nil)
}

// showCredentialForm renders the form, with what was wrong in it, if anything was.
func (s *Server) showCredentialForm(w http.ResponseWriter, r *http.Request, form url.Values, wrong []templates.FieldError) error {
	sh := shelfOf(r)
	view, err := s.credentialFormView(r, sh, form)
	if err != nil {
		return err
	}
	view.Errors = wrong
	status := http.StatusOK
	if wrong != nil {
		status = http.StatusUnprocessableEntity
	}
	if sh.kind == access.KindToken {
		s.render(w, r, status, templates.TokenForm(view))
		return nil
	}
	s.render(w, r, status, templates.ClientForm(templates.ClientFormView{TokenFormView: view, OfOrganization: sh.app == ""}))
	return nil
}

// credentialFormView makes the form with the values that were typed, if any were.
func (s *Server) credentialFormView(r *http.Request, sh shelf, form url.Values) (templates.TokenFormView, error) {
	st, apis, err := s.Registry.StandElevated(r.Context(), s.actor(r), sh.org, sh.app)
	if err != nil {
		return templates.TokenFormView{}, err
	}
	if form == nil {
		form = url.Values{"expires": {access.DefaultExpiry}, "scope": {"*:read"}}
	}
	of := st.Organization.Name
	if sh.app != "" {
		of = st.Application.Name
	}
	view := templates.TokenFormView{
		Frame: s.frame(r, "Create "+sh.noun, st, sh.crumbs(crumb("Create "+sh.noun, ""))...), Application: of, Action: sh.path,
		Label: form.Get("label"), ExpiresDate: form.Get("expires_date"), Allow: strings.Join(form["allow"], "\n"),
		Rate: form.Get("rate"), Burst: form.Get("burst"),
		Nonce: secret.RandomText(22), CancelURL: sh.page, Scopes: scopeRows(form, apis),
	}
	if nonce := nonceOf(form); nonce != "" {
		view.Nonce = nonce
	}
	s.expiryChoices(&view, form.Get("expires"), s.Registry.Limits.MaxLifetime, false)
	return view, nil
}

// scopeRows is a row an API, and one for any, with what the form has ticked.
func scopeRows(form url.Values, apis []access.API) []templates.ScopeRow {
	box := func(api string, action access.Action) templates.ScopeBox {
		value := access.Scope{API: api, Action: action}.String()
		return templates.ScopeBox{Value: value, Checked: slices.Contains(form["scope"], value)}
	}
	rows := []templates.ScopeRow{{Name: "Any API", Detail: "also those added later", Read: box(access.AnyAPI, access.Read), Write: box(access.AnyAPI, access.Write)}}
	for _, api := range apis {
		rows = append(rows, templates.ScopeRow{Name: api.Name, Detail: api.Slug, Read: box(api.Slug, access.Read), Write: box(api.Slug, access.Write)})
	}
	return rows
}

// expiryChoices offers the lifetimes up to the longest that a credential can have (0
// = any), each with its date spelled out.
func (s *Server) expiryChoices(view *templates.TokenFormView, chosen string, longest time.Duration, mustExpire bool) {
	now := s.now()
	view.MinDate = now.UTC().Format(time.DateOnly)
	if longest > 0 {
		view.MaxDate = now.Add(longest).UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	}
	add := func(value, text, date string) {
		view.Expires = append(view.Expires, templates.ExpiryChoice{Value: value, Text: text, Date: date, Checked: value == chosen})
	}
	offered := []int{7, 30, 90, 365}
	if n := int(longest / (24 * time.Hour)); longest > 0 {
		offered = slices.DeleteFunc(offered, func(days int) bool { return days > n })
		if n > 0 && n < 365 && !slices.Contains(offered, n) {
			offered = append(offered, n)
		}
		if n > 0 && n < 90 && chosen == access.DefaultExpiry {
			chosen = strconv.Itoa(n) + "d"
		}
	}
	for _, days := range offered {
		text := plural(days, "day")
		if days == 365 {
			text = "A year"
		}
		add(strconv.Itoa(days)+"d", text, now.AddDate(0, 0, days).Format(longDate))
	}
	add("custom", "On a date", "")
	if longest == 0 && !mustExpire {
		add("never", "Never", "")
	}
}

// createCredential makes a token or client and answers with the page that shows its
// secret, once.
func (s *Server) createCredential(w http.ResponseWriter, r *http.Request) error {
	sh := shelfOf(r)
	draft, wrong := draftOf(r.PostForm)
	if len(wrong) > 0 {
		return s.showCredentialForm(w, r, r.PostForm, wrong)
	}
	issue := s.Registry.IssueToken
	if sh.kind == access.KindClient {
		issue = s.Registry.IssueClient
	}
	issued, err := issue(r.Context(), s.actor(r), sh.org, sh.app, draft)
	if fields, ok := fieldErrors(err); ok {
		return s.showCredentialForm(w, r, r.PostForm, dateErrors(r.PostForm, fields))
	}
	if err != nil {
		return err
	}
	return s.showIssued(w, r, sh, issued)
}

// showIssued shows a new credential's secret, once; or that its form was sent before.
func (s *Server) showIssued(w http.ResponseWriter, r *http.Request, sh shelf, issued access.Issued) error {
	st, c := issued.Standing, issued.Credential
	frame := s.frame(r, sh.title()+" “"+c.Label+"” created", st, sh.crumbs(crumb(c.Label, ""))...)
	frame.Here = s.signNext(sh.page)
	if issued.Already {
		frame.Title = "Already created"
		return s.show(w, r, templates.AlreadyCreated(templates.AlreadyCreatedView{
			Frame: frame, Noun: sh.noun, Label: c.Label, TokenURL: sh.one(c.ID), BackURL: sh.page, BackText: sh.back(st),
		}))
	}
	scopes, expires, allow := scopesInWords(c.Restriction, issued.APIs), s.expiryInWords(c), allowInWords(c)
	if sh.kind == access.KindClient {
		return s.show(w, r, templates.ClientCreated(templates.ClientCreatedView{
			Frame: frame, Label: c.Label, ClientID: c.ID, Secret: issued.Secret.Expose(), Scopes: scopes, Expires: expires, Allow: allow,
			Use: s.clientSnippets(st, issued.APIs, c), Old: s.replaced(sh, issued.Old), DoneURL: sh.page,
		}))
	}
	return s.show(w, r, templates.TokenCreated(templates.TokenCreatedView{
		Frame: frame, Label: c.Label, Secret: issued.Secret.Expose(), Scopes: scopes, Expires: expires, Allow: allow,
		Curl: s.tryCurl(st, issued.APIs, c.Restriction), FirstCallURL: sh.one(c.ID) + "/calls", Old: s.replaced(sh, issued.Old), DoneURL: sh.page,
	}))
}

// back names the page that lists the shelf.
func (sh shelf) back(st access.Standing) string {
	switch {
	case sh.kind == access.KindToken:
		return "Manage API"
	case sh.app != "":
		return st.Application.Name
	}
	return st.Organization.Name
}

// draftOf reads the form. The console's own form (it has a nonce) must say what the
// credential may do; a script that names no scope gets one without a restriction.
func draftOf(form url.Values) (access.Draft, []templates.FieldError) {
	d := access.Draft{Label: form.Get("label"), Expires: form.Get("expires"), Allow: form["allow"], Nonce: nonceOf(form)}
	d.Limit = access.LimitDraft{Rate: form.Get("rate"), Burst: form.Get("burst")}
	var wrong []templates.FieldError
	var err error
	if d.Scopes, err = access.ParseScopes(strings.Join(form["scope"], " ")); err != nil {
		wrong, _ = fieldErrors(err)
	}
	if len(d.Scopes) == 0 && d.Nonce != "" && len(wrong) == 0 {
		wrong = append(wrong, templates.FieldError{Field: "scope", Message: "Tick at least one thing that it may do."})
	}
	if d.Expires == "custom" {
		if d.Expires = form.Get("expires_date"); d.Expires == "" {
			wrong = append(wrong, templates.FieldError{Field: "expires_date", Message: "Choose the date on which it expires."})
		}
	}
	return d, wrong
}

// dateErrors puts an error of the expiry at the date, where that was chosen.
func dateErrors(form url.Values, fields []templates.FieldError) []templates.FieldError {
	for i := range fields {
		if fields[i].Field == "expires" && form.Get("expires") == "custom" {
			fields[i].Field = "expires_date"
		}
	}
	return fields
}

func (s *Server) expiryInWords(c access.Credential) string {
	if c.ExpiresAt.IsZero() {
		return "never"
	}
	at := c.ExpiresAt.In(s.Zone)
	left := int((c.ExpiresAt.Sub(s.now()) + 12*time.Hour) / (24 * time.Hour))
	return at.Format(longDate) + ", in " + plural(left, "day")
}

func allowInWords(c access.Credential) string {
	if len(c.Allowed) == 0 {
		return "any address"
	}
	return strings.Join(networks(c), ", ")
}

func networks(c access.Credential) []string {
	out := make([]string, len(c.Allowed))
	for i, n := range c.Allowed {
		out[i] = n.String()
	}
	return out
}
