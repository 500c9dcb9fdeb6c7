package access

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"claviger/internal/secret"
)

// Way is how a credential was presented with a request.
type Way int

// The ways. Malformed also stands for what comes twice, or in two ways at once.
const (
	WayNone Way = iota
	WayBearer
	WayBasic
	WayQueryToken  // ?access_token=
	WayQueryClient // ?client_id=&client_secret=
	WayMalformed
)

// Presented is what a request presented to be let in.
type Presented struct {
	Way    Way
	Name   string // the username, or the client id
	Secret secret.Secret
}

// Request is a request to be judged.
type Request struct {
	Organization string // slugs, as they stand in the path
	Application  string
	API          string
	WantAPI      bool   // false: no API is asked for, scopes are only reported
	DefaultAPI   bool   // what names no API goes to the application's default API
	Method       string // empty = unknown, which counts as a write
	Presented    Presented
	Caller       Caller
	Agent        string
}

// Principal is who a request is from, for the identity headers.
type Principal struct {
	Organization string
	Application  string
	Kind         Kind
	Credential   string // id; empty for anonymous
	Label        string
	Subject      string
	Scopes       Scopes
	scopeList    string // Scopes as a text, where that is known; else empty
}

// Reason is why a request is refused.
type Reason int

// The reasons, as in the decision's table.
const (
	Accepted Reason = iota
	NoCredential
	InvalidCredential
	CredentialExpired
	CredentialRevoked
	CredentialPaused
	UserGone
	BasicDisabled
	WayOff
	AddressNotAllowed
	InsufficientScope
	UnknownAPI
	OverLimit // the credential's own limit of requests
)

// reasonNames are the reasons as machines are told them: in headers, in what is
// kept of refusals, and in metrics. They never change.
var reasonNames = [...]string{
	Accepted: "accepted", NoCredential: "no-credential", InvalidCredential: "invalid", CredentialExpired: "expired",
	CredentialRevoked: "revoked", CredentialPaused: "paused", UserGone: "user-gone", BasicDisabled: "basic-disabled",
	WayOff: "way-off", AddressNotAllowed: "address-not-allowed", InsufficientScope: "insufficient-scope",
	UnknownAPI: "unknown-api", OverLimit: "rate-limited",
}

// String returns the reason's name, such as "address-not-allowed".
func (r Reason) String() string { return reasonNames[r] }

// Verdict is the decision on a request.
type Verdict struct {
	Reason      Reason
	Description string // for people, and for error_description; empty when accepted
	BasicWorks  bool   // the application's Basic credentials can still be used
	NeededScope Scope  // when the scope does not reach
	Principal   Principal
	API         API  // the API it goes to; zero where none was asked for
	ByDefault   bool // API is the application's default one: the path names none
	Limit       LimitState

	judged judgement // for who watches the request while it runs
}

// Accepted reports whether the request is let in.
func (v Verdict) Accepted() bool { return v.Reason == Accepted }

// Verifier takes the one decision behind forward-auth, gateway and introspection.
type Verifier struct {
	deps    Deps
	uses    *UseLog
	memory  *remembered
	limits  *limiter
	streams streams
	meter   verifierMeter
}

// NewVerifier returns a verifier that notes uses in a log.
func NewVerifier(d Deps, uses *UseLog) *Verifier {
	uses.primaryKey = d.Keys.Primary
	return &Verifier{deps: d, uses: uses, memory: newRemembered(d.Limits.Remembered), limits: newLimiter()}
}

const invalidDescription = "The credential is not valid for this application."

// found is a credential or access token that is genuine, with what its judgement
// depends on: the client it was issued to, or the user whose permission it carries.
type found struct {
	credential    Credential // of an access token: its client; zero for a user's
	access        AccessToken
	applicationID string // of the target
	user          User
	membership    Membership
	who           Principal   // whom the credential stands for, before the target
	renewed       atomic.Bool // its digest under the primary key is on its way
}

// usedID is the id under which uses are counted: an access token's count as its
// client's, or, where it is a user's, as its own.
func (f *found) usedID() string {
	if f.access.UserID != "" {
		return f.access.ID
	}
	return f.credential.ID
}

// Verify judges a request. Its error is of kind Unavailable where the database is
// needed and cannot be reached; a refusal is no error but a Verdict.
func (v *Verifier) Verify(ctx context.Context, r Request) (verdict Verdict, err error) {
	now := v.deps.Clock.Now()
	var k knowledge
	if err = v.decide(ctx, &r, now, &verdict, &k); err != nil || k.target == nil {
		return verdict, err
	}
	v.limits.count(&verdict, k.found, now)
	if c, ok := countedAs(k.target, k.found, &verdict); ok {
		v.uses.note(c, &r, &verdict, now)
	}
	if k.found != nil {
		v.renew(k.found, r.Presented.Secret)
	}
	return verdict, nil
}

