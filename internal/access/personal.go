package access

import (
	"context"
	"time"

	"claviger/internal/secret"
)

// Personal tokens live from 1 to 365 days, a year by default.
const (
	maxPersonal     = 365 * day
	defaultPersonal = maxPersonal
)

// IssuePersonal makes a personal token for the actor, for one of their
// organizations. It needs no elevation: it carries no more than they may do.
func (a *Accounts) IssuePersonal(ctx context.Context, who Actor, organization string, d Draft) (Issued, error) {
	if who.operator() {
		return Issued{}, fail(Forbidden, "People make their own tokens.")
	}
	longest := maxPersonal
	if a.Limits.MaxLifetime > 0 {
		longest = min(longest, a.Limits.MaxLifetime)
	}
	var p problems
	label := p.label("label", d.Label)
	expires := a.Clock.Now().Add(min(defaultPersonal, longest))
	if d.Expires != "" {
		var err error
		expires, err = ParseExpiry(d.Expires, a.Clock.Now(), longest)
		p.take(err)
	}
	p.scopes("scope", d.Scopes, nil)
	if err := p.err(); err != nil {
		return Issued{}, err
	}
	var out Issued
	err := a.act(ctx, who, organization, "", need{role: Viewer}, func(tx Tx, s Standing) error {
		out = Issued{Standing: s}
		if d.Nonce != "" {
			var err error
			out.Credential, err = tx.CredentialByNonce(Whose{OrganizationID: s.Organization.ID, UserID: who.UserID}, d.Nonce)
			if out.Already = err == nil; out.Already || !missing(err) {
				return err
			}
		}
		out.Secret = secret.Generate(secret.Personal)
		prefix, last4 := secret.Shown(out.Secret)
		digest, err := a.digest(tx, out.Secret)
		if err != nil {
			return err
		}
		out.Credential = Credential{
			ID: newID(idPersonal, s.at), OrganizationID: s.Organization.ID, UserID: who.UserID, Kind: KindPersonal, Label: label,
			Restriction: d.Scopes, Prefix: prefix, Last4: last4, Digest: digest, Nonce: d.Nonce,
			CreatedAt: s.at, CreatedBy: who.Name, ExpiresAt: expires,
		}
		if err := tx.InsertCredential(out.Credential); err != nil {
			return err
		}
		return record(tx, created(s, out.Credential))
	})
	return out, err
}

// Profile is what a person sees of their own account.
type Profile struct {
	User          User
	Organizations []Organization
	Roles         map[string]Role // by organization id
	Tokens        []UsedCredential
	AccessTokens  int
	Now           time.Time
}

// mostPersonal bounds how many personal tokens one page shows.
const mostPersonal = 500

// Profile returns the actor's own account.
func (a *Accounts) Profile(ctx context.Context, who Actor) (Profile, error) {
	var out Profile
	err := a.Store.View(ctx, func(tx ReadTx) error {
		now := a.Clock.Now()
		out = Profile{Roles: map[string]Role{}, Now: now}
		if err := alive(tx, now, who); err != nil {
			return err
		}
		var err error
		if out.User, err = tx.User(who.UserID); err != nil {
			return err
		}
		if out.Organizations, err = tx.OrganizationsOf(who.UserID); err != nil {
			return err
		}
		for _, org := range out.Organizations {
			m, err := tx.Membership(org.ID, who.UserID)
			if err != nil {
				return err
			}
			out.Roles[org.ID] = m.Role
		}
		list, err := tx.Credentials(CredentialFilter{Whose: Whose{UserID: who.UserID}, Now: now, Limit: mostPersonal})
		if err != nil {
			return err
		}
		if out.Tokens, err = withUse(tx, list, now); err != nil {
			return err
		}
		n, err := tx.CountAccessTokens([]string{who.UserID}, "", now)
		out.AccessTokens = n[who.UserID]
		return err
	})
	return out, err
}

// RevokeOwn revokes personal tokens of the actor for good, all or none.
func (a *Accounts) RevokeOwn(ctx context.Context, who Actor, ids []string) ([]Credential, error) {
	if err := chosen(ids); err != nil {
		return nil, err
	}
	var out []Credential
	err := a.Store.Update(ctx, func(tx Tx) error {
		out = nil
		now := a.Clock.Now()
		if err := alive(tx, now, who); err != nil {
			return err
		}
		for _, id := range ids {
			c, err := tx.Credential(id)
			if missing(err) || err == nil && (c.Kind != KindPersonal || c.UserID != who.UserID) {
				return noSuch("API token", id)
			}
			if err != nil {
				return err
			}
			s := Standing{Organization: Organization{ID: c.OrganizationID}, at: now, actor: who}
			changed, err := change(tx, s, c, RevokeThem)
			if err != nil {
				return err
			}
			if changed {
				out = append(out, c)
			}
		}
		return nil
	})
	return out, err
}

