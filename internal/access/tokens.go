package access

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"claviger/internal/secret"
)

// Draft is what a token, a client or a personal token is made from.
type Draft struct {
	Label   string
	Scopes  Scopes   // empty = no restriction
	Expires string   // "90d", a date, or "never"; empty = the kind's default
	Allow   []string // networks, as ParseAllowed reads them
	Limit   LimitDraft
	Nonce   string // of the form; empty = none
}

// Issued is a credential that was just made, with the secret that is shown once.
type Issued struct {
	Credential Credential
	Secret     secret.Secret // zero when Already
	Already    bool          // the form was sent before: nothing was made
	Standing   Standing
	APIs       []API
	Old        UsedCredential // the one it replaces; zero = none
}

// The kinds that admins make, name and end by the acts below.
var managed = map[Kind]struct {
	class  secret.Class
	prefix string
	word   string
}{
	KindToken:  {secret.Token, idToken, "token"},
	KindClient: {secret.Client, idClient, "client"},
}

// holder says what an act on the credentials of an application, or, where
// application is empty, on an organization's clients, needs.
func holder(application string) need {
	if application == "" {
		return need{role: Owner, elevated: true}
	}
	return need{role: Admin, elevated: true}
}

// IssueToken makes a token for an application. A draft with the nonce of one that
// was carried out before makes nothing and returns that token as Already.
func (r *Registry) IssueToken(ctx context.Context, a Actor, organization, application string, d Draft) (Issued, error) {
	return r.issue(ctx, a, organization, application, KindToken, d)
}

// IssueClient makes a client of an application, or, where that is empty, of the
// organization, which takes an owner. Its id is the client id.
func (r *Registry) IssueClient(ctx context.Context, a Actor, organization, application string, d Draft) (Issued, error) {
	if d.Expires == "" {
		d.Expires = r.longestExpiry()
	}
	return r.issue(ctx, a, organization, application, KindClient, d)
}

// longestExpiry is never, or as long as the configuration lets credentials live;
// empty, which ParseExpiry takes for the latter, where that is no whole number of days.
func (d Deps) longestExpiry() string {
	if d.Limits.MaxLifetime == 0 {
		return "never"
	}
	if d.Limits.MaxLifetime < defaultLifetime {
		return ""
	}
	return strconv.Itoa(int(d.Limits.MaxLifetime/day)) + "d"
}

func (r *Registry) issue(ctx context.Context, a Actor, organization, application string, kind Kind, d Draft) (Issued, error) {
	var p problems
	c := r.draft(&p, kind, d)
	var out Issued
	err := r.act(ctx, a, organization, application, holder(application), func(tx Tx, s Standing) error {
		q := p // a closure may run again
		var err error
		out, err = r.begin(tx, s, &q, d)
		if err != nil || out.Already {
			return err
		}
		if err := r.insert(tx, s, c, &out); err != nil {
			return err
		}
		return record(tx, created(s, out.Credential))
	})
	return out, err
}

// draft checks what can be checked without the store and returns the credential
// it describes, without what insert fills in.
func (d Deps) draft(p *problems, kind Kind, draft Draft) Credential {
	c := Credential{Kind: kind, Restriction: draft.Scopes, Nonce: draft.Nonce}
	c.Label = p.label("label", draft.Label)
	var err error
	c.Allowed, err = ParseAllowed(draft.Allow)
	p.take(err)
	c.Limit = p.limit(draft.Limit)
	c.ExpiresAt, err = ParseExpiry(draft.Expires, d.Clock.Now(), d.Limits.MaxLifetime)
	p.take(err)
	return c
}

// begin checks the rest of a draft, and finds the credential that its form made
// before, if it did.
func (r *Registry) begin(tx ReadTx, s Standing, p *problems, d Draft) (Issued, error) {
	out := Issued{Standing: s}
	if s.Application.ID != "" {
		var err error
		if out.APIs, err = tx.APIs(s.Application.ID); err != nil {
			return out, err
		}
	}
	p.scopes("scope", d.Scopes, out.APIs)
	if err := p.err(); err != nil {
		return out, err
	}
	if d.Nonce == "" {
		return out, nil
	}
	var err error
	out.Credential, err = tx.CredentialByNonce(s.whose(), d.Nonce)
	out.Already = err == nil
	if missing(err) {
		err = nil
	}
	return out, err
}

// insert generates the secret of a credential and adds it.
func (r *Registry) insert(tx Tx, s Standing, c Credential, out *Issued) error {
	kind := managed[c.Kind]
	out.Secret = secret.Generate(kind.class)
	c.ID = newID(kind.prefix, s.at)
	c.OrganizationID, c.ApplicationID, c.CreatedAt, c.CreatedBy = s.Organization.ID, s.Application.ID, s.at, s.actor.Name
	c.Prefix, c.Last4 = secret.Shown(out.Secret)
	var err error
	if c.Digest, err = r.digest(tx, out.Secret); err != nil {
		return err
	}
	out.Credential = c
	return tx.InsertCredential(c)
}

