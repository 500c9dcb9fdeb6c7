package access

import (
	"context"
	"time"
)

// This file is what only operators see: the command line's lists.

// AllTokens returns every token of an application, for operators.
func (r *Registry) AllTokens(ctx context.Context, a Actor, organization, application string) ([]UsedCredential, error) {
	return r.all(ctx, a, organization, application, KindToken)
}

// AllClients returns every client of an application, or, where that is empty, of the
// organization, for operators.
func (r *Registry) AllClients(ctx context.Context, a Actor, organization, application string) ([]UsedCredential, error) {
	return r.all(ctx, a, organization, application, KindClient)
}

func (r *Registry) all(ctx context.Context, a Actor, organization, application string, kind Kind) ([]UsedCredential, error) {
	if !a.operator() {
		return nil, fail(Forbidden, "This is the command line's list.")
	}
	var out []UsedCredential
	err := r.look(ctx, a, organization, application, need{role: Owner}, func(tx ReadTx, s Standing) error {
		out = nil
		f := CredentialFilter{Whose: s.whose(), Kind: kind, Now: s.at, Limit: 1000}
		for {
			list, err := tx.Credentials(f)
			if err != nil || len(list) == 0 {
				return err
			}
			used, err := withUse(tx, list, s.at)
			if err != nil {
				return err
			}
			out = append(out, used...)
			last := list[len(list)-1]
			f.After = Cursor{At: last.CreatedAt, ID: last.ID}
		}
	})
	return out, err
}

// Directory is what the command line lists.
type Directory struct {
	Organizations []Organization
	Applications  map[string][]Application // by organization id
	APIs          map[string][]API         // by application id
}

// Directory returns all organizations with their applications and APIs, for operators.
func (r *Registry) Directory(ctx context.Context) (Directory, error) {
	var d Directory
	err := r.Store.View(ctx, func(tx ReadTx) error {
		d = Directory{Applications: map[string][]Application{}, APIs: map[string][]API{}}
		var err error
		if d.Organizations, err = tx.Organizations(); err != nil {
			return err
		}
		for _, org := range d.Organizations {
			apps, err := tx.Applications(org.ID)
			if err != nil {
				return err
			}
			d.Applications[org.ID] = apps
			for _, app := range apps {
				if d.APIs[app.ID], err = tx.APIs(app.ID); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return d, err
}

// Shown is an application as the command line shows it.
type Shown struct {
	Organization Organization
	Application  Application
	APIs         []API
	Basic        UsedCredential
	DefaultTTL   time.Duration // of access tokens, as it is in force
	MaxTTL       time.Duration
}

// Show returns one application, for operators.
func (r *Registry) Show(ctx context.Context, a Actor, organization, application string) (Shown, error) {
	var out Shown
	if !a.operator() {
		return out, fail(Forbidden, "This is the command line's view.")
	}
	err := r.look(ctx, a, organization, application, need{role: Owner}, func(tx ReadTx, s Standing) error {
		out = Shown{Organization: s.Organization, Application: s.Application}
		out.DefaultTTL, out.MaxTTL = r.Limits.ttl(s.Application.Switches)
		var err error
		if out.APIs, err = tx.APIs(s.Application.ID); err != nil {
			return err
		}
		basic, err := tx.BasicOf(s.Application.ID)
		if err != nil {
			return err
		}
		used, err := withUse(tx, []Credential{basic}, s.at)
		if err == nil {
			out.Basic = used[0]
		}
		return err
	})
	return out, err
}
