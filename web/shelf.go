package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"claviger/internal/access"
	"claviger/templates"
)

// shelf is where credentials of one kind lie: an application's tokens on its Manage
// API page, its clients on its own page, an organization's clients on its overview.
// The handlers of their pages are the same; they find their shelf by the route.
type shelf struct {
	kind access.Kind
	noun string // "token", "client"
	org  string // slugs
	app  string // empty: the organization's own clients
	page string // path of the page that lists them
	path string // path under which they stand
}

func shelfOf(r *http.Request) shelf {
	sh := shelf{kind: access.KindToken, noun: "token", org: r.PathValue("org"), app: r.PathValue("app")}
	sh.page = "/orgs/" + sh.org
	if sh.app != "" {
		sh.page += "/apps/" + sh.app
	}
	if strings.Contains(r.Pattern, "/manage-api/tokens") {
		sh.page += "/manage-api"
		sh.path = sh.page + "/tokens"
		return sh
	}
	sh.kind, sh.noun = access.KindClient, "client"
	sh.path = sh.page + "/clients"
	return sh
}

// one is the path of one credential.
func (sh shelf) one(id string) string { return sh.path + "/" + url.PathEscape(id) }

// crumbs lead from the application, or the organization, to a page of the shelf.
func (sh shelf) crumbs(last ...templates.Link) []templates.Link {
	if sh.kind == access.KindToken {
		return append([]templates.Link{crumb("Manage API", sh.page)}, last...)
	}
	return append([]templates.Link{crumb("Clients", sh.page+"#clients")}, last...)
}

// title begins a sentence with the noun: "Token", "Client".
func (sh shelf) title() string { return strings.ToUpper(sh.noun[:1]) + sh.noun[1:] }

// row is a credential as a table shows it, with the acts that it can take.
func (s *Server) row(sh shelf, t *access.UsedCredential, apis []access.API) templates.TokenRow {
	c := &t.Credential
	href := sh.one(c.ID)
	row := templates.TokenRow{
		ID: c.ID, Label: c.Label, Href: href, Masked: c.Masked(), Scopes: scopesInWords(c.Restriction, apis), Created: s.dated(c.CreatedAt),
		CreatedBy: c.CreatedBy, LastUsed: s.ago(t.LastUse.At), LastFrom: t.LastUse.Address, LastAgent: shortAgent(t.LastUse.Agent),
		Calls: grouped(t.Calls), Spark: t.Hours[:], State: string(t.State), RenameURL: href + "/rename",
	}
	row.Expires, row.ExpiresSoon = s.expires(*c)
	if !c.UnconfirmedAt.IsZero() && (t.State == access.Active || t.State == access.Paused) {
		row.Unconfirmed, row.ConfirmAction = true, href+"/confirm"
	}
	if t.State != access.Revoked {
		row.RevokeURL = sh.path + "/revoke?id=" + url.QueryEscape(c.ID)
	}
	switch t.State {
	case access.Active:
		row.PauseAction, row.ReplaceURL = href+"/pause", href+"/replace"
	case access.Paused:
		row.ResumeAction, row.ReplaceURL = href+"/resume", href+"/replace"
	}
	return row
}

// detail loads the credential of a route, with its use and history.
func (s *Server) detail(r *http.Request) (shelf, access.TokenPage, error) {
	sh := shelfOf(r)
	page, err := s.Registry.Token(r.Context(), s.actor(r), sh.org, sh.app, r.PathValue("id"))
	if err == nil && page.Token.Credential.Kind != sh.kind {
		err = &access.Error{Kind: access.NotFound, Message: "There is no such " + sh.noun + " here."}
	}
	return sh, page, err
}

