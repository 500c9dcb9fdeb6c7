package access

import (
	"context"
	"time"

	"claviger/internal/secret"
)

// UserDraft is what a user is made from.
type UserDraft struct {
	Email    string
	Name     string // empty = the part of the email before the @
	Password secret.Secret
	Near     []Organization // that the password must not lean on by name
}

// checkUser checks a draft and returns the user it describes, without id and hash.
func (a *Accounts) checkUser(p *problems, d UserDraft) User {
	email := p.email("email", d.Email)
	if d.Name == "" {
		for i := range len(email) {
			if email[i] == '@' {
				d.Name = clip(email[:i], maxNameLen-1)
				break
			}
		}
	}
	name := d.Name
	if email != "" || d.Name != "" {
		name = p.name("name", d.Name)
	}
	user := User{Email: email, EmailKey: FoldEmail(email), Name: name}
	p.newPassword("password", d.Password.Expose(), nearOf(user, d.Near...)...)
	return user
}

// AddMember makes the user of that email a member of an organization. Where there
// is no such user yet, password is asked for and the user is made first. Only
// operators do this so far.
func (a *Accounts) AddMember(ctx context.Context, who Actor, organization string, d UserDraft, role Role, password func() (secret.Secret, error)) (User, bool, error) {
	if !who.operator() {
		return User{}, false, fail(Forbidden, "Users are added at the command line: claviger user add.")
	}
	if _, err := ParseRole(string(role)); err != nil {
		return User{}, false, err
	}
	if err := a.checkOrganization(ctx, who, organization); err != nil {
		return User{}, false, err
	}
	known, err := a.userKnown(ctx, d.Email)
	if err != nil {
		return User{}, false, err
	}
	var user User
	if !known {
		d.Near = []Organization{{Slug: organization}}
		if user, err = a.prepareUser(ctx, d, password); err != nil {
			return User{}, false, err
		}
	}
	err = a.act(ctx, who, organization, "", need{role: Owner}, func(tx Tx, s Standing) error {
		if known {
			user, err = tx.UserByEmail(FoldEmail(d.Email))
			if err != nil {
				return err
			}
			return addMember(tx, s, user, role)
		}
		user.ID, user.CreatedAt = newID(idUser, s.at), s.at
		if err := insertUser(tx, s, user); err != nil {
			return err
		}
		return addMember(tx, s, user, role)
	})
	return user, !known, err
}

func (a *Accounts) checkOrganization(ctx context.Context, who Actor, organization string) error {
	return a.look(ctx, who, organization, "", need{role: Owner}, func(ReadTx, Standing) error { return nil })
}

func (a *Accounts) userKnown(ctx context.Context, email string) (bool, error) {
	known := false
	err := a.Store.View(ctx, func(tx ReadTx) error {
		_, err := tx.UserByEmail(FoldEmail(email))
		known = err == nil
		if missing(err) {
			return nil
		}
		return err
	})
	return known, err
}

// prepareUser checks a draft, asks for its password and hashes it.
func (a *Accounts) prepareUser(ctx context.Context, d UserDraft, password func() (secret.Secret, error)) (User, error) {
	var err error
	if d.Password, err = password(); err != nil {
		return User{}, err
	}
	var p problems
	user := a.checkUser(&p, d)
	if err := p.err(); err != nil {
		return User{}, err
	}
	user.PasswordHash, err = a.Passwords.Hash(ctx, d.Password)
	return user, err
}

func insertUser(tx Tx, s Standing, user User) error {
	ok, err := tx.InsertUser(user)
	if err != nil {
		return err
	}
	if !ok {
		return taken("email", "There is a user with this email already.")
	}
	return record(tx, s.event(ActCreateUser, user.ID, user.Email))
}

func addMember(tx Tx, s Standing, user User, role Role) error {
	ok, err := tx.InsertMembership(Membership{OrganizationID: s.Organization.ID, UserID: user.ID, Role: role, CreatedAt: s.at})
	if err != nil {
		return err
	}
	if !ok {
		return taken("email", user.Email+" is a member of "+s.Organization.Name+" already.")
	}
	e := s.event(ActAddMember, user.ID, user.Email)
	e.Detail = map[string]string{"role": string(role)}
	return record(tx, e)
}

