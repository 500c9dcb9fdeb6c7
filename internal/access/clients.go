package access

import "context"

// Clients is the clients of an application, or an organization's own.
type Clients struct {
	Standing     Standing
	List         []UsedCredential // live ones first made last; at most mostClients
	Ended        []UsedCredential
	AccessTokens map[string]int // live ones, by client id
}

// mostClients bounds how many clients one page shows.
const mostClients = 200

// Clients returns the clients of an application, for admins, or an organization's
// own, for owners. It needs no elevation: it shows no secret.
func (r *Registry) Clients(ctx context.Context, a Actor, organization, application string) (Clients, error) {
	var out Clients
	n := need{role: holder(application).role}
	err := r.look(ctx, a, organization, application, n, func(tx ReadTx, s Standing) error {
		out = Clients{Standing: s}
		f := CredentialFilter{Whose: s.whose(), Kind: KindClient, Now: s.at, Live: true, Limit: mostClients}
		list, err := tx.Credentials(f)
		if err != nil {
			return err
		}
		if out.List, err = withUse(tx, list, s.at); err != nil {
			return err
		}
		f.Live, f.Ended = false, true
		ended, err := tx.Credentials(f)
		if err != nil {
			return err
		}
		if out.Ended, err = withUse(tx, ended, s.at); err != nil {
			return err
		}
		ids := make([]string, len(list))
		for i, c := range list {
			ids[i] = c.ID
		}
		out.AccessTokens, err = tx.CountAccessTokens(ids, "", s.at)
		return err
	})
	return out, err
}

// mostAccessTokens bounds how many access tokens one page shows.
const mostAccessTokens = 100

// RevokeAccessToken revokes one access token that was issued to a client.
func (r *Registry) RevokeAccessToken(ctx context.Context, a Actor, organization, application, clientID, id string) (AccessToken, error) {
	var out AccessToken
	err := r.credentialAct(ctx, a, organization, application, clientID, func(tx Tx, s Standing, c Credential) error {
		var err error
		out, err = tx.AccessToken(id)
		if missing(err) || err == nil && out.CredentialID != c.ID {
			return noSuch("access token", id)
		}
		if err != nil {
			return err
		}
		changed, err := tx.RevokeAccessToken(id, s.at, s.actor.Name, s.reason())
		if err != nil || !changed {
			return err
		}
		return record(tx, s.event(ActRevokeAccessToken, id, c.Label))
	})
	return out, err
}

// RevokeAccessTokens revokes all access tokens that were issued to a client, and
// returns how many.
func (r *Registry) RevokeAccessTokens(ctx context.Context, a Actor, organization, application, clientID string) (int, error) {
	n := 0
	err := r.credentialAct(ctx, a, organization, application, clientID, func(tx Tx, s Standing, c Credential) error {
		var err error
		if n, err = tx.RevokeAccessTokens(AccessTokenFilter{CredentialID: c.ID, Now: s.at}, s.actor.Name, s.reason()); err != nil || n == 0 {
			return err
		}
		e := s.event(ActRevokeAccessToken, c.ID, c.Label)
		e.Count = int64(n)
		return record(tx, e)
	})
	return n, err
}

// MemberAccess is a member with their live access tokens, the latest first.
type MemberAccess struct {
	Standing Standing
	Member   MemberUser
	Tokens   []AccessToken
}

// MemberAccess returns a member's live access tokens, for admins who are elevated
// for the organization.
func (r *Registry) MemberAccess(ctx context.Context, a Actor, organization, userID string) (MemberAccess, error) {
	var out MemberAccess
	err := r.look(ctx, a, organization, "", need{role: Admin, elevated: true}, func(tx ReadTx, s Standing) error {
		out = MemberAccess{Standing: s}
		var err error
		if out.Member, err = memberOf(tx, s, userID); err != nil {
			return err
		}
		out.Tokens, err = tx.AccessTokens(AccessTokenFilter{UserID: userID, OrganizationID: s.Organization.ID, Now: s.at, Limit: mostAccessTokens})
		return err
	})
	return out, err
}

// RevokeMemberAccess revokes one access token of a member, or, where id is empty,
// all of them, and returns how many.
func (r *Registry) RevokeMemberAccess(ctx context.Context, a Actor, organization, userID, id string) (int, error) {
	n := 0
	err := r.memberAct(ctx, a, organization, userID, func(tx Tx, s Standing, m MemberUser) error {
		n = 0
		e := s.event(ActRevokeAccessToken, m.User.ID, m.User.Email)
		if id == "" {
			var err error
			n, err = tx.RevokeAccessTokens(AccessTokenFilter{UserID: m.User.ID, OrganizationID: s.Organization.ID, Now: s.at}, s.actor.Name, s.reason())
			if err != nil || n == 0 {
				return err
			}
			e.Count = int64(n)
			return record(tx, e)
		}
		t, err := tx.AccessToken(id)
		if missing(err) || err == nil && (t.UserID != m.User.ID || t.OrganizationID != "" && t.OrganizationID != s.Organization.ID) {
			return noSuch("access token", id)
		}
		if err != nil {
			return err
		}
		changed, err := tx.RevokeAccessToken(id, s.at, s.actor.Name, s.reason())
		if err != nil || !changed {
			return err
		}
		n, e.TargetID = 1, id
		return record(tx, e)
	})
	return n, err
}
