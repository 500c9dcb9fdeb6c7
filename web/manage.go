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

// manageAPI is the Manage API page of an application.
func (s *Server) manageAPI(w http.ResponseWriter, r *http.Request) error {
	view, err := s.manageView(r, access.Revealed{}, false)
	if err != nil {
		return err
	}
	return s.show(w, r, templates.ManageAPI(view))
}

// manageView makes the page, with the Basic password in clear where it was revealed.
func (s *Server) manageView(r *http.Request, revealed access.Revealed, copying bool) (templates.ManageAPIView, error) {
	query := r.URL.Query()
	filter, err := tokenFilter(query, s.Clock.Now())
	if err != nil {
		return templates.ManageAPIView{}, err
	}
	m, err := s.Registry.ManageAPI(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), filter)
	if err != nil {
		return templates.ManageAPIView{}, err
	}
	st := m.Standing
	path := managePath(st)
	view := templates.ManageAPIView{
		Frame: s.frame(r, "Manage API", st, crumb("Manage API", path)), Application: st.Application.Name,
		BaseURLs: s.baseURLs(st, m.APIs), Basic: s.basicView(m, path), Tokens: s.tokensView(m, path, query),
		CreateTokenURL: path + "/tokens/new",
		Snippets:       s.callSnippets(st, m.APIs, m.Basic.State != access.Disabled),
	}
	view.Here = s.signNext(path)
	if m.Basic.State != access.Disabled {
		view.DisableBasicURL = path + "/basic/disable"
	}
	if !revealed.Password.IsZero() {
		view.Basic.Password, view.Basic.CopyOnLoad = revealed.Password.Expose(), copying
	}
	if r.PathValue("org") != "" && s.addressesUnknown(m) {
		view.Warnings = append(view.Warnings, "Callers come through a proxy, and their own addresses are unknown: set trusted_proxies in claviger.ini to that proxy's address.")
	}
	return view, nil
}

// addressesUnknown reports whether a credential on the page was used by callers
// whose addresses a proxy hides.
func (s *Server) addressesUnknown(m access.ManageAPI) bool {
	hidden := strings.HasPrefix(m.Basic.LastUse.Address, "through ")
	for _, t := range m.Tokens {
		hidden = hidden || strings.HasPrefix(t.LastUse.Address, "through ")
	}
	return hidden
}

func (s *Server) basicView(m access.ManageAPI, path string) templates.BasicView {
	c := m.Basic.Credential
	view := templates.BasicView{
		Username: m.Standing.Application.ID, RevealAction: path + "/basic/reveal", Nonce: secret.RandomText(22), HideURL: path,
		Used: usedTimes(m.Basic.Calls), UseURL: path + "/basic", LastUsed: s.ago(m.Basic.LastUse.At), LastFrom: m.Basic.LastUse.Address, LastAgent: shortAgent(m.Basic.LastUse.Agent),
	}
	if m.Basic.State == access.Disabled {
		view.Disabled, view.DisabledAt, view.DisabledBy, view.DisabledReason = true, s.dated(c.RevokedAt), c.RevokedBy, c.RevokedReason
		return view
	}
	view.Allow, view.Limit, view.RestrictURL = networks(c), limitInWords(c.Limit), path+"/basic/restrict"
	if !c.UnconfirmedAt.IsZero() {
		view.Unconfirmed, view.ConfirmAction = s.unconfirmed(c), path+"/basic/confirm"
	}
	return view
}

// revealBasic answers with the page and the password on it: recorded, on the
// POST's own answer, and not again when that is reloaded.
func (s *Server) revealBasic(w http.ResponseWriter, r *http.Request) error {
	revealed, err := s.Registry.RevealBasic(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), r.PostForm.Get("nonce"))
	if err != nil {
		return err
	}
	if revealed.Already {
		if err := s.flash(w, r, templates.FlashInfo, "The password was revealed once for that click. Press Reveal to see it again; each time is recorded."); err != nil {
			return err
		}
		return seeOther(w, r, "/orgs/"+r.PathValue("org")+"/apps/"+r.PathValue("app")+"/manage-api")
	}
	view, err := s.manageView(r, revealed, r.PostForm.Get("copy") != "")
	if err != nil {
		return err
	}
	return s.show(w, r, templates.ManageAPI(view))
}

