package access

import (
	"context"
	"time"

	"claviger/internal/secret"
)

// inviteLife is how long an invitation can be taken up.
const inviteLife = 72 * time.Hour

// MembersPage is the members of an organization and who is invited.
type MembersPage struct {
	Standing     Standing
	Members      []MemberUser
	Personal     map[string]int // live personal tokens, by user id, at most maxCounted+1
	AccessTokens map[string]int // live access tokens, by user id
	Invites      []Invite
	Now          time.Time
}

// MembersPage returns the members of an organization, for admins.
func (r *Registry) MembersPage(ctx context.Context, a Actor, organization string) (MembersPage, error) {
	var out MembersPage
	err := r.look(ctx, a, organization, "", need{role: Admin}, func(tx ReadTx, s Standing) error {
		out = MembersPage{Standing: s, Personal: map[string]int{}, Now: s.at}
		var err error
		if out.Members, err = tx.Members(s.Organization.ID); err != nil {
			return err
		}
		ids := make([]string, len(out.Members))
		for i, m := range out.Members {
			ids[i] = m.User.ID
			f := CredentialFilter{Whose: Whose{OrganizationID: s.Organization.ID, UserID: m.User.ID}, Live: true, Now: s.at}
			if out.Personal[m.User.ID], err = tx.CountCredentials(f, maxCounted+1); err != nil {
				return err
			}
		}
		if out.AccessTokens, err = tx.CountAccessTokens(ids, s.Organization.ID, s.at); err != nil {
			return err
		}
		out.Invites, err = tx.OpenInvites(s.Organization.ID, s.at)
		return err
	})
	return out, err
}

// MemberDetail is one member, and what an act on them would hit.
type MemberDetail struct {
	Standing     Standing
	Member       MemberUser
	Tokens       []UsedCredential // live personal tokens for this organization
	AccessTokens int
	Now          time.Time
}

// MemberDetail returns one member of an organization, for admins who are elevated
// for the organization.
func (r *Registry) MemberDetail(ctx context.Context, a Actor, organization, userID string) (MemberDetail, error) {
	var out MemberDetail
	err := r.look(ctx, a, organization, "", need{role: Admin, elevated: true}, func(tx ReadTx, s Standing) error {
		out = MemberDetail{Standing: s, Now: s.at}
		var err error
		if out.Member, err = memberOf(tx, s, userID); err != nil {
			return err
		}
		list, err := tx.Credentials(CredentialFilter{Whose: Whose{OrganizationID: s.Organization.ID, UserID: userID}, Live: true, Now: s.at, Limit: mostPersonal})
		if err != nil {
			return err
		}
		if out.Tokens, err = withUse(tx, list, s.at); err != nil {
			return err
		}
		n, err := tx.CountAccessTokens([]string{userID}, s.Organization.ID, s.at)
		out.AccessTokens = n[userID]
		return err
	})
	return out, err
}

func memberOf(tx ReadTx, s Standing, userID string) (MemberUser, error) {
	m, err := tx.Membership(s.Organization.ID, userID)
	if missing(err) {
		return MemberUser{}, noSuch("member", userID)
	}
	if err != nil {
		return MemberUser{}, err
	}
	user, err := tx.User(userID)
	return MemberUser{Membership: m, User: user}, err
}

// Invited is an invitation that was just made, with the token of its link.
type Invited struct {
	Invite   Invite
	Token    secret.Secret
	Standing Standing
}

// Invite makes an invitation, for admins who are elevated for the organization; an
// owner's invitation takes an owner. Earlier invitations of that email stay good until
// one of them is taken up.
func (r *Registry) Invite(ctx context.Context, a Actor, organization, email string, role Role) (Invited, error) {
	var p problems
	email = p.email("email", email)
	if !role.Reaches(Viewer) {
		p.add("role", "Choose a role.")
	}
	if err := p.err(); err != nil {
		return Invited{}, err
	}
	out := Invited{Token: newSessionToken()}
	err := r.act(ctx, a, organization, "", need{role: Admin, elevated: true}, func(tx Tx, s Standing) error {
		out.Standing = s
		if !s.Role.Reaches(role) {
			return tooLow(s.Role, role, s.Organization)
		}
		user, err := tx.UserByEmail(FoldEmail(email))
		if err == nil {
			if _, err := tx.Membership(s.Organization.ID, user.ID); err == nil {
				return taken("email", email+" is a member of "+s.Organization.Name+" already.")
			} else if !missing(err) {
				return err
			}
		} else if !missing(err) {
			return err
		}
		out.Invite = Invite{
			ID: newID(idInvite, s.at), OrganizationID: s.Organization.ID, Email: email, Role: role, TokenHash: HashToken(out.Token),
			CreatedAt: s.at, CreatedBy: s.actor.Name, CreatedByID: s.actor.UserID, ExpiresAt: s.at.Add(inviteLife),
		}
		if err := tx.InsertInvite(out.Invite); err != nil {
			return err
		}
		e := s.event(ActInvite, out.Invite.ID, email)
		e.Detail = map[string]string{"role": string(role)}
		return record(tx, e)
	})
	return out, err
}

