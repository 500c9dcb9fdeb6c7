package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/templates"
)

// profile is a person's own page.
func (s *Server) profile(w http.ResponseWriter, r *http.Request) error {
	p, err := s.Accounts.Profile(r.Context(), s.actor(r))
	if err != nil {
		return err
	}
	view := templates.ProfileView{
		Frame: s.frame(r, "Your profile", access.Standing{}), Name: p.User.Name, Email: p.User.Email,
		RevokeAllURL: "/profile/revoke", Tokens: templates.PersonalTokensView{RevokeURL: "/profile/tokens/revoke"},
	}
	if len(p.Organizations) > 0 {
		view.CreateURL = "/profile/tokens/new"
	}
	names := map[string]string{}
	for _, o := range p.Organizations {
		names[o.ID] = o.Name
		view.Organizations = append(view.Organizations, templates.OrganizationRow{Name: o.Name, Slug: o.Slug, Href: "/orgs/" + o.Slug, Role: string(p.Roles[o.ID])})
	}
	live, folded := 0, 0
	for _, t := range p.Tokens {
		row := templates.PersonalRow{TokenRow: s.personalRow(t, "/profile/tokens"), Organization: names[t.Credential.OrganizationID]}
		if t.State == access.Active || t.State == access.Paused {
			live++
			view.Tokens.Rows = append(view.Tokens.Rows, row)
			continue
		}
		folded++
		view.Tokens.Folded = append(view.Tokens.Folded, row)
	}
	view.Tokens.Total = grouped(live)
	if folded > 0 {
		view.Tokens.FoldedText = grouped(folded) + " revoked and expired"
	}
	return s.show(w, r, templates.Profile(view))
}

// personalRow is a personal token as a table shows it.
func (s *Server) personalRow(t access.UsedCredential, path string) templates.TokenRow {
	row := s.row(shelf{path: path}, &t, nil)
	row.Href, row.RenameURL, row.ConfirmAction, row.PauseAction, row.ResumeAction, row.ReplaceURL = "", "", "", "", "", ""
	row.CreatedBy = "" // whose it is
	return row
}

func (s *Server) personalForm(w http.ResponseWriter, r *http.Request) error {
	return s.showPersonalForm(w, r, nil, nil)
}

func (s *Server) showPersonalForm(w http.ResponseWriter, r *http.Request, form url.Values, wrong []templates.FieldError) error {
	if form == nil {
		form = url.Values{"expires": {"365d"}, "scope": {"*:read", "*:write"}, "organization": {r.URL.Query().Get("organization")}}
	}
	view := templates.PersonalFormView{TokenFormView: templates.TokenFormView{
		Frame: s.frame(r, "Create API token", access.Standing{}), Action: "/profile/tokens", Label: form.Get("label"), ExpiresDate: form.Get("expires_date"),
		Nonce: secret.RandomText(22), CancelURL: "/profile", Scopes: scopeRows(form, nil), Errors: wrong,
	}}
	if nonce := nonceOf(form); nonce != "" {
		view.Nonce = nonce
	}
	longest := 365 * 24 * time.Hour
	if most := s.Registry.Limits.MaxLifetime; most > 0 {
		longest = min(longest, most)
	}
	s.expiryChoices(&view.TokenFormView, form.Get("expires"), longest, true)
	for _, o := range visitOf(r).Organizations {
		view.Organizations = append(view.Organizations, templates.Option{Value: o.Slug, Text: o.Name, Selected: o.Slug == form.Get("organization")})
	}
	if wrong != nil {
		return s.showErrors(w, r, templates.PersonalForm(view))
	}
	return s.show(w, r, templates.PersonalForm(view))
}

