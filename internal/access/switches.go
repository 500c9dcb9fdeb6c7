package access

import (
	"context"
	"slices"
	"strconv"
	"time"
)

// maxTTL is the longest life of an access token that can be set, in seconds.
const maxTTL = 365 * 24 * 60 * 60

// SwitchDraft is what an application's switches are changed to; nil leaves one as
// it is.
type SwitchDraft struct {
	Open             *bool
	QueryCredentials *bool
	PasswordGrant    *bool
	DefaultTTL       *int64  // seconds
	MaxTTL           *int64  // seconds
	DefaultAPI       *string // slug; empty = none
}

// Switch changes how an application may be opened. Opening or securing it takes an
// owner; all of it takes an elevation. Changes of TTLs concern new tokens only.
func (r *Registry) Switch(ctx context.Context, a Actor, organization, application string, d SwitchDraft) error {
	return r.act(ctx, a, organization, application, need{role: Admin, elevated: true}, func(tx Tx, s Standing) error {
		app := s.Application
		detail := map[string]string{}
		var p problems
		if err := d.apply(tx, &p, &app, r.Limits, detail); err != nil {
			return err
		}
		if err := p.err(); err != nil {
			return err
		}
		if len(detail) == 0 {
			return nil
		}
		if detail["access"] != "" && !s.Role.Reaches(Owner) {
			return tooLow(s.Role, Owner, s.Organization)
		}
		if err := tx.UpdateApplication(app); err != nil {
			return err
		}
		e := s.event(ActSwitch, app.ID, app.Slug)
		e.Detail = detail
		return record(tx, e)
	})
}

// apply changes the application, and notes in detail what is changed by it.
func (d SwitchDraft) apply(tx ReadTx, p *problems, app *Application, l Limits, detail map[string]string) error {
	sw := &app.Switches
	flip := func(to *bool, at *bool, name, on, off string) {
		if to == nil || *to == *at {
			return
		}
		*at = *to
		detail[name] = off
		if *to {
			detail[name] = on
		}
	}
	flip(d.Open, &sw.Open, "access", "open", "secured")
	flip(d.QueryCredentials, &sw.QueryCredentials, "query credentials", "on", "off")
	flip(d.PasswordGrant, &sw.PasswordGrant, "password grant", "on", "off")
	sw.DefaultTTL = ttl(p, "default_ttl", d.DefaultTTL, sw.DefaultTTL, detail)
	sw.MaxTTL = ttl(p, "max_ttl", d.MaxTTL, sw.MaxTTL, detail)
	if _, most := l.ttl(*sw); len(*p) == 0 && sw.DefaultTTL > most {
		field := "default_ttl"
		if d.DefaultTTL == nil {
			field = "max_ttl"
		}
		p.add(field, "The default of "+strconv.FormatInt(int64(sw.DefaultTTL/time.Second), 10)+" seconds is above the maximum of "+strconv.FormatInt(int64(most/time.Second), 10)+".")
	}
	if d.DefaultAPI == nil {
		return nil
	}
	apis, err := tx.APIs(app.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(apis, func(api API) bool { return api.Slug == *d.DefaultAPI })
	id := ""
	switch {
	case i >= 0:
		id = apis[i].ID
	case *d.DefaultAPI != "":
		p.add("default_api", "This application has no API “"+clip(*d.DefaultAPI, 63)+"”.")
	}
	if id != app.DefaultAPI {
		app.DefaultAPI = id
		detail["default API"] = *d.DefaultAPI
		if id == "" {
			detail["default API"] = "none"
		}
	}
	return nil
}

// ttl checks a TTL in seconds and returns what it is to be.
func ttl(p *problems, field string, to *int64, was time.Duration, detail map[string]string) time.Duration {
	if to == nil {
		return was
	}
	if *to < 1 || *to > maxTTL {
		p.add(field, "A TTL is in whole seconds, from 1 to "+group(maxTTL)+": 604800 is 7 days. 0 is no TTL.")
		return was
	}
	if is := time.Duration(*to) * time.Second; is != was {
		detail[field] = strconv.FormatInt(*to, 10) + " s"
		return is
	}
	return was
}

// ttl returns the default and the maximum TTL of access tokens under an
// application's switches; of an organization's, under none.
func (l Limits) ttl(sw Switches) (usual, most time.Duration) {
	usual, most = sw.DefaultTTL, sw.MaxTTL
	if most == 0 {
		most = l.MaxTTL
	}
	if usual == 0 {
		usual = l.DefaultTTL
		if sw.MaxTTL != 0 {
			usual = min(usual, most)
		}
	}
	return min(usual, most), most
}

// Settings is what the page of an application's settings shows.
type Settings struct {
	Standing   Standing
	APIs       []API
	DefaultTTL time.Duration // that is in force
	MaxTTL     time.Duration
	ByQuery    int64 // accepted calls in 24 hours with the credential in the query
	ByPassword int64 // and with a token got for a password
}

// Settings returns an application's settings, for admins whose elevation reaches it.
func (r *Registry) Settings(ctx context.Context, a Actor, organization, application string) (Settings, error) {
	var out Settings
	err := r.look(ctx, a, organization, application, need{role: Admin, elevated: true}, func(tx ReadTx, s Standing) error {
		out = Settings{Standing: s}
		out.DefaultTTL, out.MaxTTL = r.Limits.ttl(s.Application.Switches)
		var err error
		if out.ByQuery, out.ByPassword, err = tx.WayUses(s.Application.ID, s.at.Add(-day)); err != nil {
			return err
		}
		out.APIs, err = tx.APIs(s.Application.ID)
		return err
	})
	return out, err
}
