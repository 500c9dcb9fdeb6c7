package web

import (
	"net/http"
	"net/url"
	"strings"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/templates"
)

// mayDo says in one line what each role may do.
var mayDo = []templates.RoleChoice{
	{Value: "viewer", Text: "Viewer", Detail: "sees the overview; reads through the API"},
	{Value: "member", Text: "Member", Detail: "also sees how to get started; reads and writes through the API"},
	{Value: "admin", Text: "Admin", Detail: "also elevates: applications, credentials, members up to admin, Activity"},
	{Value: "owner", Text: "Owner", Detail: "also owners, organization clients and settings"},
}

// roleChoices are the roles that somebody in a role can give.
func roleChoices(has access.Role, chosen string) []templates.RoleChoice {
	var out []templates.RoleChoice
	for _, c := range mayDo {
		if has.Reaches(access.Role(c.Value)) {
			c.Checked = c.Value == chosen
			out = append(out, c)
		}
	}
	return out
}

func roleDetail(role access.Role) string {
	for _, c := range mayDo {
		if c.Value == string(role) {
			return c.Detail
		}
	}
	return ""
}

func membersPath(r *http.Request) string { return "/orgs/" + r.PathValue("org") + "/members" }

func membersCrumbs(r *http.Request, last string) []templates.Link {
	return []templates.Link{crumb("Members", membersPath(r)), crumb(last, "")}
}

// members lists the people of an organization and who is invited.
func (s *Server) members(w http.ResponseWriter, r *http.Request) error {
	page, err := s.Registry.MembersPage(r.Context(), s.actor(r), r.PathValue("org"))
	if err != nil {
		return err
	}
	st, path := page.Standing, membersPath(r)
	view := templates.MembersView{
		Frame: s.frame(r, "Members", st, crumb("Members", path)), Organization: st.Organization.Name, ActsLocked: !st.Elevated(),
		InviteURL: path + "/invites/new", TokensURL: path + "/tokens",
	}
	for _, m := range page.Members {
		view.Members = append(view.Members, s.memberRow(page, m, path, visitOf(r).User.ID))
	}
	for _, i := range page.Invites {
		view.Invites = append(view.Invites, templates.InviteRow{
			ID: i.ID, Email: i.Email, Role: string(i.Role), InvitedBy: i.CreatedBy, Expires: s.ago(i.ExpiresAt), WithdrawAction: path + "/invites/" + i.ID + "/withdraw",
		})
	}
	return s.show(w, r, templates.Members(view))
}

func (s *Server) memberRow(page access.MembersPage, m access.MemberUser, path, me string) templates.MemberRow {
	u, href := m.User, path+"/"+m.User.ID
	row := templates.MemberRow{
		ID: u.ID, Name: u.Name, Email: u.Email, Role: string(m.Membership.Role), You: u.ID == me, LastSignIn: s.ago(u.LastSignInAt),
		PersonalTokens: counted(page.Personal[u.ID]), TokensURL: path + "/tokens?" + url.Values{"member": {u.ID}}.Encode(),
		AccessTokens: counted(page.AccessTokens[u.ID]), AccessTokensURL: href + "/access-tokens", State: templates.StateActive,
	}
	if page.Personal[u.ID] == 0 {
		row.TokensURL = ""
	}
	if page.AccessTokens[u.ID] == 0 {
		row.AccessTokensURL = ""
	}
	if !u.DisabledAt.IsZero() {
		row.State = templates.StateDisabled
	}
	if !page.Standing.Role.Reaches(m.Membership.Role) {
		return row
	}
	row.RoleURL, row.RevokeURL, row.RemoveURL = href+"/role", href+"/revoke", href+"/remove"
	switch {
	case page.Standing.Role != access.Owner || row.You:
	case row.State == templates.StateActive:
		row.DisableURL = href + "/disable"
	default:
		row.EnableURL = href + "/enable"
	}
	return row
}

func (s *Server) inviteForm(w http.ResponseWriter, r *http.Request) error {
	draft, err := s.takeDraft(w, r)
	if err != nil {
		return err
	}
	return s.showInviteForm(w, r, draft, nil)
}