// DisableUser keeps a user from signing in and ends their sessions, at once, for
// operators.
func (a *Accounts) DisableUser(ctx context.Context, who Actor, email string) (User, error) {
	var user User
	if err := who.operates("Users are disabled at the command line: claviger user disable."); err != nil {
		return user, err
	}
	err := a.Store.Update(ctx, func(tx Tx) error {
		var err error
		if user, err = userOf(tx, email); err != nil {
			return err
		}
		now := a.Clock.Now()
		changed, err := tx.DisableUser(user.ID, now)
		if err != nil || !changed {
			return err
		}
		if err := tx.EndSessionsOf(user.ID, now); err != nil {
			return err
		}
		return recordOnUser(tx, who, ActDisableUser, user, now)
	})
	return user, err
}

// recordOnUser records an operator's act on a user in each organization that the user
// belongs to, so that its admins see it; in none, where there is none.
func recordOnUser(tx Tx, who Actor, act Act, user User, now time.Time) error {
	e := actorEvent(who, act, now)
	e.TargetID, e.TargetName = user.ID, user.Email
	orgs, err := tx.OrganizationsOf(user.ID)
	if err != nil {
		return err
	}
	if len(orgs) == 0 {
		return record(tx, e)
	}
	for _, org := range orgs {
		e.OrganizationID = org.ID
		if err := record(tx, e); err != nil {
			return err
		}
	}
	return nil
}

// Users returns all users, for operators.
func (a *Accounts) Users(ctx context.Context) ([]User, error) {
	var out []User
	err := a.Store.View(ctx, func(tx ReadTx) error {
		var err error
		out, err = tx.Users()
		return err
	})
	return out, err
}

// memberAct runs an act on one member, which takes an elevation for the organization
// and a role that reaches the member's. Operators name the member by email.
func (d Deps) memberAct(ctx context.Context, who Actor, organization, userID string, do func(Tx, Standing, MemberUser) error) error {
	return d.act(ctx, who, organization, "", need{role: Admin, elevated: true}, func(tx Tx, s Standing) error {
		id := userID // a closure may run again
		if who.operator() {
			user, err := userOf(tx, userID)
			if err != nil {
				return err
			}
			id = user.ID
		}
		m, err := memberOf(tx, s, id)
		if err != nil {
			return err
		}
		if !s.Role.Reaches(m.Membership.Role) {
			return tooLow(s.Role, m.Membership.Role, s.Organization)
		}
		return do(tx, s, m)
	})
}

// ChangeRole gives a member another role. The last owner stays one.
func (a *Accounts) ChangeRole(ctx context.Context, who Actor, organization, userID string, role Role) (User, error) {
	var out User
	if _, err := ParseRole(string(role)); err != nil {
		return out, err
	}
	err := a.memberAct(ctx, who, organization, userID, func(tx Tx, s Standing, m MemberUser) error {
		out = m.User
		if !s.Role.Reaches(role) {
			return tooLow(s.Role, role, s.Organization)
		}
		if m.Membership.Role == role {
			return nil
		}
		if err := keepsOwner(tx, s, m); err != nil {
			return err
		}
		if _, err := tx.WithdrawInvites(s.Organization.ID, m.User.EmailKey, s.at); err != nil {
			return err
		}
		was := m.Membership.Role
		m.Membership.Role = role
		if _, err := tx.UpdateMembership(m.Membership); err != nil {
			return err
		}
		e := s.event(ActChangeRole, m.User.ID, m.User.Email)
		e.Detail = map[string]string{"role": string(was) + " → " + string(role)}
		return record(tx, e)
	})
	return out, err
}

// RemoveMember ends a membership. The user's personal tokens for the organization
// are revoked, and open invitations of theirs withdrawn; access tokens that they got
// while they were a member stay refused (found.userState). The last owner stays.
func (a *Accounts) RemoveMember(ctx context.Context, who Actor, organization, userID string) (User, error) {
	var out User
	err := a.memberAct(ctx, who, organization, userID, func(tx Tx, s Standing, m MemberUser) error {
		out = m.User
		if err := keepsOwner(tx, s, m); err != nil {
			return err
		}
		if _, err := tx.DeleteMembership(s.Organization.ID, m.User.ID, s.at); err != nil {
			return err
		}
		if _, err := tx.WithdrawInvites(s.Organization.ID, m.User.EmailKey, s.at); err != nil {
			return err
		}
		f := CredentialFilter{Whose: Whose{OrganizationID: s.Organization.ID, UserID: m.User.ID}, Now: s.at, Live: true}
		list, err := tx.Credentials(f)
		if err != nil {
			return err
		}
		for _, c := range list {
			if _, err := change(tx, s, c, RevokeThem); err != nil {
				return err
			}
		}
		return record(tx, s.event(ActRemoveMember, m.User.ID, m.User.Email))
	})
	return out, err
}