// created is the record of a credential that was made.
func created(s Standing, c Credential) Event {
	e := s.event(actOn(c.Kind, "create"), c.ID, c.Label)
	e.Detail = map[string]string{"scope": c.Restriction.Effective().String(), "expires": "never"}
	if !c.ExpiresAt.IsZero() {
		e.Detail["expires"] = c.ExpiresAt.Format(time.RFC3339)
	}
	if len(c.Allowed) > 0 {
		e.Detail["from"] = networks(c.Allowed)
	}
	if !c.Limit.None() {
		e.Detail["limit"] = c.Limit.String()
	}
	return e
}

// networks prints a list of allowed networks.
func networks(allowed []netip.Prefix) string {
	texts := make([]string, len(allowed))
	for i, n := range allowed {
		texts[i] = n.String()
	}
	return strings.Join(texts, " ")
}

// actOn names what is done to a credential: "token.revoke", "client.create".
func actOn(kind Kind, verb string) Act { return Act(string(kind) + "." + verb) }

// credentialAct runs an act on one credential of an application or organization.
func (r *Registry) credentialAct(ctx context.Context, a Actor, organization, application, id string, do func(Tx, Standing, Credential) error) error {
	return r.act(ctx, a, organization, application, holder(application), func(tx Tx, s Standing) error {
		c, err := credentialOf(tx, s, id)
		if err != nil {
			return err
		}
		return do(tx, s, c)
	})
}

// credentialOf returns the token or client of that id if it belongs to where the
// actor stands: to the application, or, where there is none, to the organization
// itself.
func credentialOf(tx ReadTx, s Standing, id string) (Credential, error) {
	c, err := tx.Credential(id)
	if missing(err) {
		return c, noSuch("credential", id)
	}
	if err != nil {
		return c, err
	}
	if _, ok := managed[c.Kind]; !ok || c.OrganizationID != s.Organization.ID || c.ApplicationID != s.Application.ID {
		return Credential{}, noSuch("credential", id)
	}
	return c, nil
}

// ended fails with a Conflict where a credential is revoked, disabled or expired.
func ended(c Credential, now time.Time) error {
	switch c.StateAt(now) {
	case Revoked:
		return fail(Conflict, "“"+c.Label+"” is revoked, which is final.")
	case Disabled:
		return fail(Conflict, "Basic is disabled for this application, for good.")
	case Expired:
		return fail(Conflict, "“"+c.Label+"” has expired.")
	}
	return nil
}

// Rename gives a token or client another label.
func (r *Registry) Rename(ctx context.Context, a Actor, organization, application, id, label string) error {
	var p problems
	label = p.label("label", label)
	if err := p.err(); err != nil {
		return err
	}
	return r.credentialAct(ctx, a, organization, application, id, func(tx Tx, s Standing, c Credential) error {
		if c.Label == label {
			return nil
		}
		e := s.event(actOn(c.Kind, "rename"), c.ID, label)
		e.Detail = map[string]string{"label": c.Label + " → " + label}
		if err := tx.RenameCredential(c.ID, label); err != nil {
			return err
		}
		return record(tx, e)
	})
}

// Verb is what can be done to several credentials at once.
type Verb string

// The verbs.
const (
	RevokeThem Verb = "revoke" // for good
	PauseThem  Verb = "pause"  // refused until resumed
	ResumeThem Verb = "resume"
	// ConfirmThem says of what a restore left unconfirmed that it is to live on.
	ConfirmThem Verb = "confirm"
)

// Each does one thing to tokens and clients of an application, or to clients of the
// organization: to all or to none. It returns those that were changed; ones that
// were so before are left alone. What has ended cannot be paused or resumed.
func (r *Registry) Each(ctx context.Context, a Actor, organization, application string, verb Verb, ids []string) ([]Credential, error) {
	return r.each(ctx, a, organization, application, holder(application), verb, ids, credentialOf)
}

// EachPersonal is Each for personal tokens of an organization's members, for admins
// who are elevated for the organization.
func (r *Registry) EachPersonal(ctx context.Context, a Actor, organization string, verb Verb, ids []string) ([]Credential, error) {
	return r.each(ctx, a, organization, "", need{role: Admin, elevated: true}, verb, ids, peoplesToken)
}

