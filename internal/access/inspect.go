package access

import (
	"context"
	"encoding/base64"
	"regexp"
	"strings"
	"time"

	"claviger/internal/secret"
)

// Inspected is what a pasted text turned out to hold.
type Inspected struct {
	Standing   Standing
	Found      bool // a credential of the organization
	Recognised bool // something of our format, or an application's username
	Credential Credential
	Access     AccessToken // zero where it is no access token
	User       User        // whose it is; zero for others
	State      State
	Verdicts   []Inspection // one an application that it could open
	LastUse    LastUse
}

// Inspection says what one application would answer to the credential.
type Inspection struct {
	Organization Organization
	Application  Application
	Verdict      Verdict
}

// maxPasted bounds how much of a pasted text is looked at, in bytes.
const maxPasted = 32 << 10

var (
	ourFormat     = regexp.MustCompile(`clav[tpcab]_[0-9A-Za-z]{38}`)
	basicHeader   = regexp.MustCompile(`(?i)basic\s+([A-Za-z0-9+/=_-]{8,})`)
	applicationID = regexp.MustCompile(`app_[0-9a-hjkmnp-tv-z]{26}`)
)

// Inspect tells an admin, elevated for the organization, which of its credentials a
// pasted text holds: a token, a header, a curl line, a log line. Nothing of the
// text is kept, recorded or returned.
func (v *Verifier) Inspect(ctx context.Context, a Actor, organization, pasted string) (Inspected, error) {
	if strings.TrimSpace(pasted) == "" {
		return Inspected{}, &Error{Kind: Invalid, Fields: []FieldError{{"pasted", "Paste a token, a header, a curl line or a log line."}}}
	}
	if len(pasted) > maxPasted {
		return Inspected{}, &Error{Kind: Invalid, Fields: []FieldError{{"pasted", "This is longer than 32 KiB. Paste the line that holds the credential."}}}
	}
	var out Inspected
	err := v.deps.look(ctx, a, organization, "", need{role: Admin, elevated: true}, func(tx ReadTx, s Standing) error {
		out = Inspected{Standing: s}
		for _, p := range presentations(pasted) {
			out.Recognised = true
			found, err := v.inspectOne(tx, s, p, &out)
			if err != nil || found {
				return err
			}
		}
		return nil
	})
	return out, err
}

// presentations finds what could be credentials in a text, the likeliest first.
func presentations(text string) []Presented {
	var out []Presented
	for _, m := range basicHeader.FindAllStringSubmatch(text, 10) {
		decoded, err := base64.StdEncoding.DecodeString(m[1])
		if err != nil {
			decoded, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(m[1], "="))
		}
		if name, password, ok := strings.Cut(string(decoded), ":"); err == nil && ok {
			out = append(out, Presented{Way: WayBasic, Name: name, Secret: secret.New(password)})
		}
	}
	username := applicationID.FindString(text)
	for _, found := range ourFormat.FindAllString(text, 20) {
		class, err := secret.Parse(found)
		if err != nil {
			continue
		}
		p := Presented{Way: WayBearer, Secret: secret.New(found)}
		switch class {
		case secret.Basic:
			p.Way, p.Name = WayBasic, username
		case secret.Client:
			p.Way = WayQueryClient
		}
		out = append(out, p)
	}
	if len(out) == 0 && username != "" {
		out = append(out, Presented{Way: WayBasic, Name: username})
	}
	return out
}

// inspectOne looks for one credential in the organization, and judges it for each
// application that it could open.
func (v *Verifier) inspectOne(tx ReadTx, s Standing, p Presented, out *Inspected) (bool, error) {
	if err := v.identify(tx, s, &p, out); err != nil || !out.Found {
		return false, err
	}
	apps, err := tx.Applications(s.Organization.ID)
	if err != nil {
		return true, err
	}
	for _, app := range apps {
		bound := out.Credential.ApplicationID
		if out.Access.ID != "" {
			bound = out.Access.ApplicationID
		}
		if bound != "" && bound != app.ID {
			continue
		}
		target, err := tx.Target(s.Organization.Slug, app.Slug)
		if err != nil {
			return true, err
		}
		f, err := v.search(tx, p, target)
		if err != nil {
			return true, err
		}
		var verdict Verdict
		judge(&Request{Organization: s.Organization.Slug, Application: app.Slug, Presented: p}, &target, f, s.at, &verdict)
		if f == nil {
			f = &found{}
		}
		verdict.Description = advice(p, f.credential, verdict)
		out.Verdicts = append(out.Verdicts, Inspection{Organization: s.Organization, Application: app, Verdict: verdict})
	}
	return true, out.describe(tx, s.at)
}

