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

func (s *Server) newTokenForm(w http.ResponseWriter, r *http.Request) error {
	draft, err := s.takeDraft(w, r)
	if err != nil {
		return err
	}
	view, err := s.tokenFormView(r, draft)
	if err != nil {
		return err
	}
	return s.show(w, r, templates.TokenForm(view))
}

// tokenFormView makes the form with the values that were typed, if any were.
func (s *Server) tokenFormView(r *http.Request, form url.Values) (templates.TokenFormView, error) {
	st, apis, err := s.Registry.StandElevated(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"))
	if err != nil {
		return templates.TokenFormView{}, err
	}
	if form == nil {
		form = url.Values{"expires": {access.DefaultExpiry}, "scope": {"*:read"}}
	}
	view := templates.TokenFormView{
		Frame:       s.frame(r, "Create token", st, crumb("Manage API", managePath(st)), crumb("Create token", "")),
		Application: st.Application.Name, Action: managePath(st) + "/tokens", Label: form.Get("label"), ExpiresDate: form.Get("expires_date"),
		Allow: strings.Join(form["allow"], "\n"), Nonce: secret.RandomText(22), CancelURL: managePath(st),
	}
	if nonce := form.Get("nonce"); nonce != "" {
		view.Nonce = nonce
	}
	box := func(api string, action access.Action) templates.ScopeBox {
		value := access.Scope{API: api, Action: action}.String()
		return templates.ScopeBox{Value: value, Checked: slices.Contains(form["scope"], value)}
	}
	view.Scopes = []templates.ScopeRow{{Name: "Any API", Detail: "also those added later", Read: box(access.AnyAPI, access.Read), Write: box(access.AnyAPI, access.Write)}}
	for _, api := range apis {
		view.Scopes = append(view.Scopes, templates.ScopeRow{Name: api.Name, Detail: api.Slug, Read: box(api.Slug, access.Read), Write: box(api.Slug, access.Write)})
	}
	s.expiryChoices(&view, form.Get("expires"))
	return view, nil
}

// expiryChoices offers the lifetimes that the configuration lets a token have, each
// with its date spelled out.
func (s *Server) expiryChoices(view *templates.TokenFormView, chosen string) {
	now := s.now()
	longest := s.Registry.Limits.MaxLifetime
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
	if longest == 0 {
		add("never", "Never", "")
	}
}

// createToken makes a token and answers with the page that shows its secret, once.
func (s *Server) createToken(w http.ResponseWriter, r *http.Request) error {
	form := r.PostForm
	draft, fields := tokenDraft(form)
	var issued access.Issued
	err := error(nil)
	if len(fields) == 0 {
		issued, err = s.Registry.IssueToken(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), draft)
		fields, _ = fieldErrors(err)
	}
	if len(fields) > 0 {
		view, err := s.tokenFormView(r, form)
		if err != nil {
			return err
		}
		view.Errors = dateErrors(form, fields)
		return s.showErrors(w, r, templates.TokenForm(view))
	}
	if err != nil {
		return err
	}
	st, c := issued.Standing, issued.Credential
	path := managePath(st)
	frame := s.frame(r, "Token “"+c.Label+"” created", st, crumb("Manage API", path), crumb(c.Label, ""))
	frame.Here = s.signNext(path)
	if issued.Already {
		frame.Title = "Already created"
		return s.show(w, r, templates.AlreadyCreated(templates.AlreadyCreatedView{Frame: frame, Label: c.Label, TokenURL: path + "/tokens/" + c.ID, BackURL: path}))
	}
	return s.show(w, r, templates.TokenCreated(templates.TokenCreatedView{
		Frame: frame, Label: c.Label, Secret: issued.Secret.Expose(), Scopes: scopesInWords(c.Restriction, issued.APIs), Expires: s.expiryInWords(c),
		Allow: allowInWords(c), Curl: s.tryCurl(st, issued.APIs, c.Restriction), FirstCallURL: path + "/tokens/" + c.ID + "/calls", DoneURL: path,
	}))
}