// RevokeOwnEverything revokes all personal and access tokens of the actor and
// signs them out everywhere, here too.
func (a *Accounts) RevokeOwnEverything(ctx context.Context, v Visit, who Actor, p Proof) (Revocation, error) {
	var out Revocation
	att, _, err := a.prove(ctx, v, who, p)
	if err != nil {
		return out, err
	}
	err = a.Store.Update(ctx, func(tx Tx) error {
		now := a.Clock.Now()
		if err := alive(tx, now, who); err != nil {
			return err
		}
		if err := att.refund(tx); err != nil {
			return err
		}
		user, err := tx.User(who.UserID)
		if err != nil {
			return err
		}
		out, err = revokeEverything(tx, Standing{at: now, actor: who}, user)
		return err
	})
	return out, err
}

// Revocation says what became of everything that somebody held.
type Revocation struct {
	Personal     int
	AccessTokens int
	SignedOut    bool // false: the user belongs to other organizations too, whose sessions they are
}

// signOut ends a user's sessions. From where the actor stands in an organization it
// leaves them alone if the user belongs to others too: their pages are none of ours.
func signOut(tx Tx, s Standing, user User) (bool, error) {
	if s.Organization.ID != "" {
		orgs, err := tx.OrganizationsOf(user.ID)
		if err != nil || len(orgs) > 1 {
			return false, err
		}
	}
	return true, tx.EndSessionsOf(user.ID, s.at)
}

// revokeEverything revokes what a user holds, all of it or, from where the actor
// stands in an organization, what opens that one. It is recorded as one act, with a
// record of each personal token.
func revokeEverything(tx Tx, s Standing, user User) (Revocation, error) {
	var out Revocation
	f := CredentialFilter{Whose: Whose{UserID: user.ID, OrganizationID: s.Organization.ID}, Now: s.at, Live: true}
	list, err := tx.Credentials(f)
	if err != nil {
		return out, err
	}
	for _, c := range list {
		from := s
		from.Organization.ID = c.OrganizationID
		changed, err := change(tx, from, c, RevokeThem)
		if err != nil {
			return out, err
		}
		if changed {
			out.Personal++
		}
	}
	theirs := AccessTokenFilter{UserID: user.ID, OrganizationID: s.Organization.ID, Now: s.at}
	if out.AccessTokens, err = tx.RevokeAccessTokens(theirs, s.actor.Name, s.reason()); err != nil {
		return out, err
	}
	if out.SignedOut, err = signOut(tx, s, user); err != nil {
		return out, err
	}
	e := s.event(ActRevokeEverything, user.ID, user.Email)
	e.Detail = map[string]string{"personal tokens": group(out.Personal), "access tokens": group(out.AccessTokens)}
	return out, record(tx, e)
}

// PeoplesTokens is one page of the personal tokens of an organization's members.
type PeoplesTokens struct {
	Standing Standing
	Tokens   []UsedCredential
	Users    map[string]User // by id
	More     bool
	Newer    bool
	Total    int // at most maxCounted+1
	Now      time.Time
}

// PeoplesTokens lists the personal tokens of an organization's members, for
// admins. Of the filter, Search, Live, State and the cursors are the caller's; by
// names a member, whose tokens alone are meant, or nobody.
func (r *Registry) PeoplesTokens(ctx context.Context, a Actor, organization, by string, f CredentialFilter) (PeoplesTokens, error) {
	var out PeoplesTokens
	err := r.look(ctx, a, organization, "", need{role: Admin}, func(tx ReadTx, s Standing) error {
		out = PeoplesTokens{Standing: s, Users: map[string]User{}, Now: s.at}
		f.Whose, f.Kind, f.Now = Whose{OrganizationID: s.Organization.ID, UserID: by, Personal: true}, KindPersonal, s.at
		page, err := pageOf(tx, f)
		if err != nil {
			return err
		}
		out.Tokens, out.More, out.Newer, out.Total = page.list, page.more, page.newer, page.total
		for i := range out.Tokens {
			id := out.Tokens[i].Credential.UserID
			if _, known := out.Users[id]; known {
				continue
			}
			if out.Users[id], err = tx.User(id); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// peoplesToken returns the personal token of that id of a member of the organization.
func peoplesToken(tx ReadTx, s Standing, id string) (Credential, error) {
	c, err := tx.Credential(id)
	if missing(err) || err == nil && (c.Kind != KindPersonal || c.OrganizationID != s.Organization.ID) {
		return Credential{}, noSuch("API token", id)
	}
	return c, err
}

// ChosenPeoples returns personal tokens by their ids, for the page that confirms
// their revocation.
func (r *Registry) ChosenPeoples(ctx context.Context, a Actor, organization string, ids []string) (PeoplesTokens, error) {
	out := PeoplesTokens{Users: map[string]User{}}
	err := r.look(ctx, a, organization, "", need{role: Admin, elevated: true}, func(tx ReadTx, s Standing) error {
		out.Standing, out.Now = s, s.at
		list := make([]Credential, 0, len(ids))
		for _, id := range ids {
			c, err := peoplesToken(tx, s, id)
			if err != nil {
				return err
			}
			list = append(list, c)
			if out.Users[c.UserID], err = tx.User(c.UserID); err != nil {
				return err
			}
		}
		var err error
		if out.Tokens, err = withUse(tx, list, s.at); err != nil {
			return err
		}
		return withAddresses(tx, out.Tokens, s.at)
	})
	return out, err
}