// advice is a verdict's description for who holds the credential in hand, not for who
// calls with it: whoever pasted it is not whoever used it, and a client is used in
// two ways.
func advice(p Presented, c Credential, v Verdict) string {
	switch {
	case v.Reason == InvalidCredential && p.Secret.IsZero():
		return "Only the username was pasted: a request needs the password too."
	case v.Reason == WayOff:
		return "In the query string it is refused, which is switched off here. It gets access tokens at /oauth/token all the same."
	case v.Reason == AddressNotAllowed:
		return "It is accepted only from " + networks(c.Allowed) + "."
	}
	return v.Description
}

// identify finds the credential or access token of a presentation, if it is of the
// organization.
func (v *Verifier) identify(tx ReadTx, s Standing, p *Presented, out *Inspected) error {
	if p.Secret.IsZero() {
		c, err := tx.BasicOf(p.Name)
		if err == nil && c.OrganizationID == s.Organization.ID {
			out.Credential, out.Found = c, true
		}
		return ignoreMissing(err)
	}
	a, err := bySecret(v.deps.Keys, p.Secret, tx.AccessTokenByDigests)
	if err == nil {
		return out.identifyAccess(tx, s, a)
	}
	if !missing(err) {
		return err
	}
	c, err := bySecret(v.deps.Keys, p.Secret, tx.CredentialByDigests)
	if err != nil {
		return v.identifyDisabled(tx, s, p, out, err)
	}
	if c.OrganizationID != s.Organization.ID {
		return nil
	}
	out.Credential, out.Found = c, true
	// Tokens are judged as they came: in a Basic header with another's name, refused.
	switch c.Kind {
	case KindBasic:
		if p.Name == "" {
			p.Name = c.ApplicationID // the password alone was pasted
		}
	case KindClient:
		p.Way, p.Name = WayQueryClient, c.ID
	}
	return nil
}

// identifyDisabled recognises an application's Basic username whose password is
// unknown or erased.
func (v *Verifier) identifyDisabled(tx ReadTx, s Standing, p *Presented, out *Inspected, err error) error {
	if !missing(err) || p.Way != WayBasic || p.Name == "" {
		return ignoreMissing(err)
	}
	c, err := tx.BasicOf(p.Name)
	if err == nil && c.OrganizationID == s.Organization.ID && c.StateAt(s.at) == Disabled {
		out.Credential, out.Found = c, true
	}
	return ignoreMissing(err)
}

func (out *Inspected) identifyAccess(tx ReadTx, s Standing, a AccessToken) error {
	if a.OrganizationID != "" && a.OrganizationID != s.Organization.ID {
		return nil
	}
	if a.CredentialID == "" && a.OrganizationID == "" {
		if _, err := tx.Membership(s.Organization.ID, a.UserID); err != nil {
			return ignoreMissing(err)
		}
	}
	out.Access, out.Found = a, true
	if a.CredentialID == "" {
		return nil
	}
	c, err := tx.Credential(a.CredentialID)
	out.Credential = c
	return err
}

// describe fills in state, owner and last use.
func (out *Inspected) describe(tx ReadTx, now time.Time) error {
	id, userID := out.Credential.ID, out.Credential.UserID
	out.State = out.Credential.StateAt(now)
	if out.Access.ID != "" {
		out.State = out.Access.StateAt(now)
		userID = out.Access.UserID
		if id == "" {
			id = out.Access.ID
		}
	}
	if userID != "" {
		user, err := tx.User(userID)
		if err != nil {
			return err
		}
		out.User = user
	}
	last, err := tx.LastUses([]string{id})
	out.LastUse = last[id]
	return err
}

func ignoreMissing(err error) error {
	if missing(err) {
		return nil
	}
	return err
}
