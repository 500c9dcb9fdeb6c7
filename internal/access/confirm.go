package access

import "context"

// Unconfirmed is a credential of which a restore could not know whether it had been
// revoked meanwhile, with where it belongs.
type Unconfirmed struct {
	UsedCredential
	Place string // "ORG/APP", "ORG", or "ORG, EMAIL" of a personal token
}

// Unconfirmed returns the live credentials that a restore left unconfirmed, for
// operators.
func (a *Auditor) Unconfirmed(ctx context.Context, who Actor) ([]Unconfirmed, error) {
	if !who.operator() {
		return nil, fail(Forbidden, "This is the command line's list.")
	}
	var out []Unconfirmed
	err := a.Store.View(ctx, func(tx ReadTx) error {
		now := a.Clock.Now()
		list, err := tx.UnconfirmedCredentials(now)
		if err != nil {
			return err
		}
		used, err := withUse(tx, list, now)
		if err != nil {
			return err
		}
		out = make([]Unconfirmed, len(used))
		for i, u := range used {
			out[i].UsedCredential = u
			if out[i].Place, err = placeOf(tx, u.Credential); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func placeOf(tx ReadTx, c Credential) (string, error) {
	org, err := tx.OrganizationByID(c.OrganizationID)
	if err != nil {
		return "", err
	}
	switch {
	case c.ApplicationID != "":
		app, err := tx.ApplicationByID(c.ApplicationID)
		return org.Slug + "/" + app.Slug, err
	case c.UserID != "":
		user, err := tx.User(c.UserID)
		return org.Slug + ", " + user.Email, err
	}
	return org.Slug, nil
}

// Confirm says of credentials that a restore left unconfirmed that they are to live
// on: all or none. Those that were confirmed before are left alone.
func (a *Auditor) Confirm(ctx context.Context, who Actor, ids []string) ([]Credential, error) {
	if err := who.operates("Elevate your permissions and confirm on the credential's page."); err != nil {
		return nil, err
	}
	if err := chosen(ids); err != nil {
		return nil, err
	}
	var out []Credential
	err := a.Store.Update(ctx, func(tx Tx) error {
		out = nil
		now := a.Clock.Now()
		for _, id := range ids {
			c, err := tx.Credential(id)
			if missing(err) {
				return noSuch("credential", id)
			}
			if err != nil {
				return err
			}
			s := Standing{Organization: Organization{ID: c.OrganizationID}, Application: Application{ID: c.ApplicationID}, at: now, actor: who}
			changed, err := change(tx, s, c, ConfirmThem)
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