// credential is the page of one token or client.
func (s *Server) credential(w http.ResponseWriter, r *http.Request) error {
	sh, page, err := s.detail(r)
	if err != nil {
		return err
	}
	st, c := page.Standing, page.Token.Credential
	row := s.row(sh, &page.Token, page.APIs)
	view := templates.TokenView{
		Frame: s.frame(r, c.Label, st, sh.crumbs(crumb(c.Label, ""))...), Label: c.Label, Masked: c.Masked(), State: row.State,
		StateDetail: s.stateDetail(page.Token), Scopes: row.Scopes, Created: row.Created, CreatedBy: row.CreatedBy, Expires: row.Expires,
		ExpiresSoon: row.ExpiresSoon, Allow: networks(c), Limit: limitInWords(c.Limit), LastUsed: row.LastUsed, LastFrom: row.LastFrom, LastAgent: page.Token.LastUse.Agent,
		Calls: row.Calls, Calls30: grouped(acceptedCalls(page.Usage.Days)), Usage: s.usageView(page.Usage), Replaces: s.replaced(sh, page.Old), ReplacedBy: s.replaced(sh, page.New), RenameURL: row.RenameURL,
		PauseAction: row.PauseAction, ResumeAction: row.ResumeAction, ReplaceURL: row.ReplaceURL, RevokeURL: row.RevokeURL,
	}
	if row.ReplaceURL != "" { // it has not ended
		view.RestrictURL = sh.one(c.ID) + "/restrict"
	}
	if row.Unconfirmed {
		view.ConfirmAction, view.Unconfirmed = row.ConfirmAction, s.unconfirmed(c)
	}
	for _, e := range page.Events {
		view.Events = append(view.Events, s.eventRow(e, nil))
	}
	if sh.kind == access.KindToken {
		return s.show(w, r, templates.Token(view))
	}
	tokens := s.accessTokens(page.Access, sh.one(c.ID), true)
	return s.show(w, r, templates.Client(templates.ClientView{TokenView: view, ClientID: c.ID, AccessTokens: tokens}))
}

// unconfirmed says what a restore left open about a credential.
func (s *Server) unconfirmed(c access.Credential) string {
	end := "revoke it"
	if c.Kind == access.KindBasic {
		end = "disable it below"
	}
	return "A backup was restored on " + c.UnconfirmedAt.In(s.Zone).Format(longTime) +
		", and nobody knows whether this was revoked before that. It works. Confirm that it should, or " + end + "."
}

// replaced is the other one of a replacement, or nil.
func (s *Server) replaced(sh shelf, u access.UsedCredential) *templates.ReplacedView {
	c := u.Credential
	if c.ID == "" {
		return nil
	}
	until, _ := s.expires(c)
	return &templates.ReplacedView{
		Label: c.Label, Masked: c.Masked(), Href: sh.one(c.ID), Until: until, Ended: u.State == access.Revoked || u.State == access.Expired,
		LastUsed: s.ago(u.LastUse.At), LastFrom: u.LastUse.Address, LastAgent: shortAgent(u.LastUse.Agent),
	}
}

// stateDetail says since when a credential is in its state, by whom and why.
func (s *Server) stateDetail(t access.UsedCredential) string {
	c := t.Credential
	on := func(at time.Time) string { return at.In(s.Zone).Format(longTime) }
	switch t.State {
	case access.Paused:
		return "since " + on(c.PausedAt)
	case access.Expired:
		return "since " + on(c.ExpiresAt)
	case access.Revoked:
		detail := "on " + on(c.RevokedAt) + " by " + c.RevokedBy
		if c.RevokedReason != "" {
			detail += ": " + c.RevokedReason
		}
		return detail
	}
	return ""
}

// credentialCalls is the fragment that waits for a credential's first call.
func (s *Server) credentialCalls(w http.ResponseWriter, r *http.Request) error {
	_, page, err := s.detail(r)
	if err != nil {
		return err
	}
	return s.show(w, r, templates.FirstCall(s.firstCallView(page.Token.LastUse)))
}

func (s *Server) renameForm(w http.ResponseWriter, r *http.Request) error {
	draft, err := s.takeDraft(w, r)
	if err != nil {
		return err
	}
	view, err := s.renameView(r, draft)
	if err != nil {
		return err
	}
	return s.show(w, r, templates.RenameToken(view))
}

func (s *Server) renameView(r *http.Request, form url.Values) (templates.RenameTokenView, error) {
	sh, page, err := s.detail(r)
	if err != nil {
		return templates.RenameTokenView{}, err
	}
	c := page.Token.Credential
	href := sh.one(c.ID)
	view := templates.RenameTokenView{
		Frame: s.frame(r, "Rename "+sh.noun, page.Standing, sh.crumbs(crumb(c.Label, href), crumb("Rename", ""))...), Noun: sh.noun,
		Was: c.Label, Label: c.Label, Action: href + "/rename", CancelURL: href,
	}
	if form.Has("label") {
		view.Label = form.Get("label")
	}
	return view, nil
}

