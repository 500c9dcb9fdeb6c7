package access

import (
	"context"
	"strconv"
	"strings"
	"time"

	"claviger/internal/secret"
)

// TokenDraft is what a token is made from.
type TokenDraft struct {
	Label   string
	Scopes  Scopes   // empty = no restriction
	Expires string   // "90d", a date, or "never"; empty = DefaultExpiry
	Allow   []string // networks, as ParseAllowed reads them
	Nonce   string   // of the form; empty = none
}

// DefaultExpiry is what a token gets when nothing else is asked for, where tokens
// may live so long.
const DefaultExpiry = "90d"

const defaultLifetime = 90 * 24 * time.Hour

// Issued is a credential that was just made, with the secret that is shown once.
type Issued struct {
	Credential Credential
	Secret     secret.Secret // zero when Already
	Already    bool          // the form was sent before: nothing was made
	Standing   Standing
	APIs       []API
}

// IssueToken makes a token for an application. A draft with the nonce of one that
// was carried out before makes nothing and returns that token as Already.
func (r *Registry) IssueToken(ctx context.Context, a Actor, organization, application string, d TokenDraft) (Issued, error) {
	var p problems
	d.Label = p.label("label", d.Label)
	allowed, err := ParseAllowed(d.Allow)
	p.take(err)
	expires, err := ParseExpiry(d.Expires, r.Clock.Now(), r.Limits.MaxLifetime)
	p.take(err)
	var out Issued
	err = r.act(ctx, a, organization, application, need{role: Admin, elevated: true}, func(tx Tx, s Standing) error {
		q := p // a closure may run again
		apis, err := tx.APIs(s.Application.ID)
		if err != nil {
			return err
		}
		q.scopes("scope", d.Scopes, apis)
		if err := q.err(); err != nil {
			return err
		}
		out = Issued{Standing: s, APIs: apis}
		if d.Nonce != "" {
			out.Credential, err = tx.CredentialByNonce(s.Application.ID, d.Nonce)
			if out.Already = err == nil; out.Already || !missing(err) {
				return err
			}
		}
		out.Secret = secret.Generate(secret.Token)
		prefix, last4 := secret.Shown(out.Secret)
		out.Credential = Credential{
			ID: newID(idToken, s.at), OrganizationID: s.Organization.ID, ApplicationID: s.Application.ID, Kind: KindToken,
			Label: d.Label, Restriction: d.Scopes, Prefix: prefix, Last4: last4, Digest: r.Keys.Digest(out.Secret),
			Allowed: allowed, Nonce: d.Nonce, CreatedAt: s.at, CreatedBy: a.Name, ExpiresAt: expires,
		}
		if err := tx.InsertCredential(out.Credential); err != nil {
			return err
		}
		return record(tx, tokenCreated(s, out.Credential))
	})
	return out, err
}

func tokenCreated(s Standing, c Credential) Event {
	e := s.event(ActCreateToken, c.ID, c.Label)
	e.Detail = map[string]string{"scope": c.Restriction.Effective().String(), "expires": "never"}
	if !c.ExpiresAt.IsZero() {
		e.Detail["expires"] = c.ExpiresAt.Format(time.RFC3339)
	}
	if len(c.Allowed) > 0 {
		networks := make([]string, len(c.Allowed))
		for i, n := range c.Allowed {
			networks[i] = n.String()
		}
		e.Detail["from"] = strings.Join(networks, " ")
	}
	return e
}

// take adds the field errors of err to the problems.
func (p *problems) take(err error) {
	if err != nil {
		*p = append(*p, AsError(err).Fields...)
	}
}

const maxLabelLen = 100 // characters

// label checks and returns a credential's label.
func (p *problems) label(field, text string) string { return p.line(field, text, 1, maxLabelLen) }

// scopes checks that each scope names an API that the application has.
func (p *problems) scopes(field string, scopes Scopes, apis []API) {
	for _, scope := range scopes {
		known := scope.API == AnyAPI
		for _, api := range apis {
			known = known || api.Slug == scope.API
		}
		if !known {
			p.add(field, "This application has no API “"+scope.API+"”. Choose one that it has, or * for any.")
			return
		}
	}
}

// ParseExpiry reads when a credential made now is to expire: a number of days
// ("90d"), a date ("2027-02-19": until the end of that day in UTC), or "never"
// (the zero time). Empty is DefaultExpiry, or longest where that is less. longest
// bounds it; 0 does not.
func ParseExpiry(text string, now time.Time, longest time.Duration) (time.Time, error) {
	bad := func(message string) (time.Time, error) {
		return time.Time{}, &Error{Kind: Invalid, Fields: []FieldError{{"expires", message}}}
	}
	text = strings.TrimSpace(text)
	if text == "" && longest > 0 && longest < defaultLifetime {
		return now.Add(longest), nil
	}
	if text == "" {
		text = DefaultExpiry
	}
	if text == "never" {
		if longest > 0 {
			return bad("Tokens have to expire here: at most " + days(longest) + " after they are made.")
		}
		return time.Time{}, nil
	}
	until, err := time.Parse(time.DateOnly, text)
	if err == nil {
		until = until.AddDate(0, 0, 1)
	} else {
		n, cut := strings.CutSuffix(text, "d")
		count, err := strconv.Atoi(n)
		if !cut || err != nil || count < 1 || count > 36500 {
			return bad("Enter a number of days such as 90d, a date such as " + now.AddDate(0, 0, 90).Format(time.DateOnly) + ", or never.")
		}
		until = now.Add(time.Duration(count) * 24 * time.Hour)
	}
	switch {
	case !until.After(now):
		return bad("This date is over. Enter one that is still to come.")
	case until.Year() > 9999:
		return bad("This date is too far away.")
	case longest > 0 && until.Sub(now) > longest:
		return bad("Tokens live at most " + days(longest) + " here.")
	}
	return until, nil
}