// decide is Verify without any trace: no use is counted. The verdict and what it rests on
// are written where they will stay, because to hand them on by value costs more than to
// come to them; both have to be zero.
func (v *Verifier) decide(ctx context.Context, r *Request, now time.Time, verdict *Verdict, k *knowledge) (err error) {
	if len(r.Organization) > maxSlugLen || len(r.Application) > maxSlugLen {
		verdict.refuse(InvalidCredential, invalidDescription) // nobody's; and too long to be remembered
		return nil
	}
	epoch, sure := v.deps.Store.Epoch() // before anything is read
	v.recall(r, epoch, sure, k)
	if k.whole {
		v.meter.recalled(k.found)
	} else {
		*k, err = v.load(ctx, *r, *k, epoch, sure)
		v.meter.lookup.Observe(v.deps.Clock.Now().Sub(now))
		if err != nil {
			return err
		}
	}
	if k.target == nil {
		verdict.refuse(InvalidCredential, invalidDescription)
		return nil
	}
	judge(r, k.target, k.found, now, verdict)
	verdict.BasicWorks = k.target.BasicState == Active
	verdict.judged.epoch, verdict.judged.sure = epoch, sure
	if k.found != nil {
		verdict.judged.ends = k.found.ends()
	}
	return nil
}

// plausible reports whether what was presented is as long as a secret of ours, and
// may be worth a digest.
func (p *Presented) plausible() bool {
	return p.Way != WayNone && p.Way != WayMalformed && len(p.Secret.Expose()) == secret.Len && len(p.Name) <= longestName
}

// class returns the class of what was presented, and whether it could be a credential
// of ours: its format and checksum are right. What is not costs no lookup.
func (p Presented) class() (secret.Class, bool) {
	if !p.plausible() {
		return 0, false
	}
	class, err := secret.Parse(p.Secret.Expose())
	return class, err == nil
}

// search returns the credential that was presented, nil where it is not genuine for
// the target.
func (v *Verifier) search(tx ReadTx, p Presented, t Target) (*found, error) {
	if _, ok := p.class(); !ok {
		return nil, nil
	}
	var f found
	genuine, err := v.find(tx, p, t, &f)
	if err != nil || !genuine {
		return nil, err
	}
	f.who = f.principal()
	f.who.Organization, f.who.Application = t.Organization.Slug, t.Application.Slug
	f.who.scopeList = f.who.ScopeList()
	return &f, nil
}

// SettleFor makes the uses that were seen until now visible to a page: see
// [UseLog.SettleFor].
func (v *Verifier) SettleFor(ctx context.Context, ids ...string) { v.uses.SettleFor(ctx, ids...) }

func refusal(reason Reason, description string) Verdict {
	return Verdict{Reason: reason, Description: description}
}

// refuse makes a verdict that is zero a refusal.
func (v *Verdict) refuse(reason Reason, description string) {
	v.Reason, v.Description = reason, description
}

// judge goes down the decision's table and writes the verdict, which has to be zero. f is
// the genuine credential that was presented, nil where there is none.
func judge(r *Request, t *Target, f *found, now time.Time, v *Verdict) {
	switch {
	case r.Presented.Way == WayMalformed:
		v.refuse(InvalidCredential, invalidDescription)
		return
	case r.Presented.Way == WayNone && t.Application.Switches.Open:
		reach(r, t, &Principal{Organization: t.Organization.Slug, Application: t.Application.Slug, Kind: KindAnonymous, Scopes: AllScopes()}, v)
		return
	case r.Presented.Way == WayNone:
		v.refuse(NoCredential, "A credential is needed.")
		return
	case r.Presented.Way == WayBasic && r.Presented.Name == t.Application.ID && t.BasicState == Disabled:
		v.refuse(BasicDisabled, "Basic is disabled for this application: use a token")
		return
	case f == nil:
		v.refuse(InvalidCredential, invalidDescription)
		return
	}
	if !f.plainlyActive(now) {
		if bad := f.state(t, now); bad.Reason != Accepted {
			*v = bad
			return
		}
	}
	if !t.Application.Switches.QueryCredentials && (r.Presented.Way == WayQueryToken || r.Presented.Way == WayQueryClient) {
		v.refuse(WayOff, "Credentials in the query string are switched off for this application: send the token in the Authorization header.")
		return
	}
	if !f.credential.allows(r.Caller) {
		v.refuse(AddressNotAllowed, "This credential may not be used from this address.")
		return
	}
	reach(r, t, &f.who, v)
}