// rename gives a credential another label.
func (s *Server) rename(w http.ResponseWriter, r *http.Request) error {
	sh, label := shelfOf(r), r.PostForm.Get("label")
	err := s.Registry.Rename(r.Context(), s.actor(r), sh.org, sh.app, r.PathValue("id"), label)
	if fields, ok := fieldErrors(err); ok {
		view, err := s.renameView(r, r.PostForm)
		if err != nil {
			return err
		}
		view.Errors = fields
		return s.showErrors(w, r, templates.RenameToken(view))
	}
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, "Renamed to “"+strings.TrimSpace(label)+"”.", sh.one(r.PathValue("id")))
}

// done says what became of credentials.
var done = map[access.Verb]string{
	access.RevokeThem:  "revoked: refused from now on, for good",
	access.PauseThem:   "paused: refused until you resume",
	access.ResumeThem:  "resumed: accepted again",
	access.ConfirmThem: "confirmed: it lives on",
}

// outcome says in one sentence what became of credentials.
func outcome(noun string, verb access.Verb, changed []access.Credential) string {
	switch len(changed) {
	case 0:
		return "Nothing was changed: that was so before."
	case 1:
		return "“" + changed[0].Label + "” is " + done[verb] + "."
	}
	return plural(len(changed), noun) + " " + done[verb] + "."
}

// confirm shows what is to be revoked, paused, resumed or confirmed, with its last use.
func (s *Server) confirm(verb access.Verb) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		sh := shelfOf(r)
		st, list, err := s.Registry.Tokens(r.Context(), s.actor(r), sh.org, sh.app, r.Form["id"])
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return s.nothingChosen(w, r, sh.page)
		}
		of := st.Organization.Name
		if sh.app != "" {
			of = st.Application.Name
		}
		title := strings.ToUpper(string(verb)[:1]) + string(verb)[1:] + " " + plural(len(list), sh.noun)
		view := templates.RevokeConfirmView{
			Frame: s.frame(r, title, st, sh.crumbs(crumb(title, ""))...), Act: string(verb), Noun: sh.noun, Application: of,
			Action: sh.path + "/" + string(verb), CancelURL: sh.page, Together: s.together(list),
		}
		for _, t := range list {
			view.Tokens = append(view.Tokens, s.revokeRow(t))
		}
		return s.show(w, r, templates.RevokeConfirm(view))
	}
}

func (s *Server) nothingChosen(w http.ResponseWriter, r *http.Request, path string) error {
	if err := s.flash(w, r, templates.FlashInfo, "Nothing was chosen. Tick what you mean."); err != nil {
		return err
	}
	return seeOther(w, r, path)
}

func (s *Server) revokeRow(t access.UsedCredential) templates.RevokeRow {
	return templates.RevokeRow{ID: t.Credential.ID, Label: t.Credential.Label, Masked: t.Credential.Masked(), Use: s.useLine(t)}
}

// change revokes, pauses, resumes or confirms the credentials that were chosen.
func (s *Server) change(verb access.Verb) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		sh := shelfOf(r)
		changed, err := s.Registry.Each(r.Context(), s.actor(r), sh.org, sh.app, verb, r.PostForm["id"])
		if err != nil {
			return err
		}
		return s.flashAndGo(w, r, outcome(sh.noun, verb, changed), sh.page)
	}
}

// changeOne pauses, resumes or confirms one credential, by the button on its page.
func (s *Server) changeOne(verb access.Verb) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		sh, id := shelfOf(r), r.PathValue("id")
		changed, err := s.Registry.Each(r.Context(), s.actor(r), sh.org, sh.app, verb, []string{id})
		if err != nil {
			return err
		}
		if len(changed) == 0 {
			return seeOther(w, r, sh.one(id))
		}
		return s.flashAndGo(w, r, outcome(sh.noun, verb, changed), sh.one(id))
	}
}