func (s *Server) showInviteForm(w http.ResponseWriter, r *http.Request, form url.Values, wrong []templates.FieldError) error {
	st, err := s.Registry.StandElevatedAdmin(r.Context(), s.actor(r), r.PathValue("org"))
	if err != nil {
		return err
	}
	chosen := form.Get("role")
	if chosen == "" {
		chosen = "member"
	}
	view := templates.InviteFormView{
		Frame: s.frame(r, "Invite a member", st, membersCrumbs(r, "Invite")...), Organization: st.Organization.Name, Action: membersPath(r) + "/invites",
		Email: form.Get("email"), Roles: roleChoices(st.Role, chosen), CancelURL: membersPath(r), Errors: wrong,
	}
	if wrong != nil {
		return s.showErrors(w, r, templates.InviteForm(view))
	}
	return s.show(w, r, templates.InviteForm(view))
}

// invite makes an invitation and shows its link, once.
func (s *Server) invite(w http.ResponseWriter, r *http.Request) error {
	invited, err := s.Registry.Invite(r.Context(), s.actor(r), r.PathValue("org"), r.PostForm.Get("email"), access.Role(r.PostForm.Get("role")))
	if fields, ok := fieldErrors(err); ok {
		return s.showInviteForm(w, r, r.PostForm, fields)
	}
	if err != nil {
		return err
	}
	st, i := invited.Standing, invited.Invite
	return s.show(w, r, templates.InviteCreated(templates.InviteCreatedView{
		Frame: s.frame(r, "Invitation for "+i.Email, st, membersCrumbs(r, "Invitation")...), Organization: st.Organization.Name, Email: i.Email, Role: string(i.Role),
		Link: s.ConsoleURL + "/sign-in/invite/" + invited.Token.Expose(), Expires: i.ExpiresAt.In(s.Zone).Format("2 January, 15:04") + ", in 72 hours", DoneURL: membersPath(r),
	}))
}

// withdrawInvite takes an invitation back.
func (s *Server) withdrawInvite(w http.ResponseWriter, r *http.Request) error {
	i, err := s.Registry.WithdrawInvite(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, "The invitation of "+i.Email+" is withdrawn.", membersPath(r))
}

func (s *Server) roleForm(w http.ResponseWriter, r *http.Request) error {
	draft, err := s.takeDraft(w, r)
	if err != nil {
		return err
	}
	return s.showRoleForm(w, r, draft, nil)
}

func (s *Server) showRoleForm(w http.ResponseWriter, r *http.Request, form url.Values, wrong []templates.FieldError) error {
	d, err := s.Registry.MemberDetail(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("user"))
	if err != nil {
		return err
	}
	st, name := d.Standing, d.Member.User.Name
	chosen := form.Get("role")
	if _, err := access.ParseRole(chosen); err != nil {
		chosen = string(d.Member.Membership.Role)
	}
	view := templates.MemberRoleView{
		Frame: s.frame(r, "Change the role of "+name, st, membersCrumbs(r, name)...), Organization: st.Organization.Name, Name: name,
		Action: membersPath(r) + "/" + d.Member.User.ID + "/role", Roles: roleChoices(st.Role, chosen), CancelURL: membersPath(r), Errors: wrong,
	}
	if wrong != nil {
		return s.showErrors(w, r, templates.MemberRole(view))
	}
	return s.show(w, r, templates.MemberRole(view))
}

// changeRole gives a member another role; the next request of theirs feels it.
func (s *Server) changeRole(w http.ResponseWriter, r *http.Request) error {
	role, err := access.ParseRole(r.PostForm.Get("role"))
	if err != nil {
		wrong, _ := fieldErrors(err)
		return s.showRoleForm(w, r, r.PostForm, wrong)
	}
	user, err := s.Accounts.ChangeRole(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("user"), role)
	if access.KindOf(err) == access.Conflict {
		return s.showRoleForm(w, r, r.PostForm, []templates.FieldError{{Field: "role", Message: access.AsError(err).Message}})
	}
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, user.Name+" is now "+string(role)+".", membersPath(r))
}