// find looks for the credential that was presented, and reports whether it is
// genuine for this target: it is one, presented in a way of its kind, and belongs
// to the application, or to its organization.
func (v *Verifier) find(tx ReadTx, p Presented, t Target, f *found) (bool, error) {
	class, err := secret.Parse(p.Secret.Expose())
	if err != nil {
		return false, nil
	}
	if class == secret.Access {
		return v.findAccessToken(tx, p, t, f)
	}
	f.credential, err = bySecret(v.deps.Keys, p.Secret, tx.CredentialByDigests)
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	f.applicationID = t.Application.ID
	c := f.credential
	if c.OrganizationID != t.Organization.ID || c.ApplicationID != "" && c.ApplicationID != t.Application.ID {
		return false, nil
	}
	switch c.Kind {
	case KindBasic:
		return p.Way == WayBasic && p.Name == c.ApplicationID, nil
	case KindToken:
		return p.Way == WayBearer || p.Way == WayQueryToken, nil
	case KindClient:
		return p.Way == WayQueryClient && p.Name == c.ID, nil
	case KindPersonal:
		return f.personal(tx, p)
	}
	return false, nil
}

// personal loads the user of a personal token and reports whether it was
// presented as Bearer, or as Basic with the user's email.
func (f *found) personal(tx ReadTx, p Presented) (bool, error) {
	var err error
	if f.user, err = tx.User(f.credential.UserID); err != nil {
		return false, err
	}
	if f.membership, err = tx.Membership(f.credential.OrganizationID, f.user.ID); err != nil && !missing(err) {
		return false, err
	}
	return p.Way == WayBearer || p.Way == WayQueryToken || p.Way == WayBasic && FoldEmail(p.Name) == f.user.EmailKey, nil
}

// plainlyActive is state's answer where it is short: for what belongs to no user and
// was issued to nobody.
func (f *found) plainlyActive(now time.Time) bool {
	c := &f.credential
	return f.access.ID == "" && c.Kind != KindPersonal && c.RevokedAt.IsZero() && c.PausedAt.IsZero() && (c.ExpiresAt.IsZero() || now.Before(c.ExpiresAt))
}

// state refuses a credential that is not active, or whose user may no longer come in.
func (f *found) state(t *Target, now time.Time) Verdict {
	if f.access.ID != "" {
		return f.accessState(t, now)
	}
	switch f.credential.StateAt(now) {
	case Expired:
		return refusal(CredentialExpired, "The credential expired on "+f.credential.ExpiresAt.UTC().Format("2 January 2006 at 15:04 UTC")+".")
	case Revoked, Disabled:
		return refusal(CredentialRevoked, "The credential was revoked on "+f.credential.RevokedAt.UTC().Format("2 January 2006 at 15:04 UTC")+".")
	case Paused:
		return refusal(CredentialPaused, "The credential is paused.")
	}
	if f.credential.Kind != KindPersonal {
		return Verdict{}
	}
	return f.userState()
}

// userState refuses where the user is disabled or no longer a member.
func (f *found) userState() Verdict {
	switch {
	case !f.user.DisabledAt.IsZero():
		return refusal(UserGone, "The user of this token is disabled.")
	case f.membership.Role == "", f.access.ID != "" && f.access.IssuedAt.Before(f.membership.CreatedAt):
		return refusal(UserGone, "The user of this token is no longer a member of the organization.")
	}
	return Verdict{}
}

func (f *found) principal() Principal {
	if f.access.ID != "" {
		return f.accessPrincipal()
	}
	c := f.credential
	p := Principal{Kind: c.Kind, Credential: c.ID, Label: c.Label, Subject: c.Subject(), Scopes: c.Restriction.Effective()}
	if c.Kind == KindPersonal {
		p.Subject = f.user.Email
		p.Scopes = p.Scopes.Intersect(f.membership.Role.Scopes())
	}
	return p
}

// reach judges whether the principal may do with the API what the request wants.
func reach(r *Request, t *Target, p *Principal, v *Verdict) {
	if !r.WantAPI {
		v.Principal = *p
		return
	}
	api, byDefault := t.api(r)
	if api == nil {
		v.refuse(UnknownAPI, "This application has no such API.")
		return
	}
	if action := ActionOf(r.Method); !p.Scopes.Allow(api.Slug, action) {
		v.refuse(InsufficientScope, "The credential may not "+string(action)+" on this API.")
		v.NeededScope = Scope{api.Slug, action}
		return
	}
	v.Principal, v.API, v.ByDefault = *p, *api, byDefault
}

// api returns the API that a request goes to, nil where there is none, and whether it is
// the application's default one.
func (t *Target) api(r *Request) (api *API, byDefault bool) {
	for i := range t.APIs {
		if t.APIs[i].Slug == r.API {
			return &t.APIs[i], false
		}
	}
	if !r.DefaultAPI || t.Application.DefaultAPI == "" {
		return nil, false
	}
	for i := range t.APIs {
		if t.APIs[i].ID == t.Application.DefaultAPI {
			return &t.APIs[i], true
		}
	}
	return nil, false
}

// ScopeList returns the scopes as the identity header and challenges print them.
func (p Principal) ScopeList() string {
	if p.scopeList != "" {
		return p.scopeList
	}
	return strings.TrimSpace(p.Scopes.String())
}
