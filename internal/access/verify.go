package access

import (
	"context"
	"slices"
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
	verdict, k, err = v.decide(ctx, &r, now)
	if err != nil || k.target == nil {
		return verdict, err
	}
	v.limits.count(&verdict, k.found, now)
	if c, ok := countedAs(k.target, k.found, verdict); ok {
		v.uses.note(c, &r, verdict, now)
	}
	if k.found != nil {
		v.renew(k.found, r.Presented.Secret)
	}
	return verdict, nil
}

// decide is Verify without any trace: no use is counted.
func (v *Verifier) decide(ctx context.Context, r *Request, now time.Time) (verdict Verdict, k knowledge, err error) {
	if len(r.Organization) > maxSlugLen || len(r.Application) > maxSlugLen {
		return refusal(InvalidCredential, invalidDescription), k, nil // nobody's; and too long to be remembered
	}
	epoch, sure := v.deps.Store.Epoch() // before anything is read
	k = v.recall(r, epoch, sure)
	if k.whole {
		v.meter.recalled(k.found)
	} else {
		k, err = v.load(ctx, *r, k, epoch, sure)
		v.meter.lookup.Observe(v.deps.Clock.Now().Sub(now))
		if err != nil {
			return Verdict{}, k, err
		}
	}
	if k.target == nil {
		return refusal(InvalidCredential, invalidDescription), k, nil
	}
	verdict = judge(r, k.target, k.found, now)
	verdict.BasicWorks = k.target.BasicState == Active
	verdict.judged.epoch, verdict.judged.sure = epoch, sure
	if k.found != nil {
		verdict.judged.ends = k.found.ends()
	}
	return verdict, k, nil
}

// knowledge is what a request is judged by, as far as it is in memory.
type knowledge struct {
	whole      bool    // nothing is left to be asked
	hasTarget  bool    // the target, or that there is none, is known
	target     *Target // nil: there is no such application
	searchable bool    // what was presented could be a credential of ours
	class      secret.Class
	key        findingKey // of what is searchable
	found      *found     // nil: what was presented is not genuine
}

// recall returns what is remembered of a request.
func (v *Verifier) recall(r *Request, epoch uint64, sure bool) (k knowledge) {
	if !sure {
		k.class, k.searchable = r.Presented.class()
		return k
	}
	of := targetKey{r.Organization, r.Application}
	k.target, k.hasTarget = v.memory.targets.get(of, v.memory.hash(of), epoch)
	if k.hasTarget && k.target != nil && r.Presented.plausible() {
		k.key = v.key(r.Presented, k.target)
		if k.found, k.whole = v.memory.findings.get(k.key, k.key.hash(), epoch); k.whole {
			return k // its format was looked at when it was put there
		}
	}
	if k.class, k.searchable = r.Presented.class(); !k.searchable || k.hasTarget && k.target == nil {
		k.whole = k.hasTarget
		return k
	}
	if k.hasTarget {
		_, k.whole = v.memory.unknown.get(k.key, k.key.hash(), epoch)
	}
	return k
}

// key returns under what is remembered whether a presentation is genuine for a target.
func (v *Verifier) key(p Presented, t *Target) findingKey {
	return findingKey{v.deps.Keys.Sum(p.Secret), p.Way, t.Application.ID, p.Name}
}

// load asks the store for what is not remembered of a request, and remembers it. What
// it is given it takes by value: it would be on the heap for every request.
func (v *Verifier) load(ctx context.Context, r Request, k knowledge, epoch uint64, sure bool) (knowledge, error) {
	err := v.ask(ctx, &k, func(tx ReadTx) error {
		k.found = nil
		if !k.hasTarget {
			if err := k.readTarget(tx, &r); err != nil || k.target == nil {
				return err
			}
		}
		var err error
		k.found, err = v.search(tx, r.Presented, *k.target)
		return err
	})
	if err != nil || !sure {
		return k, err
	}
	if !k.hasTarget {
		of := targetKey{r.Organization, r.Application}.clone()
		v.memory.targets.put(of, v.memory.hash(of), k.target, epoch)
	}
	if k.target == nil || !k.searchable {
		return k, nil
	}
	if !k.hasTarget {
		k.key = v.key(r.Presented, k.target)
	}
	if key := k.key.clone(); k.found != nil {
		v.memory.findings.put(key, key.hash(), k.found.slim(), epoch)
	} else {
		v.memory.unknown.put(key, key.hash(), struct{}{}, epoch)
	}
	return k, nil
}

