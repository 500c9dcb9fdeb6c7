package access

import (
	"context"
	"net/netip"
	"slices"
)

// BoundsDraft is what the bounds of a credential are changed to: from where and how
// often it may be used; nil leaves one as it is.
//
// What a credential may do is no part of it. Its scopes are what was promised when it was
// handed over, to its caller and to whoever approved of it, and a wider reach must not
// come to a secret that has been lying about for a year: that takes a new one.
type BoundsDraft struct {
	Allow *[]string // networks, as ParseAllowed reads them; none = any address
	Limit *LimitDraft
	// Sure says that one knows that the address from which the credential was last
	// used is not among the allowed ones any more.
	Sure bool
}

// Restrict changes from where and how often a token or client may be used. The next
// request is judged by it.
func (r *Registry) Restrict(ctx context.Context, a Actor, organization, application, id string, d BoundsDraft) error {
	return r.restrict(ctx, a, organization, application, d, func(tx ReadTx, s Standing) (Credential, error) {
		return credentialOf(tx, s, id)
	})
}

// RestrictBasic changes from where and how often an application's Basic credentials may
// be used.
func (r *Registry) RestrictBasic(ctx context.Context, a Actor, organization, application string, d BoundsDraft) error {
	return r.restrict(ctx, a, organization, application, d, func(tx ReadTx, s Standing) (Credential, error) {
		return tx.BasicOf(s.Application.ID)
	})
}

func (r *Registry) restrict(ctx context.Context, a Actor, organization, application string, d BoundsDraft, find func(ReadTx, Standing) (Credential, error)) error {
	return r.act(ctx, a, organization, application, holder(application), func(tx Tx, s Standing) error {
		was, err := find(tx, s)
		if err != nil {
			return err
		}
		if err := ended(was, s.at); err != nil {
			return err
		}
		is, err := d.apply(was)
		if err != nil {
			return err
		}
		e := s.event(actOn(was.Kind, "restrict"), was.ID, was.Label)
		if e.Detail = boundsChanged(was, is); len(e.Detail) == 0 {
			return nil
		}
		if !d.Sure {
			if err := shutsOut(tx, was, is); err != nil {
				return err
			}
		}
		if err := tx.RestrictCredential(is.ID, is.Allowed, is.Limit); err != nil {
			return err
		}
		return record(tx, e)
	})
}

// apply returns the credential with the bounds of the draft.
func (d BoundsDraft) apply(c Credential) (Credential, error) {
	var p problems
	if d.Allow != nil {
		var err error
		c.Allowed, err = ParseAllowed(*d.Allow)
		p.take(err)
	}
	if d.Limit != nil {
		c.Limit = p.limit(*d.Limit)
	}
	return c, p.err()
}

// boundsChanged tells what differs, as an event records it.
func boundsChanged(was, is Credential) map[string]string {
	detail := map[string]string{}
	if !slices.Equal(was.Allowed, is.Allowed) {
		detail["from"] = anyOr(was.Allowed) + " → " + anyOr(is.Allowed)
	}
	if was.Limit != is.Limit {
		detail["limit"] = was.Limit.String() + " → " + is.Limit.String()
	}
	return detail
}

func anyOr(allowed []netip.Prefix) string {
	if len(allowed) == 0 {
		return "any address"
	}
	return networks(allowed)
}

// shutsOut fails where the address from which the credential was last used was allowed,
// and would be no longer: whoever narrows a list is asked to look at it once more.
func shutsOut(tx ReadTx, was, is Credential) error {
	uses, err := tx.LastUses([]string{is.ID})
	if err != nil {
		return err
	}
	last, used := uses[is.ID]
	address, unknown := netip.ParseAddr(last.Address)
	caller := Caller{Address: address}
	if unknown != nil {
		caller = Caller{} // "through" a proxy: no list lets it in
	}
	if !used || !was.allows(caller) || is.allows(caller) {
		return nil
	}
	return &Error{Kind: Invalid, Message: "Some fields need your attention.", Fields: []FieldError{{
		"sure", "It was last used from " + or(last.Address, "an unknown address") + ", which is not on this list: calls from there would be refused from now on.",
	}}}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