// RevokeEverything revokes a member's personal tokens for the organization and all
// their access tokens that open it, and signs them out, unless they belong to other
// organizations too.
func (a *Accounts) RevokeEverything(ctx context.Context, who Actor, organization, userID string) (User, Revocation, error) {
	var user User
	var out Revocation
	err := a.memberAct(ctx, who, organization, userID, func(tx Tx, s Standing, m MemberUser) error {
		user = m.User
		var err error
		out, err = revokeEverything(tx, s, m.User)
		return err
	})
	return user, out, err
}

// DisableMember disables the user of a member, for owners: a user who belongs to
// other organizations too is theirs to keep, and can only be removed from this one.
func (a *Accounts) DisableMember(ctx context.Context, who Actor, organization, userID string) (User, error) {
	var out User
	err := a.memberAct(ctx, who, organization, userID, func(tx Tx, s Standing, m MemberUser) error {
		out = m.User
		if err := ownsUser(tx, s, m, "disable"); err != nil {
			return err
		}
		if err := keepsOwner(tx, s, m); err != nil {
			return err
		}
		changed, err := tx.DisableUser(m.User.ID, s.at)
		if err != nil || !changed {
			return err
		}
		if err := tx.EndSessionsOf(m.User.ID, s.at); err != nil {
			return err
		}
		return record(tx, s.event(ActDisableUser, m.User.ID, m.User.Email))
	})
	return out, err
}

// keepsOwner fails where an organization would be left without an owner who can
// sign in.
func keepsOwner(tx ReadTx, s Standing, leaving MemberUser) error {
	if leaving.Membership.Role != Owner {
		return nil
	}
	members, err := tx.Members(s.Organization.ID)
	if err != nil {
		return err
	}
	for _, m := range members {
		if m.Membership.Role == Owner && m.User.DisabledAt.IsZero() && m.User.ID != leaving.User.ID {
			return nil
		}
	}
	return fail(Conflict, leaving.User.Name+" is the last owner of "+s.Organization.Name+". Make somebody else an owner first.")
}

// ResetPassword gives a user a new password and ends their sessions, for operators.
func (a *Accounts) ResetPassword(ctx context.Context, who Actor, email string, password func() (secret.Secret, error)) (User, error) {
	var user User
	if err := who.operates("Passwords are reset at the command line: claviger user reset-password."); err != nil {
		return user, err
	}
	near, err := a.nearUser(ctx, email)
	if err != nil {
		return user, err
	}
	text, err := password()
	if err != nil {
		return user, err
	}
	var p problems
	p.newPassword("password", text.Expose(), near...)
	if err := p.err(); err != nil {
		return user, err
	}
	hash, err := a.Passwords.Hash(ctx, text)
	if err != nil {
		return user, err
	}
	err = a.Store.Update(ctx, func(tx Tx) error {
		now := a.Clock.Now()
		var err error
		if user, err = tx.UserByEmail(FoldEmail(email)); err != nil {
			return err
		}
		if err := tx.SetPassword(user.ID, hash); err != nil {
			return err
		}
		if err := tx.EndSessionsOf(user.ID, now); err != nil {
			return err
		}
		// What the old password bought goes with it.
		if _, err := tx.RevokeAccessTokens(AccessTokenFilter{UserID: user.ID, Now: now}, who.Name, who.Reason); err != nil {
			return err
		}
		return recordOnUser(tx, who, ActResetPassword, user, now)
	})
	return user, err
}

// nearUser returns the names that a user's password must not lean on.
func (a *Accounts) nearUser(ctx context.Context, email string) ([]string, error) {
	var near []string
	err := a.Store.View(ctx, func(tx ReadTx) error {
		user, err := userOf(tx, email)
		if err != nil {
			return err
		}
		organizations, err := tx.OrganizationsOf(user.ID)
		near = nearOf(user, organizations...)
		return err
	})
	return near, err
}