// WithdrawInvite takes an invitation back.
func (r *Registry) WithdrawInvite(ctx context.Context, a Actor, organization, id string) (Invite, error) {
	var out Invite
	err := r.act(ctx, a, organization, "", need{role: Admin, elevated: true}, func(tx Tx, s Standing) error {
		var err error
		out, err = tx.Invite(id)
		if missing(err) || err == nil && out.OrganizationID != s.Organization.ID {
			return noSuch("invitation", id)
		}
		if err != nil {
			return err
		}
		changed, err := tx.WithdrawInvite(id, s.at)
		if err != nil || !changed {
			return err
		}
		return record(tx, s.event(ActWithdrawInvite, id, out.Email))
	})
	return out, err
}

// OpenInvite is an invitation as the invited person sees it.
type OpenInvite struct {
	Invite       Invite
	Organization Organization
	Known        bool // there is a user with this email, who joins with their password
}

// OpenInvite returns the invitation of a link, NotFound where it cannot be taken up.
func (a *Accounts) OpenInvite(ctx context.Context, token secret.Secret) (OpenInvite, error) {
	var out OpenInvite
	err := a.Store.View(ctx, func(tx ReadTx) error {
		var err error
		out, err = openInvite(tx, token, a.Clock.Now())
		return err
	})
	return out, err
}

func openInvite(tx ReadTx, token secret.Secret, now time.Time) (OpenInvite, error) {
	var out OpenInvite
	var err error
	out.Invite, err = tx.InviteByToken(HashToken(token))
	if missing(err) || err == nil && !out.Invite.openAt(now) {
		return out, fail(NotFound, "This invitation was used, withdrawn, or is over. Ask for a new one.")
	}
	if err != nil {
		return out, err
	}
	if out.Organization, err = tx.OrganizationByID(out.Invite.OrganizationID); err != nil {
		return out, err
	}
	if err := holds(tx, out.Invite); err != nil {
		return out, err
	}
	user, err := tx.UserByEmail(FoldEmail(out.Invite.Email))
	if missing(err) {
		return out, nil
	}
	out.Known = err == nil
	if err != nil {
		return out, err
	}
	_, err = tx.Membership(out.Organization.ID, user.ID)
	if err == nil {
		return out, fail(Conflict, out.Invite.Email+" is a member of "+out.Organization.Name+" already.")
	}
	return out, ignoreMissing(err)
}

// AcceptInvite makes the invited person a member and signs them in: a new user with
// the name and password given, or one that there is, who gives their password.
func (a *Accounts) AcceptInvite(ctx context.Context, token secret.Secret, name string, c Credentials) (Organization, SignedIn, error) {
	open, err := a.OpenInvite(ctx, token)
	if err != nil {
		return Organization{}, SignedIn{}, err
	}
	c.Email = open.Invite.Email
	var user User
	var in SignedIn
	if open.Known {
		if in, err = a.SignIn(ctx, c); err != nil {
			return Organization{}, SignedIn{}, err
		}
		user = in.User
	} else {
		draft := UserDraft{Email: c.Email, Name: name, Near: []Organization{open.Organization}}
		if user, err = a.prepareUser(ctx, draft, func() (secret.Secret, error) { return c.Password, nil }); err != nil {
			return Organization{}, SignedIn{}, err
		}
	}
	err = a.Store.Update(ctx, func(tx Tx) error {
		now := a.Clock.Now()
		used, err := tx.UseInvite(open.Invite.ID, now)
		if err != nil {
			return err
		}
		if !used {
			return fail(NotFound, "This invitation was used, withdrawn, or is over. Ask for a new one.")
		}
		if !open.Known {
			user.ID, user.CreatedAt = newID(idUser, now), now
		}
		s := Standing{Organization: open.Organization, at: now, actor: Actor{UserID: user.ID, Name: user.Name, Caller: c.Caller, Agent: c.Agent}}
		if !open.Known {
			if err := insertUser(tx, s, user); err != nil {
				return err
			}
			in = SignedIn{User: user, Device: a.newDevice(user)}
			if in.Token, err = a.openSession(tx, user, c, now); err != nil {
				return err
			}
		}
		return join(tx, s, user, open.Invite)
	})
	return open.Organization, in, err
}

// join makes the user a member in the invitation's role. The invitation must still be
// one that its maker could make: who was removed or lowered invites nobody.
func join(tx Tx, s Standing, user User, i Invite) error {
	if err := holds(tx, i); err != nil {
		return err
	}
	ok, err := tx.InsertMembership(Membership{OrganizationID: s.Organization.ID, UserID: user.ID, Role: i.Role, CreatedAt: s.at})
	if err != nil {
		return err
	}
	if !ok {
		return fail(Conflict, "You are a member of "+s.Organization.Name+" already.")
	}
	if _, err := tx.WithdrawInvites(s.Organization.ID, user.EmailKey, s.at); err != nil {
		return err
	}
	e := s.event(ActJoin, user.ID, user.Email)
	e.Detail = map[string]string{"role": string(i.Role)}
	return record(tx, e)
}

// holds fails where the maker of an invitation could not make it any more.
func holds(tx ReadTx, i Invite) error {
	if i.CreatedByID == "" {
		return nil
	}
	m, err := tx.Membership(i.OrganizationID, i.CreatedByID)
	if err != nil && !missing(err) {
		return err
	}
	if !m.Role.Reaches(Admin) || !m.Role.Reaches(i.Role) {
		return fail(NotFound, "This invitation no longer holds: "+i.CreatedBy+" may not invite any more. Ask for a new one.")
	}
	return nil
}