// createPersonal makes a personal token and shows its secret, once.
func (s *Server) createPersonal(w http.ResponseWriter, r *http.Request) error {
	draft, wrong := draftOf(r.PostForm)
	draft.Allow = nil
	org := r.PostForm.Get("organization")
	if org == "" && len(visitOf(r).Organizations) == 1 {
		org = visitOf(r).Organizations[0].Slug
	}
	var issued access.Issued
	var err error
	if len(wrong) == 0 {
		issued, err = s.Accounts.IssuePersonal(r.Context(), s.actor(r), org, draft)
		wrong, _ = fieldErrors(err)
		if access.KindOf(err) == access.NotFound {
			wrong = []templates.FieldError{{Field: "organization", Message: "Choose one of your organizations."}}
		}
	}
	if len(wrong) > 0 {
		return s.showPersonalForm(w, r, r.PostForm, dateErrors(r.PostForm, wrong))
	}
	if err != nil {
		return err
	}
	c, frame := issued.Credential, s.frame(r, "API token “"+issued.Credential.Label+"” created", access.Standing{})
	frame.Here = s.signNext("/profile")
	if issued.Already {
		frame.Title = "Already created"
		return s.show(w, r, templates.AlreadyCreated(templates.AlreadyCreatedView{Frame: frame, Label: c.Label, BackURL: "/profile", BackText: "your API tokens"}))
	}
	return s.show(w, r, templates.PersonalCreated(templates.PersonalCreatedView{
		Frame: frame, Label: c.Label, Secret: issued.Secret.Expose(), Organization: issued.Standing.Organization.Name, Scopes: scopesInWords(c.Restriction, nil),
		Expires: s.expiryInWords(c), Use: s.personalUse(visitOf(r).User.Email, issued.Standing), Base64: base64Snippets(visitOf(r).User.Email), DoneURL: "/profile",
	}))
}

// confirmOwn asks before personal tokens of one's own are revoked.
func (s *Server) confirmOwn(w http.ResponseWriter, r *http.Request) error {
	p, err := s.Accounts.Profile(r.Context(), s.actor(r))
	if err != nil {
		return err
	}
	view := templates.RevokeConfirmView{
		Frame: s.frame(r, "Revoke API tokens", access.Standing{}), Noun: "personal token", Application: "you", Action: "/profile/tokens/revoke", CancelURL: "/profile",
	}
	for _, t := range p.Tokens {
		for _, id := range r.Form["id"] {
			if id == t.Credential.ID {
				view.Tokens = append(view.Tokens, s.revokeRow(t))
			}
		}
	}
	if len(view.Tokens) == 0 {
		return s.nothingChosen(w, r, "/profile")
	}
	return s.show(w, r, templates.RevokeConfirm(view))
}

// revokeOwn revokes personal tokens of one's own.
func (s *Server) revokeOwn(w http.ResponseWriter, r *http.Request) error {
	revoked, err := s.Accounts.RevokeOwn(r.Context(), s.actor(r), r.PostForm["id"])
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, outcome("API token", access.RevokeThem, revoked), "/profile")
}

// confirmOwnEverything asks before one signs out everywhere.
func (s *Server) confirmOwnEverything(w http.ResponseWriter, r *http.Request) error {
	p, err := s.Accounts.Profile(r.Context(), s.actor(r))
	if err != nil {
		return err
	}
	d := access.MemberDetail{AccessTokens: p.AccessTokens}
	for _, t := range p.Tokens {
		if t.State == access.Active || t.State == access.Paused {
			d.Tokens = append(d.Tokens, t)
		}
	}
	view := s.ownEverythingView(r)
	view.Affected, view.Email, view.AskPassword = s.affected(d), visitOf(r).User.Email, visitOf(r).AsksPassword(s.Clock.Now())
	return s.show(w, r, templates.MemberConfirm(view))
}

func (s *Server) ownEverythingView(r *http.Request) templates.MemberConfirmView {
	heading := "Sign out everywhere and revoke everything?"
	return templates.MemberConfirmView{
		Frame: s.frame(r, heading, access.Standing{}), Heading: heading, Verb: "Sign out and revoke everything",
		Consequence: "All your sessions end, here too; your personal tokens and access tokens are revoked for good, in every organization.",
		Action:      "/profile/revoke", CancelURL: "/profile",
	}
}