// confirmMember asks before a member is removed, disabled or enabled, or all they hold is
// revoked.
func (s *Server) confirmMember(act string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		d, err := s.Registry.MemberDetail(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("user"))
		if err != nil {
			return err
		}
		name, org := d.Member.User.Name, d.Standing.Organization.Name
		view := templates.MemberConfirmView{Action: membersPath(r) + "/" + d.Member.User.ID + "/" + act, CancelURL: membersPath(r), Affected: s.affected(d)}
		switch act {
		case "remove":
			view.Heading, view.Verb = "Remove "+name+" from "+org+"?", "Remove "+name
			view.Consequence = "They lose their access to " + org + " at once: pages, personal tokens for it, and access tokens on its applications."
		case "disable":
			view.Heading, view.Verb = "Disable "+name+"?", "Disable "+name
			view.Consequence = "They can no longer sign in, are signed out everywhere, and every token of theirs is refused at once."
		case "enable":
			view.Heading, view.Verb, view.Gives = "Enable "+name+" again?", "Enable "+name, true
			view.Consequence = "They can sign in again, and what they hold that was neither revoked nor has expired is accepted again. If you are not sure of it, revoke it first. What was revoked stays revoked."
		default:
			view.Heading, view.Verb = "Sign "+name+" out and revoke everything?", "Revoke everything of "+name
			view.Consequence = "Their personal tokens for " + org + " and their access tokens are revoked for good. They are signed out everywhere, unless they belong to other organizations too. They can sign in again."
		}
		view.Frame = s.frame(r, view.Heading, d.Standing, membersCrumbs(r, name)...)
		return s.show(w, r, templates.MemberConfirm(view))
	}
}

// affected counts what a member holds, with the last use of it.
func (s *Server) affected(d access.MemberDetail) []templates.AffectedRow {
	return []templates.AffectedRow{
		{What: plural(len(d.Tokens), "personal token"), Use: s.together(d.Tokens)},
		{What: plural(d.AccessTokens, "access token")},
	}
}

// removeMember ends a membership.
func (s *Server) removeMember(w http.ResponseWriter, r *http.Request) error {
	user, err := s.Accounts.RemoveMember(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("user"))
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, user.Name+" is no longer a member.", membersPath(r))
}

// disableMember keeps a member from signing in.
func (s *Server) disableMember(w http.ResponseWriter, r *http.Request) error {
	user, err := s.Accounts.DisableMember(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("user"))
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, user.Name+" is disabled and signed out everywhere.", membersPath(r))
}

// enableMember lets a disabled member sign in again.
func (s *Server) enableMember(w http.ResponseWriter, r *http.Request) error {
	user, err := s.Accounts.EnableMember(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("user"))
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, user.Name+" can sign in again.", membersPath(r))
}

// revokeMember revokes everything that a member holds.
func (s *Server) revokeMember(w http.ResponseWriter, r *http.Request) error {
	user, out, err := s.Accounts.RevokeEverything(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("user"))
	if err != nil {
		return err
	}
	signedOut := " is signed out; "
	if !out.SignedOut {
		signedOut = " stays signed in, because they belong to other organizations too; "
	}
	return s.flashAndGo(w, r, user.Name+signedOut+plural(out.Personal, "personal token")+" and "+plural(out.AccessTokens, "access token")+" revoked.", membersPath(r))
}

// memberAccess lists a member's live access tokens.
func (s *Server) memberAccess(w http.ResponseWriter, r *http.Request) error {
	m, err := s.Registry.MemberAccess(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("user"))
	if err != nil {
		return err
	}
	name, path := m.Member.User.Name, membersPath(r)+"/"+m.Member.User.ID
	return s.show(w, r, templates.MemberAccessTokens(templates.MemberAccessTokensView{
		Frame: s.frame(r, "Access tokens of "+name, m.Standing, membersCrumbs(r, name)...), Name: name, AccessTokens: s.accessTokens(m.Tokens, path, true),
	}))
}