func days(d time.Duration) string {
	if n := int(d / (24 * time.Hour)); n != 1 {
		return group(n) + " days"
	}
	return "1 day"
}

// tokenAct runs an act on one token of an application.
func (r *Registry) tokenAct(ctx context.Context, a Actor, organization, application, id string, do func(Tx, Standing, Credential) error) error {
	return r.act(ctx, a, organization, application, need{role: Admin, elevated: true}, func(tx Tx, s Standing) error {
		c, err := tokenOf(tx, s, id)
		if err != nil {
			return err
		}
		return do(tx, s, c)
	})
}

// tokenOf returns the token of that id if it belongs to the application.
func tokenOf(tx ReadTx, s Standing, id string) (Credential, error) {
	c, err := tx.Credential(id)
	if missing(err) || err == nil && (c.Kind != KindToken || c.ApplicationID != s.Application.ID) {
		return c, noSuch("token", id)
	}
	return c, err
}

// ended fails with a Conflict where a token is revoked or expired.
func ended(c Credential, now time.Time) error {
	switch c.StateAt(now) {
	case Revoked:
		return fail(Conflict, "“"+c.Label+"” is revoked, which is final.")
	case Expired:
		return fail(Conflict, "“"+c.Label+"” has expired.")
	}
	return nil
}

// RenameToken gives a token another label.
func (r *Registry) RenameToken(ctx context.Context, a Actor, organization, application, id, label string) error {
	var p problems
	label = p.label("label", label)
	if err := p.err(); err != nil {
		return err
	}
	return r.tokenAct(ctx, a, organization, application, id, func(tx Tx, s Standing, c Credential) error {
		if c.Label == label {
			return nil
		}
		e := s.event(ActRenameToken, c.ID, label)
		e.Detail = map[string]string{"label": c.Label + " → " + label}
		if err := tx.RenameCredential(c.ID, label); err != nil {
			return err
		}
		return record(tx, e)
	})
}

// PauseToken makes a token be refused until it is resumed. Pausing a paused one
// changes nothing.
func (r *Registry) PauseToken(ctx context.Context, a Actor, organization, application, id string) (Credential, error) {
	return r.toggle(ctx, a, organization, application, id, ActPauseToken, func(tx Tx, s Standing) (bool, error) {
		return tx.PauseCredential(id, s.at)
	})
}

// ResumeToken ends a token's pause. Resuming one that is not paused changes nothing.
func (r *Registry) ResumeToken(ctx context.Context, a Actor, organization, application, id string) (Credential, error) {
	return r.toggle(ctx, a, organization, application, id, ActResumeToken, func(tx Tx, _ Standing) (bool, error) {
		return tx.ResumeCredential(id)
	})
}

func (r *Registry) toggle(ctx context.Context, a Actor, organization, application, id string, act Act, change func(Tx, Standing) (bool, error)) (Credential, error) {
	var out Credential
	err := r.tokenAct(ctx, a, organization, application, id, func(tx Tx, s Standing, c Credential) error {
		out = c
		if err := ended(c, s.at); err != nil {
			return err
		}
		changed, err := change(tx, s)
		if err != nil || !changed {
			return err
		}
		return record(tx, s.event(act, c.ID, c.Label))
	})
	return out, err
}

// RevokeTokens revokes tokens of one application for good, all or none, and
// returns those that were revoked now; ones that were already are left alone.
func (r *Registry) RevokeTokens(ctx context.Context, a Actor, organization, application string, ids []string) ([]Credential, error) {
	if len(ids) == 0 {
		return nil, &Error{Kind: Invalid, Message: "No token was chosen. Tick the ones to revoke.", Fields: []FieldError{{"id", "Choose at least one token."}}}
	}
	var out []Credential
	err := r.act(ctx, a, organization, application, need{role: Admin, elevated: true}, func(tx Tx, s Standing) error {
		out = nil
		reason := s.Elevation.Reason + a.Reason
		for _, id := range ids {
			c, err := tokenOf(tx, s, id)
			if err != nil {
				return err
			}
			changed, err := tx.RevokeCredential(c.ID, s.at, a.Name, reason)
			if err != nil {
				return err
			}
			if !changed {
				continue
			}
			out = append(out, c)
			if err := record(tx, s.event(ActRevokeToken, c.ID, c.Label)); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// Whereabouts returns the slugs of the organization and application that a
// credential belongs to, for commands that name it by its id alone.
func (r *Registry) Whereabouts(ctx context.Context, id string) (organization, application string, err error) {
	err = r.Store.View(ctx, func(tx ReadTx) error {
		c, err := tx.Credential(id)
		if missing(err) {
			return noSuch("credential", id)
		}
		if err != nil {
			return err
		}
		org, err := tx.OrganizationByID(c.OrganizationID)
		if err != nil {
			return err
		}
		organization = org.Slug
		if c.ApplicationID == "" {
			return nil
		}
		app, err := tx.ApplicationByID(c.ApplicationID)
		application = app.Slug
		return err
	})
	return organization, application, err
}