// revokeOwnEverything signs one out everywhere and revokes all that one holds.
func (s *Server) revokeOwnEverything(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Accounts.RevokeOwnEverything(r.Context(), *visitOf(r), s.actor(r), s.proof(r)); err != nil {
		return s.proveAgain(w, r, err, s.ownEverythingView(r))
	}
	s.sessions.clearToken(w)
	return seeOther(w, r, "/sign-in")
}

// peoplesTokens lists the personal tokens of an organization's members.
func (s *Server) peoplesTokens(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	filter, err := tokenFilter(query, s.Clock.Now())
	if err != nil {
		return err
	}
	p, err := s.Registry.PeoplesTokens(r.Context(), s.actor(r), r.PathValue("org"), query.Get("member"), filter)
	if err != nil {
		return err
	}
	path := membersPath(r) + "/tokens"
	view := templates.MembersTokensView{
		Frame: s.frame(r, "Personal tokens", p.Standing, membersCrumbs(r, "Personal tokens")...), Organization: p.Standing.Organization.Name,
		Tokens: templates.PersonalTokensView{
			FormURL: path, Query: query.Get("q"), Member: query.Get("member"), States: stateOptions(query.Get("state")), Filtered: query.Get("q") != "" || query.Get("state") != "" || query.Get("member") != "",
			Total: counted(p.Total), RevokeURL: path + "/revoke", PauseURL: path + "/pause", ResumeURL: path + "/resume", ActsLocked: !p.Standing.Elevated(),
		},
	}
	for _, t := range p.Tokens {
		u := p.Users[t.Credential.UserID]
		row := s.personalRow(t, path)
		if row.Unconfirmed {
			view.Tokens.ConfirmURL = path + "/confirm"
		}
		view.Tokens.Rows = append(view.Tokens.Rows, templates.PersonalRow{TokenRow: row, Whose: u.Name, WhoseEmail: u.Email})
		if query.Get("member") != "" {
			view.Whose = u.Name
		}
	}
	ends := pager{list: p.Tokens, more: p.More, newer: p.Newer, total: p.Total}
	view.Tokens.Range, view.Tokens.NewerURL, view.Tokens.OlderURL = ends.links(path, query)
	return s.show(w, r, templates.MembersTokens(view))
}

// confirmPeoples asks before personal tokens of members are revoked, paused, resumed or confirmed.
func (s *Server) confirmPeoples(verb access.Verb) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := s.Registry.ChosenPeoples(r.Context(), s.actor(r), r.PathValue("org"), r.Form["id"])
		if err != nil {
			return err
		}
		path := membersPath(r) + "/tokens"
		if len(p.Tokens) == 0 {
			return s.nothingChosen(w, r, path)
		}
		title := strings.ToUpper(string(verb)[:1]) + string(verb)[1:] + " " + plural(len(p.Tokens), "personal token")
		view := templates.RevokeConfirmView{
			Frame: s.frame(r, title, p.Standing, membersCrumbs(r, title)...), Act: string(verb), Noun: "personal token",
			Application: p.Standing.Organization.Name, Action: path + "/" + string(verb), CancelURL: path,
			Together: s.together(p.Tokens),
		}
		for _, t := range p.Tokens {
			row := s.revokeRow(t)
			row.Whose = p.Users[t.Credential.UserID].Name
			view.Tokens = append(view.Tokens, row)
		}
		return s.show(w, r, templates.RevokeConfirm(view))
	}
}

// changePeoples revokes, pauses, resumes or confirms personal tokens of members.
func (s *Server) changePeoples(verb access.Verb) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		changed, err := s.Registry.EachPersonal(r.Context(), s.actor(r), r.PathValue("org"), verb, r.PostForm["id"])
		if err != nil {
			return err
		}
		return s.flashAndGo(w, r, outcome("personal token", verb, changed), membersPath(r)+"/tokens")
	}
}
