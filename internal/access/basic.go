package access

import (
	"context"
	"errors"

	"claviger/internal/secret"
)

// Revealed is an application's Basic credentials in clear.
type Revealed struct {
	Username string
	Password secret.Secret // zero when Already
	Already  bool          // the form was sent before: nothing is shown again
}

// RevealBasic shows an application's Basic password, recorded before it leaves.
// A nonce that was used before reveals nothing and returns Already: reloading the
// page that showed the password is no second reveal.
func (r *Registry) RevealBasic(ctx context.Context, a Actor, organization, application, nonce string) (Revealed, error) {
	var out Revealed
	err := r.act(ctx, a, organization, application, need{role: Admin, elevated: true}, func(tx Tx, s Standing) error {
		out = Revealed{Username: s.Application.ID}
		c, err := tx.BasicOf(s.Application.ID)
		if err != nil {
			return err
		}
		if c.StateAt(s.at) == Disabled {
			return fail(Conflict, "Basic is disabled for this application, for good: its password no longer exists.")
		}
		if nonce != "" {
			fresh, err := tx.UseNonce(short(s.Application.ID+" "+nonce), s.at)
			if out.Already = !fresh; err != nil || out.Already {
				return err
			}
		}
		out.Password, err = r.Keys.Open(c.Sealed, sealContext(c.ID, KindBasic))
		if err != nil {
			return err
		}
		return record(tx, s.event(ActRevealBasic, c.ID, c.Label))
	})
	if err != nil {
		return Revealed{}, err
	}
	return out, nil
}

// ConfirmBasic says of an application's Basic credentials, which a restore left
// unconfirmed, that they are to live on.
func (r *Registry) ConfirmBasic(ctx context.Context, a Actor, organization, application string) error {
	return r.act(ctx, a, organization, application, need{role: Admin, elevated: true}, func(tx Tx, s Standing) error {
		c, err := tx.BasicOf(s.Application.ID)
		if err == nil {
			_, err = change(tx, s, c, ConfirmThem)
		}
		return err
	})
}

// DisableBasic disables an application's Basic credentials for good: digest and
// sealed password are erased in the same transaction. confirm must be the
// application's slug.
func (r *Registry) DisableBasic(ctx context.Context, a Actor, organization, application, confirm string) error {
	return r.act(ctx, a, organization, application, need{role: Admin, elevated: true}, func(tx Tx, s Standing) error {
		c, err := tx.BasicOf(s.Application.ID)
		if err != nil {
			return err
		}
		if c.StateAt(s.at) == Disabled {
			return fail(Conflict, "Basic is disabled for this application already.")
		}
		if confirm != s.Application.Slug {
			return &Error{Kind: Invalid, Message: "Basic was not disabled.", Fields: []FieldError{{"confirm", "Type " + s.Application.Slug + ", exactly as it stands here."}}}
		}
		changed, err := tx.RevokeCredential(c.ID, s.at, a.Name, s.reason())
		if err != nil {
			return err
		}
		if !changed {
			return errors.New("disable Basic: the credential changed within its own transaction")
		}
		return record(tx, s.event(ActDisableBasic, c.ID, c.Label))
	})
}