// confirmBasic says that Basic is to live on after a restore.
func (s *Server) confirmBasic(w http.ResponseWriter, r *http.Request) error {
	if err := s.Registry.ConfirmBasic(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app")); err != nil {
		return err
	}
	return s.flashAndGo(w, r, "The Basic credentials are confirmed: they live on.", "/orgs/"+r.PathValue("org")+"/apps/"+r.PathValue("app")+"/manage-api")
}

// disableBasicForm confirms the end of an application's Basic credentials.
func (s *Server) disableBasicForm(w http.ResponseWriter, r *http.Request) error {
	view, err := s.disableView(r)
	if err != nil {
		return err
	}
	return s.show(w, r, templates.DisableBasic(view))
}

func (s *Server) disableView(r *http.Request) (templates.DisableBasicView, error) {
	b, err := s.Registry.Basic(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"))
	if err != nil {
		return templates.DisableBasicView{}, err
	}
	if b.Basic.State == access.Disabled {
		return templates.DisableBasicView{}, &access.Error{Kind: access.Conflict, Message: "Basic is disabled for this application already."}
	}
	st := b.Standing
	view := templates.DisableBasicView{
		Frame: s.frame(r, "Disable Basic credentials", st, crumb("Manage API", managePath(st)), crumb("Disable Basic", "")), Application: st.Application.Name,
		Match: st.Application.Slug, Action: managePath(st) + "/basic/disable", Use: s.useLine(b.Basic),
		Confirm: r.PostForm.Get("confirm"), CancelURL: managePath(st),
	}
	for _, c := range b.Latest {
		if c.Accepted > 0 {
			view.Callers = append(view.Callers, s.addressRow(c))
		}
	}
	return view, nil
}

// disableBasic disables an application's Basic credentials for good.
func (s *Server) disableBasic(w http.ResponseWriter, r *http.Request) error {
	err := s.Registry.DisableBasic(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), r.PostForm.Get("confirm"))
	if fields, ok := fieldErrors(err); ok {
		view, err := s.disableView(r)
		if err != nil {
			return err
		}
		view.Errors = fields
		return s.showErrors(w, r, templates.DisableBasic(view))
	}
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, "Basic is disabled for good. Its password no longer exists.", "/orgs/"+r.PathValue("org")+"/apps/"+r.PathValue("app")+"/manage-api")
}

// tokenFilter reads the token table's filters from its address.
func tokenFilter(query url.Values, now time.Time) (access.CredentialFilter, error) {
	f := access.CredentialFilter{Search: searched(query.Get("q")), Live: true}
	switch query.Get("state") {
	case "active":
		f.State = access.Active
	case "paused":
		f.State = access.Paused
	case "expiring":
		f.ExpiresBefore = now.Add(soon)
	case "expired":
		f.State, f.Live = access.Expired, false
	case "revoked":
		f.State, f.Live = access.Revoked, false
	}
	if scopes, err := access.ParseScopes(query.Get("scope")); err == nil && len(scopes) == 1 {
		f.Scope = scopes[0]
	}
	var err error
	if f.After, err = parseCursor(query.Get("after")); err != nil {
		return f, err
	}
	f.Before, err = parseCursor(query.Get("before"))
	return f, err
}

// searched returns what is looked for: text without what no label can hold.
func searched(text string) string {
	return strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), ""))
}

// A cursor in an address is "MICROSECONDS.ID".
func cursorText(c access.Credential) string {
	return strconv.FormatInt(c.CreatedAt.UnixMicro(), 10) + "." + c.ID
}

