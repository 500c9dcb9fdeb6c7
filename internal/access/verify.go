package access

import (
	"context"
	"slices"
	"strings"
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
}

// Accepted reports whether the request is let in.
func (v Verdict) Accepted() bool { return v.Reason == Accepted }

// Verifier takes the one decision behind forward-auth, gateway and introspection.
type Verifier struct {
	deps   Deps
	uses   *UseLog
	memory *remembered
}

// NewVerifier returns a verifier that notes uses in a log.
func NewVerifier(d Deps, uses *UseLog) *Verifier {
	return &Verifier{deps: d, uses: uses, memory: newRemembered()}
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
func (v *Verifier) Verify(ctx context.Context, r Request) (Verdict, error) {
	now := v.deps.Clock.Now()
	epoch, sure := v.deps.Store.Epoch() // before anything is read
	target, f, known := v.recall(r, epoch, sure)
	if !known {
		var err error
		if target, f, err = v.load(ctx, r, epoch, sure); err != nil {
			return Verdict{}, err
		}
	}
	if target == nil {
		return refusal(InvalidCredential, invalidDescription), nil
	}
	verdict := judge(r, target, f, now)
	verdict.BasicWorks = target.BasicState == Active
	if f != nil {
		v.uses.note(f, r, verdict, now)
	}
	return verdict, nil
}

// recall returns what is remembered of a request: its target, and the credential that
// was presented, nil where that is not genuine. known is false where the store has
// to be asked.
func (v *Verifier) recall(r Request, epoch uint64, sure bool) (target *Target, f *found, known bool) {
	if !sure {
		return nil, nil, false
	}
	target, known = v.memory.targets.get(targetKey{r.Organization, r.Application}, epoch)
	if !known || target == nil || !r.Presented.searchable() {
		return target, nil, known
	}
	key := v.memory.key(r.Presented, target.Application.ID)
	if f, known = v.memory.findings.get(key, epoch); known {
		return target, f, true
	}
	_, known = v.memory.unknown.get(key, epoch)
	return target, nil, known
}

// load asks the store for what a request is judged by, and remembers it.
func (v *Verifier) load(ctx context.Context, r Request, epoch uint64, sure bool) (target *Target, f *found, err error) {
	err = v.deps.Store.View(ctx, func(tx ReadTx) error {
		target, f = nil, nil
		t, err := tx.Target(r.Organization, r.Application)
		if missing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		target = &t
		f, err = v.search(tx, r.Presented, t)
		return err
	})
	if err != nil || !sure {
		return target, f, err
	}
	v.memory.targets.put(targetKey{r.Organization, r.Application}.clone(), target, epoch, mostTargets)
	if target == nil || !r.Presented.searchable() {
		return target, f, nil
	}
	if key := v.memory.key(r.Presented, target.Application.ID); f != nil {
		v.memory.findings.put(key, f, epoch, mostFindings)
	} else {
		v.memory.unknown.put(key, struct{}{}, epoch, mostUnknown)
	}
	return target, f, nil
}

// searchable reports whether what was presented could be a credential of ours: its
// format and checksum are right. What is not costs no lookup.
func (p Presented) searchable() bool {
	if p.Way == WayNone || p.Way == WayMalformed {
		return false
	}
	_, err := secret.Parse(p.Secret.Expose())
	return err == nil
}

// search returns the credential that was presented, nil where it is not genuine for
// the target.
func (v *Verifier) search(tx ReadTx, p Presented, t Target) (*found, error) {
	if !p.searchable() {
		return nil, nil
	}
	var f found
	genuine, err := v.find(tx, p, t, &f)
	if err != nil || !genuine {
		return nil, err
	}
	return &f, nil
}

// Settle makes the uses that were seen until now visible to pages.
func (v *Verifier) Settle(ctx context.Context) { v.uses.Settle(ctx) }

func refusal(reason Reason, description string) Verdict {
	return Verdict{Reason: reason, Description: description}
}

// judge goes down the decision's table. f is the genuine credential that was
// presented, nil where there is none.
func judge(r Request, t *Target, f *found, now time.Time) Verdict {
	switch {
	case r.Presented.Way == WayMalformed:
		return refusal(InvalidCredential, invalidDescription)
	case r.Presented.Way == WayNone && t.Application.Switches.Open:
		return reach(r, t, Principal{Kind: KindAnonymous, Scopes: AllScopes()})
	case r.Presented.Way == WayNone:
		return refusal(NoCredential, "A credential is needed.")
	case r.Presented.Way == WayBasic && r.Presented.Name == t.Application.ID && t.BasicState == Disabled:
		return refusal(BasicDisabled, "Basic is disabled for this application: use a token")
	case f == nil:
		return refusal(InvalidCredential, invalidDescription)
	}
	if bad := f.state(t, now); bad.Reason != Accepted {
		return bad
	}
	if !t.Application.Switches.QueryCredentials && (r.Presented.Way == WayQueryToken || r.Presented.Way == WayQueryClient) {
		return refusal(WayOff, "Credentials in the query string are switched off for this application: send the token in the Authorization header.")
	}
	if !f.credential.allows(r.Caller) {
		return refusal(AddressNotAllowed, "This credential may not be used from this address.")
	}
	return reach(r, t, f.principal())
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
	f.credential, err = tx.CredentialByDigests(v.deps.Keys.Digests(p.Secret))
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
func reach(r Request, t *Target, p Principal) Verdict {
	p.Organization, p.Application = t.Organization.Slug, t.Application.Slug
	v := Verdict{Principal: p}
	if !r.WantAPI {
		return v
	}
	i := slices.IndexFunc(t.APIs, func(a API) bool { return a.Slug == r.API })
	if i < 0 && r.DefaultAPI && t.Application.DefaultAPI != "" {
		i = slices.IndexFunc(t.APIs, func(a API) bool { return a.ID == t.Application.DefaultAPI })
		v.ByDefault = true
	}
	if i < 0 {
		return refusal(UnknownAPI, "This application has no such API.")
	}
	v.API = t.APIs[i]
	if action := ActionOf(r.Method); !p.Scopes.Allow(v.API.Slug, action) {
		bad := refusal(InsufficientScope, "The credential may not "+string(action)+" on this API.")
		bad.NeededScope = Scope{v.API.Slug, action}
		return bad
	}
	return v
}

// ScopeList returns the scopes as the identity header and challenges print them.
func (p Principal) ScopeList() string { return strings.TrimSpace(p.Scopes.String()) }
