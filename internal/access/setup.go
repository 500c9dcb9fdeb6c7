package access

import (
	"context"
	"time"

	"claviger/internal/secret"
)

// OfferSetup makes a new set-up link when the installation has no owner yet, and
// returns its token and when it ends; the zero Secret when there is an owner. A
// link offered before stops working.
func (a *Accounts) OfferSetup(ctx context.Context) (secret.Secret, time.Time, error) {
	token := newSessionToken()
	var ends time.Time
	err := a.Store.Note(ctx, func(tx NoteTx) error {
		owned, err := tx.HasOwner()
		if err != nil || owned {
			ends = time.Time{}
			return err
		}
		ends = a.Clock.Now().Add(setupLinkLife)
		return tx.PutSetupLink(SetupLink{TokenHash: HashToken(token), ExpiresAt: ends})
	})
	if err != nil || ends.IsZero() {
		return secret.Secret{}, ends, err
	}
	return token, ends, nil
}

// SetupOpen reports whether a set-up link can be used: it is the one last
// offered, unused, not over, and there is no owner yet.
func (a *Accounts) SetupOpen(ctx context.Context, token secret.Secret) (bool, error) {
	var open bool
	err := a.Store.View(ctx, func(tx ReadTx) error {
		open = false
		owned, err := tx.HasOwner()
		if err != nil || owned {
			return err
		}
		link, err := tx.SetupLink()
		if missing(err) {
			return nil
		}
		open = string(link.TokenHash) == string(HashToken(token)) && link.UsedAt.IsZero() && a.Clock.Now().Before(link.ExpiresAt)
		return err
	})
	return open, err
}

// NeedsSetup reports whether the installation has no owner yet.
func (a *Accounts) NeedsSetup(ctx context.Context) (bool, error) {
	var owned bool
	err := a.Store.View(ctx, func(tx ReadTx) error {
		var err error
		owned, err = tx.HasOwner()
		return err
	})
	return !owned, err
}

// SetupDraft is the first organization and its owner.
type SetupDraft struct {
	Organization OrganizationDraft
	Name         string
	Owner        Credentials
}

// SetUp uses up the set-up link and makes the first organization and its owner in
// one transaction; two that come at once make one. The owner is signed in.
func (a *Accounts) SetUp(ctx context.Context, token secret.Secret, d SetupDraft) (Organization, SignedIn, error) {
	var p problems
	d.Organization.check(&p)
	for i := range p {
		if p[i].Field == "name" {
			p[i].Field = "organization"
		}
	}
	user := a.checkUser(&p, UserDraft{
		Email: d.Owner.Email, Name: d.Name, Password: d.Owner.Password,
		Near: []Organization{{Slug: d.Organization.Slug, Name: d.Organization.Name}},
	})
	if err := p.err(); err != nil {
		return Organization{}, SignedIn{}, err
	}
	hash, err := a.Passwords.Hash(ctx, d.Owner.Password)
	if err != nil {
		return Organization{}, SignedIn{}, err
	}
	user.PasswordHash = hash
	var org Organization
	var out SignedIn
	err = a.Store.Update(ctx, func(tx Tx) error {
		now := a.Clock.Now()
		owned, err := tx.HasOwner()
		if err != nil {
			return err
		}
		used := false
		if !owned {
			if used, err = tx.UseSetupLink(HashToken(token), now); err != nil {
				return err
			}
		}
		if !used {
			return fail(NotFound, "This set-up link is used up or over. Start the server again for a new one.")
		}
		user.ID, user.CreatedAt = newID(idUser, now), now
		who := Actor{UserID: user.ID, Name: user.Name, Caller: d.Owner.Caller, Agent: d.Owner.Agent}
		if org, err = a.insertOrganization(tx, who, d.Organization, now); err != nil {
			return err
		}
		s := Standing{Organization: org, Role: Owner, at: now, actor: who}
		if err := insertUser(tx, s, user); err != nil {
			return err
		}
		if err := addMember(tx, s, user, Owner); err != nil {
			return err
		}
		if err := record(tx, s.event(ActSetUp, org.ID, org.Slug)); err != nil {
			return err
		}
		out = SignedIn{User: user, Device: a.newDevice(user)}
		out.Token, err = a.openSession(tx, user, d.Owner, now)
		return err
	})
	return org, out, err
}