func parseCursor(text string) (access.Cursor, error) {
	if text == "" {
		return access.Cursor{}, nil
	}
	micros, id, ok := strings.Cut(text, ".")
	n, err := strconv.ParseInt(micros, 10, 64)
	if !ok || err != nil {
		return access.Cursor{}, &access.Error{Kind: access.Invalid, Message: "This page's address is damaged. Open Manage API again."}
	}
	return access.Cursor{At: time.UnixMicro(n).UTC(), ID: id}, nil
}

func (s *Server) tokensView(m access.ManageAPI, path string, query url.Values) templates.TokensView {
	view := templates.TokensView{
		FormURL: path, Query: query.Get("q"), Filtered: query.Get("q") != "" || query.Get("state") != "" || query.Get("scope") != "",
		Total: counted(m.Total), RevokeURL: path + "/tokens/revoke", PauseURL: path + "/tokens/pause", ResumeURL: path + "/tokens/resume",
		States: stateOptions(query.Get("state")), Scopes: []templates.Option{{Value: "", Text: "Any scope"}},
	}
	for _, api := range m.APIs {
		for _, action := range []access.Action{access.Read, access.Write} {
			scope := access.Scope{API: api.Slug, Action: action}.String()
			view.Scopes = append(view.Scopes, templates.Option{Value: scope, Text: "May " + string(action) + " " + api.Name, Selected: query.Get("scope") == scope})
		}
	}
	sh := shelf{kind: access.KindToken, noun: "token", path: path + "/tokens"}
	replaced := replacedOf(m.Tokens)
	view.Rows = make([]templates.TokenRow, 0, len(m.Tokens))
	for i := range m.Tokens {
		row := s.row(sh, &m.Tokens[i], m.APIs)
		row.Replaced = replaced[row.ID]
		if row.Unconfirmed {
			view.ConfirmURL = path + "/tokens/confirm"
		}
		view.Rows = append(view.Rows, row)
	}
	for i := range m.Ended {
		view.Folded = append(view.Folded, s.row(sh, &m.Ended[i], m.APIs))
	}
	if m.EndedAll > 0 {
		view.FoldedText = counted(m.EndedAll) + " revoked and expired"
	}
	ends := pager{list: m.Tokens, more: m.More, newer: m.Newer, total: m.Total}
	view.Range, view.NewerURL, view.OlderURL = ends.links(path, query)
	return view
}

// replacedOf tells which credentials of a list others of it were made in place of:
// they have the same label.
func replacedOf(list []access.UsedCredential) map[string]bool {
	out := map[string]bool{}
	for i := range list {
		if old := list[i].Credential.Replaces; old != "" {
			out[old] = true
		}
	}
	return out
}

// stateOptions are the choices of the filter by state.
func stateOptions(chosen string) []templates.Option {
	var out []templates.Option
	for _, o := range [][2]string{{"", "All live"}, {"active", "Active"}, {"paused", "Paused"}, {"expiring", "Expiring soon"}, {"expired", "Expired"}, {"revoked", "Revoked"}} {
		out = append(out, templates.Option{Value: o[0], Text: o[1], Selected: o[0] == chosen})
	}
	return out
}

// pager leads from one page of a list of credentials to its neighbours.
type pager struct {
	list        []access.UsedCredential
	more, newer bool
	total       int
}

// links returns the range and the ways to the neighbouring pages. The number of the
// first row travels in the address: keys tell the order, not the position.
func (p pager) links(path string, query url.Values) (shown, newer, older string) {
	n := len(p.list)
	if n == 0 {
		return "", "", ""
	}
	first, err := strconv.Atoi(query.Get("n"))
	if err != nil || first < 1 || !p.newer {
		first = 1
	}
	shown = grouped(first) + "–" + grouped(first+n-1) + " of " + counted(p.total)
	if p.newer {
		q := withValue(query, "before", cursorText(p.list[0].Credential), "after", "n")
		newer = path + "?" + q + "&n=" + strconv.Itoa(max(first-access.TokensPage, 1))
	}
	if p.more {
		q := withValue(query, "after", cursorText(p.list[n-1].Credential), "before", "n")
		older = path + "?" + q + "&n=" + strconv.Itoa(first+n)
	}
	return shown, newer, older
}