// tokenDraft reads the form. The console's own form (it has a nonce) must say what
// the token may do; a script that names no scope gets one without a restriction.
func tokenDraft(form url.Values) (access.TokenDraft, []templates.FieldError) {
	d := access.TokenDraft{Label: form.Get("label"), Expires: form.Get("expires"), Allow: form["allow"], Nonce: form.Get("nonce")}
	var wrong []templates.FieldError
	var err error
	if d.Scopes, err = access.ParseScopes(strings.Join(form["scope"], " ")); err != nil {
		wrong, _ = fieldErrors(err)
	}
	if len(d.Scopes) == 0 && d.Nonce != "" && len(wrong) == 0 {
		wrong = append(wrong, templates.FieldError{Field: "scope", Message: "Tick at least one thing that the token may do."})
	}
	if len(d.Nonce) > 64 {
		d.Nonce = d.Nonce[:64]
	}
	if d.Expires == "custom" {
		if d.Expires = form.Get("expires_date"); d.Expires == "" {
			wrong = append(wrong, templates.FieldError{Field: "expires", Message: "Choose the date on which the token expires."})
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
	return at.Format(longDate) + ", " + templates.Relative(at, s.now())
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

// token is the page of one token.
func (s *Server) token(w http.ResponseWriter, r *http.Request) error {
	page, err := s.tokenPage(r)
	if err != nil {
		return err
	}
	st, c := page.Standing, page.Token.Credential
	row := s.tokenRow(page.Token, page.APIs, managePath(st))
	view := templates.TokenView{
		Frame: s.frame(r, c.Label, st, crumb("Manage API", managePath(st)), crumb(c.Label, "")), Label: c.Label, Masked: c.Masked(), State: row.State,
		StateDetail: s.stateDetail(page.Token), Scopes: row.Scopes, Created: row.Created, CreatedBy: row.CreatedBy, Expires: row.Expires,
		ExpiresSoon: row.ExpiresSoon, Allow: networks(c), LastUsed: row.LastUsed, LastFrom: row.LastFrom, LastAgent: page.Token.LastUse.Agent,
		Calls: row.Calls, RenameURL: row.RenameURL, PauseAction: row.PauseAction, ResumeAction: row.ResumeAction, RevokeURL: row.RevokeURL,
	}
	for _, e := range page.Events {
		view.Events = append(view.Events, s.eventRow(e, nil))
	}
	return s.show(w, r, templates.Token(view))
}

func (s *Server) tokenPage(r *http.Request) (access.TokenPage, error) {
	return s.Registry.Token(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), r.PathValue("id"))
}

// stateDetail says since when a token is in its state, by whom and why.
func (s *Server) stateDetail(t access.UsedCredential) string {
	c := t.Credential
	on := func(at time.Time) string { return at.In(s.Zone).Format("2 January 2006, 15:04") }
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

// tokenCalls is the fragment that waits for a token's first call.
func (s *Server) tokenCalls(w http.ResponseWriter, r *http.Request) error {
	page, err := s.tokenPage(r)
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
	page, err := s.tokenPage(r)
	if err != nil {
		return templates.RenameTokenView{}, err
	}
	st, c := page.Standing, page.Token.Credential
	href := managePath(st) + "/tokens/" + c.ID
	view := templates.RenameTokenView{
		Frame: s.frame(r, "Rename token", st, crumb("Manage API", managePath(st)), crumb(c.Label, href), crumb("Rename", "")),
		Was:   c.Label, Label: c.Label, Action: href + "/rename", CancelURL: href,
	}
	if form.Has("label") {
		view.Label = form.Get("label")
	}
	return view, nil
}

// renameToken gives a token another label.
func (s *Server) renameToken(w http.ResponseWriter, r *http.Request) error {
	label := r.PostForm.Get("label")
	err := s.Registry.RenameToken(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), r.PathValue("id"), label)
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
	return s.flashAndGo(w, r, "Renamed to “"+strings.TrimSpace(label)+"”.", tokenPath(r))
}

func manageOf(r *http.Request) string {
	return "/orgs/" + r.PathValue("org") + "/apps/" + r.PathValue("app") + "/manage-api"
}

func tokenPath(r *http.Request) string { return manageOf(r) + "/tokens/" + r.PathValue("id") }

// pauseToken makes a token be refused until it is resumed.
func (s *Server) pauseToken(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Registry.PauseToken(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, "“"+c.Label+"” is paused: it is refused until you resume it.", tokenPath(r))
}

// resumeToken ends a token's pause.
func (s *Server) resumeToken(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Registry.ResumeToken(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, "“"+c.Label+"” is resumed: it is accepted again.", tokenPath(r))
}

// revokeForm confirms the end of tokens that were chosen.
func (s *Server) revokeForm(w http.ResponseWriter, r *http.Request) error {
	ids := r.Form["id"]
	st, chosen, err := s.Registry.Tokens(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), ids)
	if err != nil {
		return err
	}
	if len(chosen) == 0 {
		if err := s.flash(w, r, templates.FlashInfo, "No token was chosen. Tick the ones to revoke."); err != nil {
			return err
		}
		return seeOther(w, r, manageOf(r))
	}
	view := templates.RevokeConfirmView{
		Frame:       s.frame(r, "Revoke "+plural(len(chosen), "token"), st, crumb("Manage API", managePath(st)), crumb("Revoke", "")),
		Application: st.Application.Name, Action: managePath(st) + "/tokens/revoke", CancelURL: managePath(st),
	}
	for _, t := range chosen {
		view.Tokens = append(view.Tokens, templates.RevokeRow{
			ID: t.Credential.ID, Label: t.Credential.Label, Masked: t.Credential.Masked(), LastUsed: s.ago(t.LastUse.At),
			LastFrom: t.LastUse.Address, Calls: grouped(t.Calls), InUse: t.Calls > 0,
		})
	}
	return s.show(w, r, templates.RevokeConfirm(view))
}

// revokeTokens revokes tokens for good.
func (s *Server) revokeTokens(w http.ResponseWriter, r *http.Request) error {
	revoked, err := s.Registry.RevokeTokens(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"), r.PostForm["id"])
	if err != nil {
		return err
	}
	text := plural(len(revoked), "token") + " revoked."
	if len(revoked) == 1 {
		text = "“" + revoked[0].Label + "” is revoked. Requests with it are refused from now on."
	}
	return s.flashAndGo(w, r, text, manageOf(r))
}