func (r *Registry) each(ctx context.Context, a Actor, organization, application string, n need, verb Verb, ids []string, find func(ReadTx, Standing, string) (Credential, error)) ([]Credential, error) {
	if err := chosen(ids); err != nil {
		return nil, err
	}
	var out []Credential
	err := r.act(ctx, a, organization, application, n, func(tx Tx, s Standing) error {
		out = nil
		for _, id := range ids {
			c, err := find(tx, s, id)
			if err != nil {
				return err
			}
			changed, err := change(tx, s, c, verb)
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

func chosen(ids []string) error {
	if len(ids) > 0 {
		return nil
	}
	return &Error{Kind: Invalid, Message: "Nothing was chosen. Tick what you mean.", Fields: []FieldError{{"id", "Choose at least one."}}}
}

// change does one thing to a credential, with its record; false: it was so before.
func change(tx Tx, s Standing, c Credential, verb Verb) (bool, error) {
	var changed bool
	var err error
	switch verb {
	case RevokeThem:
		changed, err = tx.RevokeCredential(c.ID, s.at, s.actor.Name, s.reason())
	case PauseThem, ResumeThem:
		if err := ended(c, s.at); err != nil {
			return false, err
		}
		if verb == PauseThem {
			changed, err = tx.PauseCredential(c.ID, s.at)
		} else {
			changed, err = tx.ResumeCredential(c.ID)
		}
	case ConfirmThem:
		changed, err = tx.ConfirmCredential(c.ID)
	default:
		err = fail(Invalid, "Revoke, pause, resume or confirm.")
	}
	if err != nil || !changed {
		return false, err
	}
	return true, record(tx, s.event(actOn(c.Kind, string(verb)), c.ID, c.Label))
}

// ReplaceDraft says what becomes of a credential that is replaced.
type ReplaceDraft struct {
	End   string // "now", or what ParseExpiry reads: "24h", "7d", a date
	Nonce string // of the form; empty = none
}

// Replace makes a credential with the label, scopes, addresses, limit and lifetime of
// another one, which gets an end. Until then both work.
func (r *Registry) Replace(ctx context.Context, a Actor, organization, application, id string, d ReplaceDraft) (Issued, error) {
	var p problems
	end, err := parseEnd(d.End, r.Clock.Now())
	p.take(err)
	if err := p.err(); err != nil {
		return Issued{}, err
	}
	var out Issued
	err = r.credentialAct(ctx, a, organization, application, id, func(tx Tx, s Standing, old Credential) error {
		var q problems
		var err error
		out, err = r.begin(tx, s, &q, Draft{Scopes: old.Restriction, Nonce: d.Nonce})
		if err != nil || out.Already {
			return err
		}
		if err := ended(old, s.at); err != nil {
			return err
		}
		fresh := Credential{
			Kind: old.Kind, Label: old.Label, Restriction: old.Restriction, Allowed: old.Allowed, Limit: old.Limit, Nonce: d.Nonce, Replaces: old.ID,
			ExpiresAt: r.sameLife(old, s.at),
		}
		if err := r.insert(tx, s, fresh, &out); err != nil {
			return err
		}
		if err := endOld(tx, s, old, end); err != nil {
			return err
		}
		if old, err = tx.Credential(old.ID); err != nil {
			return err
		}
		e := created(s, out.Credential)
		e.Act = actOn(old.Kind, "replace")
		e.Detail["replaces"] = old.ID
		e.Detail["old ends"] = endOf(old).Format(time.RFC3339)
		if err := record(tx, e); err != nil {
			return err
		}
		used, err := withUse(tx, []Credential{old}, s.at)
		if err != nil {
			return err
		}
		out.Old = used[0]
		return nil
	})
	return out, err
}

// sameLife gives a replacement as long a life from now as the old one had, within
// what the configuration allows by now.
func (d Deps) sameLife(old Credential, now time.Time) time.Time {
	longest := d.Limits.MaxLifetime
	if old.ExpiresAt.IsZero() {
		if longest > 0 {
			return now.Add(longest)
		}
		return time.Time{}
	}
	life := old.ExpiresAt.Sub(old.CreatedAt)
	if longest > 0 {
		life = min(life, longest)
	}
	return now.Add(life)
}

// endOf returns when a credential that has an end does end.
func endOf(c Credential) time.Time {
	if !c.RevokedAt.IsZero() {
		return c.RevokedAt
	}
	return c.ExpiresAt
}

// endOld gives a replaced credential its end: now is a revocation.
func endOld(tx Tx, s Standing, old Credential, end time.Time) error {
	if !end.After(s.at) {
		_, err := change(tx, s, old, RevokeThem)
		return err
	}
	_, err := tx.EndCredential(old.ID, end)
	return err
}

// parseEnd reads when a replaced credential ends.
func parseEnd(text string, now time.Time) (time.Time, error) {
	switch text {
	case "now":
		return now, nil
	case "24h", "":
		return now.Add(day), nil
	case "never":
		return now, &Error{Kind: Invalid, Fields: []FieldError{{"end", "A replaced credential has to end: now, after 24h, after 7d, or on a date."}}}
	}
	end, err := ParseExpiry(text, now, 0)
	if err != nil {
		return now, &Error{Kind: Invalid, Fields: []FieldError{{"end", "Choose when the old one ends: now, 24h, 7d, or a date such as " + now.AddDate(0, 0, 7).Format(time.DateOnly) + "."}}}
	}
	return end, nil
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