// ask reads what is missing. Where that is one row, a question of its own will do:
// the state that it sees is consistent without a transaction, which costs more than
// the lookup. With a user or a client behind the credential it is several rows.
//
// A database that hangs is not waited for longer than askTime: whoever waits for this
// answer has a caller who waits, too.
func (v *Verifier) ask(ctx context.Context, k *knowledge, read func(ReadTx) error) error {
	bounded, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	question := v.deps.Store.View
	if k.hasTarget && k.class != secret.Access && k.class != secret.Personal {
		question = v.deps.Store.Lookup
	}
	err := question(bounded, read)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return &Error{Kind: Unavailable, Message: "The database does not answer.", Err: err}
	}
	return err
}

// askTime is how long a request waits for the database.
const askTime = 5 * time.Second

func (k *knowledge) readTarget(tx ReadTx, r *Request) error {
	k.target = nil
	t, err := tx.Target(r.Organization, r.Application)
	if err == nil {
		k.target = &t
	}
	return ignoreMissing(err)
}

// plausible reports whether what was presented is as long as a secret of ours, and
// may be worth a digest.
func (p *Presented) plausible() bool {
	return p.Way != WayNone && p.Way != WayMalformed && len(p.Secret.Expose()) == secret.Len && len(p.Name) <= longestName
}

// class returns the class of what was presented, and whether it could be a credential
// of ours: its format and checksum are right. What is not costs no lookup.
func (p Presented) class() (secret.Class, bool) {
	if p.Way == WayNone || p.Way == WayMalformed || len(p.Name) > longestName {
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

// Settle makes the uses that were seen until now visible to pages.
func (v *Verifier) Settle(ctx context.Context) { v.uses.Settle(ctx) }

func refusal(reason Reason, description string) Verdict {
	return Verdict{Reason: reason, Description: description}
}

// judge goes down the decision's table. f is the genuine credential that was
// presented, nil where there is none.
func judge(r *Request, t *Target, f *found, now time.Time) Verdict {
	switch {
	case r.Presented.Way == WayMalformed:
		return refusal(InvalidCredential, invalidDescription)
	case r.Presented.Way == WayNone && t.Application.Switches.Open:
		return reach(r, t, &Principal{Organization: t.Organization.Slug, Application: t.Application.Slug, Kind: KindAnonymous, Scopes: AllScopes()})
	case r.Presented.Way == WayNone:
		return refusal(NoCredential, "A credential is needed.")
	case r.Presented.Way == WayBasic && r.Presented.Name == t.Application.ID && t.BasicState == Disabled:
		return refusal(BasicDisabled, "Basic is disabled for this application: use a token")
	case f == nil:
		return refusal(InvalidCredential, invalidDescription)
	}
	if !f.plainlyActive(now) {
		if bad := f.state(t, now); bad.Reason != Accepted {
			return bad
		}
	}
	if !t.Application.Switches.QueryCredentials && (r.Presented.Way == WayQueryToken || r.Presented.Way == WayQueryClient) {
		return refusal(WayOff, "Credentials in the query string are switched off for this application: send the token in the Authorization header.")
	}
	if !f.credential.allows(r.Caller) {
		return refusal(AddressNotAllowed, "This credential may not be used from this address.")
	}
	return reach(r, t, &f.who)
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
func reach(r *Request, t *Target, p *Principal) (v Verdict) {
	v.Principal = *p
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
func (p Principal) ScopeList() string {
	if p.scopeList != "" {
		return p.scopeList
	}
	return strings.TrimSpace(p.Scopes.String())
}