func (s *Server) confirmMemberAccess(w http.ResponseWriter, r *http.Request) error {
	m, err := s.Registry.MemberAccess(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("user"))
	if err != nil {
		return err
	}
	name, path := m.Member.User.Name, membersPath(r)+"/"+m.Member.User.ID+"/access-tokens"
	view := templates.RevokeConfirmView{
		Frame: s.frame(r, "Revoke access tokens", m.Standing, membersCrumbs(r, name)...), Noun: "access token", Application: name,
		Action: r.URL.EscapedPath(), CancelURL: path,
	}
	for _, t := range m.Tokens {
		if only := r.PathValue("token"); only == "" || only == t.ID {
			view.Tokens = append(view.Tokens, s.accessRow(t))
		}
	}
	if len(view.Tokens) == 0 {
		return s.nothingChosen(w, r, path)
	}
	return s.show(w, r, templates.RevokeConfirm(view))
}

func (s *Server) accessRow(t access.AccessToken) templates.RevokeRow {
	return templates.RevokeRow{ID: t.ID, Label: t.Masked(), Masked: t.Masked(), Use: templates.UseLine{LastUsed: s.ago(t.LastUsedAt), InUse: !t.LastUsedAt.IsZero()}}
}

// revokeMemberAccess revokes one access token of a member, or all.
func (s *Server) revokeMemberAccess(w http.ResponseWriter, r *http.Request) error {
	n, err := s.Registry.RevokeMemberAccess(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("user"), r.PathValue("token"))
	if err != nil {
		return err
	}
	return s.flashAndGo(w, r, plural(n, "access token")+" revoked.", membersPath(r)+"/"+url.PathEscape(r.PathValue("user"))+"/access-tokens")
}

// acceptForm is the invited person's page.
func (s *Server) acceptForm(w http.ResponseWriter, r *http.Request) error {
	return s.showAcceptForm(w, r, http.StatusOK, nil)
}

func (s *Server) showAcceptForm(w http.ResponseWriter, r *http.Request, status int, wrong []templates.FieldError) error {
	open, err := s.Accounts.OpenInvite(r.Context(), secret.New(r.PathValue("token")))
	if err != nil {
		return err
	}
	i := open.Invite
	s.render(w, r, status, templates.AcceptInvite(templates.AcceptInviteView{
		Frame: s.frame(r, "Join "+open.Organization.Name, access.Standing{}), Action: r.URL.EscapedPath(), Organization: open.Organization.Name,
		Role: string(i.Role), RoleDetail: roleDetail(i.Role), InvitedBy: i.CreatedBy, Email: i.Email, Existing: open.Known,
		Name: r.PostForm.Get("name"), Expires: strings.TrimPrefix(s.ago(i.ExpiresAt).Text, "in "), Errors: wrong,
	}))
	return nil
}

// accept makes the invited person a member and signs them in.
func (s *Server) accept(w http.ResponseWriter, r *http.Request) error {
	c := access.Credentials{Previous: previousSession(r), Password: secret.New(r.PostForm.Get("password")), Device: s.sessions.deviceOf(r), Caller: s.caller(r, false), Agent: agent(r)}
	org, in, err := s.Accounts.AcceptInvite(r.Context(), secret.New(r.PathValue("token")), r.PostForm.Get("name"), c)
	if fields, ok := fieldErrors(err); ok {
		return s.showAcceptForm(w, r, http.StatusUnprocessableEntity, fields)
	}
	switch e := access.AsError(err); {
	case err == nil:
	case e.Kind == access.Unauthenticated:
		return s.showAcceptForm(w, r, http.StatusUnprocessableEntity, []templates.FieldError{{Field: "password", Message: "The password is wrong. Type the one that you sign in with."}})
	case e.Kind == access.RateLimited:
		w.Header().Set("Retry-After", retryAfter(e.RetryAfter))
		return s.showAcceptForm(w, r, http.StatusTooManyRequests, []templates.FieldError{{Message: e.Message}})
	default:
		return err
	}
	s.sessions.setToken(w, in.Token)
	s.sessions.setDevice(w, in.Device)
	return seeOther(w, r, "/orgs/"+org.Slug)
}
