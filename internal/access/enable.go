package access

import "context"

// EnableUser lets a disabled user sign in again, for operators. What was revoked stays
// revoked; credentials of theirs that still live are accepted again.
func (a *Accounts) EnableUser(ctx context.Context, who Actor, email string) (User, error) {
	var user User
	if err := who.operates("Users are enabled at the command line: claviger user enable."); err != nil {
		return user, err
	}
	err := a.Store.Update(ctx, func(tx Tx) error {
		var err error
		if user, err = userOf(tx, email); err != nil {
			return err
		}
		changed, err := tx.EnableUser(user.ID)
		if err != nil || !changed {
			return err
		}
		return recordOnUser(tx, who, ActEnableUser, user, a.Clock.Now())
	})
	return user, err
}

// EnableMember is EnableUser for owners, for whom the same holds as of DisableMember.
func (a *Accounts) EnableMember(ctx context.Context, who Actor, organization, userID string) (User, error) {
	var out User
	err := a.memberAct(ctx, who, organization, userID, func(tx Tx, s Standing, m MemberUser) error {
		out = m.User
		if err := ownsUser(tx, s, m, "enable"); err != nil {
			return err
		}
		changed, err := tx.EnableUser(m.User.ID)
		if err != nil || !changed {
			return err
		}
		return record(tx, s.event(ActEnableUser, m.User.ID, m.User.Email))
	})
	return out, err
}

// ownsUser fails where a user is not an organization's alone to disable or enable, or
// the actor is no owner.
func ownsUser(tx ReadTx, s Standing, m MemberUser, verb string) error {
	if !s.Role.Reaches(Owner) {
		return tooLow(s.Role, Owner, s.Organization)
	}
	orgs, err := tx.OrganizationsOf(m.User.ID)
	if err != nil || len(orgs) <= 1 {
		return err
	}
	return fail(Conflict, m.User.Name+" also belongs to other organizations. You can remove them from "+s.Organization.Name+
		"; only an operator can "+verb+" them: claviger user "+verb+".")
}
