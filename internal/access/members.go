package access

import (
	"context"

	"claviger/internal/secret"
)

// UserDraft is what a user is made from.
type UserDraft struct {
	Email    string
	Name     string // empty = the part of the email before the @
	Password secret.Secret
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
	p.newPassword("password", d.Password.Expose())
	return User{Email: email, EmailKey: FoldEmail(email), Name: name}
}

// AddMember makes the user of that email a member of an organization. Where there
// is no such user yet, password is asked for and the user is made first. Only
// operators do this so far.
func (a *Accounts) AddMember(ctx context.Context, who Actor, organization string, d UserDraft, role Role, password func() (secret.Secret, error)) (User, bool, error) {
	if !who.operator() {
		return User{}, false, fail(Forbidden, "Users are added at the command line: claviger user add.")
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

// DisableUser keeps a user from signing in and ends their sessions, at once.
// Only operators do this so far.
func (a *Accounts) DisableUser(ctx context.Context, who Actor, email string) (User, error) {
	var user User
	if !who.operator() {
		return user, fail(Forbidden, "Users are disabled at the command line: claviger user disable.")
	}
	var p problems
	p.reason("reason", who.Reason)
	if err := p.err(); err != nil {
		return user, err
	}
	err := a.Store.Update(ctx, func(tx Tx) error {
		var err error
		user, err = tx.UserByEmail(FoldEmail(email))
		if missing(err) {
			return noSuch("user", email)
		}
		if err != nil {
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
		e := actorEvent(who, ActDisableUser, now)
		e.TargetID, e.TargetName = user.ID, user.Email
		return record(tx, e)
	})
	return user, err
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
