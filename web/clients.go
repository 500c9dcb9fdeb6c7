package web

import (
	"net/http"
	"strings"

	"claviger/internal/access"
	"claviger/templates"
)

// clientsView is the section of clients on the page of an organization (for owners)
// or application (for admins); nil for others.
func (s *Server) clientsView(r *http.Request, st access.Standing) (*templates.ClientsView, error) {
	sh := shelf{kind: access.KindClient, noun: "client", org: st.Organization.Slug, app: st.Application.Slug}
	role, lead := access.Owner, "A client of the organization opens every application of "+st.Organization.Name+"."
	sh.page = orgPath(st)
	if sh.app != "" {
		role, lead = access.Admin, "A client opens "+st.Application.Name+" with access tokens that it gets for its id and secret."
		sh.page = appPath(st)
	}
	sh.path = sh.page + "/clients"
	if !st.Role.Reaches(role) {
		return nil, nil
	}
	clients, err := s.Registry.Clients(r.Context(), s.actor(r), sh.org, sh.app)
	if err != nil {
		return nil, err
	}
	view := &templates.ClientsView{
		Lead: lead, Total: grouped(len(clients.List)), CreateURL: sh.path + "/new", RevokeURL: sh.path + "/revoke", PauseURL: sh.path + "/pause",
		ResumeURL: sh.path + "/resume", ActsLocked: !st.Elevated(),
	}
	row := func(u access.UsedCredential) templates.ClientRow {
		return templates.ClientRow{TokenRow: s.row(sh, &u, nil), ClientID: u.Credential.ID, AccessTokens: grouped(clients.AccessTokens[u.Credential.ID])}
	}
	replaced := replacedOf(clients.List)
	for _, u := range clients.List {
		client := row(u)
		client.Replaced = replaced[client.ID]
		if client.Unconfirmed {
			view.ConfirmURL = sh.path + "/confirm"
		}
		view.Rows = append(view.Rows, client)
	}
	for _, u := range clients.Ended {
		view.Folded = append(view.Folded, row(u))
	}
	if n := len(clients.Ended); n > 0 {
		view.FoldedText = grouped(n) + " revoked and expired"
	}
	return view, nil
}

// clientSnippets says how a new client is used: for an access token, and in the
// query string where that is switched on.
func (s *Server) clientSnippets(st access.Standing, apis []access.API, c access.Credential) []templates.Snippet {
	out := []templates.Snippet{{Language: "Access token", Text: `curl --user "` + c.ID + `:$CLIENT_SECRET" \
     --data grant_type=client_credentials \
     ` + s.ConsoleURL + `/oauth/token`}}
	if st.Application.Switches.QueryCredentials {
		out = append(out, templates.Snippet{Language: "Query string", Text: `curl "` + s.exampleURL(st, apis) + `?client_id=` + c.ID + `&client_secret=$CLIENT_SECRET"`})
	}
	return out
}

// accessTokens is the table of live access tokens of a client or user.
func (s *Server) accessTokens(list []access.AccessToken, path string, mayRevoke bool) templates.AccessTokensView {
	view := templates.AccessTokensView{Total: grouped(len(list))}
	for _, t := range list {
		row := templates.AccessTokenRow{
			ID: t.ID, Masked: t.Masked(), Scopes: scopesInWords(t.Scopes, nil), Issued: s.ago(t.IssuedAt), LastUsed: s.ago(t.LastUsedAt), Expires: s.ago(t.ExpiresAt),
		}
		if mayRevoke {
			row.RevokeURL = path + "/access-tokens/" + t.ID + "/revoke"
		}
		view.Rows = append(view.Rows, row)
	}
	if mayRevoke && len(list) > 0 {
		view.RevokeAllURL = path + "/access-tokens/revoke"
	}
	return view
}

// confirmAccessTokens confirms the end of one access token of a client, or of all.
func (s *Server) confirmAccessTokens(w http.ResponseWriter, r *http.Request) error {
	sh, page, err := s.detail(r)
	if err != nil {
		return err
	}
	c := page.Token.Credential
	href := sh.one(c.ID)
	view := templates.RevokeConfirmView{
		Frame: s.frame(r, "Revoke access tokens", page.Standing, sh.crumbs(crumb(c.Label, href), crumb("Revoke access tokens", ""))...),
		Noun:  "access token", Application: c.Label, Action: strings.TrimSuffix(r.URL.EscapedPath(), "/"), CancelURL: href,
	}
	for _, t := range page.Access {
		if only := r.PathValue("token"); only == "" || only == t.ID {
			view.Tokens = append(view.Tokens, s.accessRow(t))
		}
	}
	if len(view.Tokens) == 0 {
		return s.nothingChosen(w, r, href)
	}
	return s.show(w, r, templates.RevokeConfirm(view))
}

// revokeAccessTokens revokes one access token of a client, or all.
func (s *Server) revokeAccessTokens(w http.ResponseWriter, r *http.Request) error {
	sh, id, only := shelfOf(r), r.PathValue("id"), r.PathValue("token")
	if only != "" {
		t, err := s.Registry.RevokeAccessToken(r.Context(), s.actor(r), sh.org, sh.app, id, only)
		if err != nil {
			return err
		}
		return s.flashAndGo(w, r, "Access token "+t.Masked()+" is revoked.", sh.one(id))
	}
	n, err := s.Registry.RevokeAccessTokens(r.Context(), s.actor(r), sh.org, sh.app, id)
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, plural(n, "access token")+" revoked.", sh.one(id))
}
