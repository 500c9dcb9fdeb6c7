package access

import (
	"context"
	"errors"
	"strconv"
	"time"

	"claviger/internal/secret"
)

// Authority is what the OAuth endpoints do: it issues access tokens, introspects
// and revokes them.
type Authority struct {
	Deps
	accounts *Accounts
	verifier *Verifier
}

// NewAuthority returns an authority. Passwords are judged by accounts, under the
// throttle that signing in has, and tokens by the verifier.
func NewAuthority(d Deps, accounts *Accounts, verifier *Verifier) *Authority {
	return &Authority{Deps: d, accounts: accounts, verifier: verifier}
}

// The error codes of RFC 6749 §5.2 and RFC 7009 §2.2.1.
const (
	InvalidRequest       = "invalid_request"
	InvalidClient        = "invalid_client"
	InvalidGrant         = "invalid_grant"
	UnauthorizedClient   = "unauthorized_client"
	UnsupportedGrantType = "unsupported_grant_type"
	InvalidScope         = "invalid_scope"
)

// OAuthError is a refusal in OAuth's own words.
type OAuthError struct {
	Code        string
	Description string
	RetryAfter  time.Duration // not zero: the attempt was not judged
}

// Error returns code and description.
func (e *OAuthError) Error() string { return e.Code + ": " + e.Description }

func oauthFail(code, description string) error {
	return &OAuthError{Code: code, Description: description}
}

// Ask is a request for an access token.
type Ask struct {
	Grant        Grant
	ClientID     string // empty: no client authenticates
	ClientSecret secret.Secret
	Username     string // of the password grant
	Password     secret.Secret
	Scope        string
	TTL          int64 // seconds; 0 = the default
	HasTTL       bool
	Target       TokenTarget
	Caller       Caller
	Agent        string
}

// TokenTarget is what a token is asked for: one application (description B), an
// organization's management, or, as the zero value, whatever client and user reach.
type TokenTarget struct {
	Organization string // slugs
	Application  string
	Management   bool
}

// Granted is an access token that was just issued.
type Granted struct {
	Token     AccessToken
	Secret    secret.Secret
	ExpiresIn int64  // seconds
	Scope     string // what the token may do now
	User      User   // zero for a client's
}

// grantor is who an access token is issued to, and what bounds it.
type grantor struct {
	client   Credential // zero = none authenticated
	user     User       // zero = a client's own token
	org      string     // id the token is bound to; empty = none
	app      string     // likewise
	switches Switches   // that its TTL goes by
	scopes   Scopes     // the most that it may do
}

// Grant issues an access token. Its refusals are *OAuthError; a database that
// cannot be reached is an *Error of kind Unavailable.
func (a *Authority) Grant(ctx context.Context, ask Ask) (Granted, error) {
	var g grantor
	var att attempt
	var err error
	switch ask.Grant {
	case ClientCredentials:
		g, err = a.clientGrantor(ctx, ask)
	case PasswordGrant:
		g, att, err = a.userGrantor(ctx, ask)
	case "":
		err = oauthFail(InvalidRequest, "grant_type is missing: client_credentials or password")
	default:
		err = oauthFail(UnsupportedGrantType, "grant_type must be client_credentials or password")
	}
	if err != nil {
		return Granted{}, err
	}
	ttl, err := a.lifetime(ask, g.switches)
	var restriction Scopes
	if err == nil {
		restriction, err = narrow(ask.Scope, g.scopes)
	}
	if err != nil {
		return Granted{}, errors.Join(err, a.accounts.giveBack(ctx, att)) // the password was right
	}
	if len(restriction) == 0 && g.user.ID != "" {
		restriction = g.client.Restriction // the token is the user's: nothing else remembers what its client may do
	}
	out, right := Granted{Secret: secret.Generate(secret.Access), ExpiresIn: int64(ttl / time.Second), User: g.user}, true
	out.Scope = restriction.Effective().Intersect(g.scopes).String()
	prefix, last4 := secret.Shown(out.Secret)
	err = a.Store.Note(ctx, func(tx NoteTx) error {
		now := a.Clock.Now()
		if g.user.ID != "" {
			var err error
			if right, err = att.stillRight(tx); err != nil || !right {
				return err
			}
		}
		if err := att.refund(tx); err != nil {
			return err
		}
		digest, err := a.digest(tx, out.Secret)
		if err != nil {
			return err
		}
		out.Token = AccessToken{
			ID: newID(idAccessToken, now), OrganizationID: g.org, ApplicationID: g.app, CredentialID: g.client.ID, UserID: g.user.ID,
			Grant: ask.Grant, Scopes: restriction, Prefix: prefix, Last4: last4, Digest: digest, IssuedAt: now, ExpiresAt: now.Add(ttl),
		}
		if g.user.ID != "" {
			out.Token.CredentialID, out.Token.AskedBy = "", g.client.ID // it carries the user's permission; the client only asked
		}
		if err := tx.InsertAccessToken(out.Token); err != nil {
			return err
		}
		return tx.AddTally(issued(ask, g, now))
	})
	if err == nil && !right {
		return Granted{}, a.wrongPassword(ctx, ask, att)
	}
	return out, err
}

// issued counts the issue of a token, for the one event an account and minute.
func issued(ask Ask, g grantor, now time.Time) Tally {
	t := Tally{Minute: now.Truncate(time.Minute), Act: ActIssueAccessToken, Subject: g.client.ID, Address: ask.Caller.String(), Agent: ask.Agent, Count: 1}
	if g.user.ID != "" {
		t.Subject, t.ActorID = g.user.Email, g.user.ID
	}
	return t
}

// lifetime returns how long the token lives: what was asked for, within the maximum.
func (a *Authority) lifetime(ask Ask, sw Switches) (time.Duration, error) {
	usual, most := a.Limits.ttl(sw)
	if !ask.HasTTL {
		return usual, nil
	}
	if ask.TTL < 1 {
		return 0, oauthFail(InvalidRequest, "ttl is in whole seconds, 1 or more")
	}
	if ask.TTL > int64(most/time.Second) {
		return 0, oauthFail(InvalidRequest, "ttl is in seconds, at most "+strconv.FormatInt(int64(most/time.Second), 10)+" here")
	}
	return time.Duration(ask.TTL) * time.Second, nil
}

// narrow returns the restriction of a token: what was asked for, which must not be
// more than what there is (RFC 6749 §3.3), or none.
func narrow(scope string, most Scopes) (Scopes, error) {
	asked, err := ParseScopes(scope)
	if err != nil {
		return nil, oauthFail(InvalidScope, "a scope is an API and read or write, such as backend:read or *:write")
	}
	if got := asked.Intersect(most); got.String() != asked.String() {
		return nil, oauthFail(InvalidScope, "at most these scopes can be had: "+most.String())
	}
	return asked, nil
}

const badClient = "the client is unknown, its secret is wrong, or it is no longer active"

// Client authenticates a client by its id and secret: it must be genuine, active
// and used from an address that it allows.
func (a *Authority) Client(ctx context.Context, id string, password secret.Secret, caller Caller) (Credential, error) {
	if _, err := secret.Parse(password.Expose()); err != nil {
		return Credential{}, oauthFail(InvalidClient, badClient)
	}
	c, err := a.verifier.client(ctx, password)
	if err != nil && !missing(err) {
		return Credential{}, err
	}
	if err != nil || c.Kind != KindClient || c.ID != id || c.StateAt(a.Clock.Now()) != Active || !c.allows(caller) {
		return Credential{}, oauthFail(InvalidClient, badClient)
	}
	a.verifier.renew(&found{credential: c}, password)
	return c, nil
}

// clientGrantor judges a client that asks for a token of its own.
func (a *Authority) clientGrantor(ctx context.Context, ask Ask) (grantor, error) {
	if ask.ClientID == "" {
		return grantor{}, oauthFail(InvalidClient, "client authentication is needed: client_id and client_secret")
	}
	client, err := a.Client(ctx, ask.ClientID, ask.ClientSecret, ask.Caller)
	if err != nil {
		return grantor{}, err
	}
	g := grantor{client: client, org: client.OrganizationID, app: client.ApplicationID, scopes: client.Restriction.Effective()}
	err = a.Store.View(ctx, func(tx ReadTx) error { return a.bind(tx, &g, ask.Target) })
	return g, err
}

// bind binds a token to what it was asked for, which its client must reach, and
// finds the switches that its TTL goes by.
func (a *Authority) bind(tx ReadTx, g *grantor, t TokenTarget) error {
	if t.Management && g.client.ID != "" && g.client.ApplicationID != "" {
		return oauthFail(UnauthorizedClient, "this takes a client of the organization; ask at the token endpoint of the client's application")
	}
	if t.Organization != "" {
		target, err := tx.Target(t.Organization, t.Application)
		if missing(err) && g.client.ID == "" {
			return oauthFail(InvalidGrant, badPassword) // as to a user who is no member there
		}
		if missing(err) || err == nil && !g.reaches(target) {
			return oauthFail(InvalidClient, badClient)
		}
		if err != nil {
			return err
		}
		g.org, g.app = target.Organization.ID, target.Application.ID
	}
	if g.app == "" {
		return nil
	}
	app, err := tx.ApplicationByID(g.app)
	g.switches = app.Switches
	return err
}

// reaches reports whether the client, if there is one, opens the application.
func (g *grantor) reaches(t Target) bool {
	c := g.client
	return c.ID == "" || c.OrganizationID == t.Organization.ID && (c.ApplicationID == "" || c.ApplicationID == t.Application.ID)
}

const badPassword = "the username or the password is wrong"

// userGrantor judges a user who asks for a token by password. The client is
// optional; one that is named must be right.
func (a *Authority) userGrantor(ctx context.Context, ask Ask) (grantor, attempt, error) {
	g := grantor{scopes: AllScopes()}
	var err error
	if ask.ClientID != "" || !ask.ClientSecret.IsZero() {
		if g.client, err = a.Client(ctx, ask.ClientID, ask.ClientSecret, ask.Caller); err != nil {
			return g, attempt{}, err
		}
		g.org, g.app, g.scopes = g.client.OrganizationID, g.client.ApplicationID, g.client.Restriction.Effective()
	}
	if ask.Username == "" || ask.Password.IsZero() {
		return g, attempt{}, oauthFail(InvalidRequest, "username and password are needed")
	}
	// Where no password is taken none is judged: the answer must not tell a right one.
	err = a.Store.View(ctx, func(tx ReadTx) error {
		if err := a.bind(tx, &g, ask.Target); err != nil {
			return err
		}
		on := g.switches.PasswordGrant
		if g.app == "" {
			var err error
			if on, err = tx.PasswordGrant(""); err != nil {
				return err
			}
		}
		if !on {
			return oauthFail(UnauthorizedClient, passwordGrantOff)
		}
		return nil
	})
	if err != nil {
		return g, attempt{}, err
	}
	att, err := a.password(ctx, ask, func(tx ReadTx, user User) error {
		g.user = user
		return a.userReach(tx, &g, ask.Target)
	})
	return g, att, err
}

// password judges username and password under the sign-in's throttle, and by reach
// whether the user gets what was asked for. Who does not is answered, and tallied, like
// a wrong password.
func (a *Authority) password(ctx context.Context, ask Ask, reach func(ReadTx, User) error) (attempt, error) {
	c := Credentials{Email: ask.Username, Password: ask.Password, Caller: ask.Caller, Agent: ask.Agent}
	att, err := a.accounts.attempt(ctx, c)
	if limited := AsError(err); err != nil && limited.Kind == RateLimited {
		return att, &OAuthError{Code: InvalidGrant, Description: "too many attempts for this account; try again later", RetryAfter: limited.RetryAfter}
	}
	if err != nil {
		return att, err
	}
	ok, _, err := a.accounts.judge(ctx, att, c.Password)
	if err != nil {
		if busy := AsError(err); busy.Kind == RateLimited {
			err = &OAuthError{Code: InvalidGrant, Description: "too many passwords are being checked; try again in a moment", RetryAfter: busy.RetryAfter}
		}
		return att, err
	}
	if ok && att.user.DisabledAt.IsZero() {
		err := a.Store.View(ctx, func(tx ReadTx) error { return reach(tx, att.user) })
		if AsOAuthError(err) == nil {
			return att, err
		}
	}
	return att, a.wrongPassword(ctx, ask, att)
}

// wrongPassword tallies a wrong password and returns the one answer there is to it.
func (a *Authority) wrongPassword(ctx context.Context, ask Ask, att attempt) error {
	c := Credentials{Caller: ask.Caller, Agent: ask.Agent}
	if err := a.accounts.refuse(ctx, att, c, ActSignInFailed); KindOf(err) != Unauthenticated {
		return err
	}
	return oauthFail(InvalidGrant, badPassword)
}

const passwordGrantOff = "the password grant is switched off"

// userReach judges whether a user gets a token for what was asked: a member of it, or,
// where nothing was named, of an organization where the password grant is on.
func (a *Authority) userReach(tx ReadTx, g *grantor, t TokenTarget) error {
	refused := oauthFail(InvalidGrant, badPassword)
	if g.org == "" {
		on, err := tx.PasswordGrant(g.user.ID)
		if err == nil && !on {
			err = refused
		}
		if err != nil || !t.Management {
			return err
		}
		return a.manages(tx, g.user)
	}
	m, err := tx.Membership(g.org, g.user.ID)
	if missing(err) || err == nil && t.Management && !m.Role.Reaches(Admin) {
		return refused
	}
	g.scopes = g.scopes.Intersect(m.Role.Scopes())
	return err
}

// manages fails where the user is owner or admin of no organization.
func (a *Authority) manages(tx ReadTx, user User) error {
	orgs, err := tx.OrganizationsOf(user.ID)
	if err != nil {
		return err
	}
	for _, org := range orgs {
		m, err := tx.Membership(org.ID, user.ID)
		if err != nil {
			return err
		}
		if m.Role.Reaches(Admin) {
			return nil
		}
	}
	return oauthFail(InvalidGrant, badPassword)
}

// Introspection is what a token is (RFC 7662 §2.2).
type Introspection struct {
	Active    bool
	Reason    Reason // why it is not active; of several applications, that of the last one
	Principal Principal
	Token     AccessToken // zero for tokens that are no access tokens
	IssuedAt  time.Time
	ExpiresAt time.Time // zero = never
}

// Introspect tells a client what a token is that opens what the client is of. To
// any other one, and to what opens nothing now, the answer is not active.
func (a *Authority) Introspect(ctx context.Context, client Credential, token secret.Secret) (Introspection, error) {
	return a.verifier.introspect(ctx, client, token)
}

// RevokeToken revokes an access token for the client that it was issued to, or,
// where no client authenticated, a user's for whoever holds it (RFC 7009 §2.1). What
// is unknown, or not an access token, is left alone without a word.
func (a *Authority) RevokeToken(ctx context.Context, client Credential, token secret.Secret, caller Caller, agent string) error {
	if class, err := secret.Parse(token.Expose()); err != nil || class != secret.Access {
		return nil
	}
	return a.Store.Update(ctx, func(tx Tx) error {
		t, err := bySecret(a.Keys, token, tx.AccessTokenByDigests)
		if missing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if t.CredentialID != client.ID && (t.CredentialID != "" || client.ID != "" && t.OrganizationID != client.OrganizationID) {
			if client.ID == "" {
				return oauthFail(InvalidClient, "the client that the token was issued to has to authenticate")
			}
			return oauthFail(InvalidGrant, "the token was not issued to this client")
		}
		now := a.Clock.Now()
		changed, err := tx.RevokeAccessToken(t.ID, now, "its holder", "")
		if err != nil || !changed {
			return err
		}
		tally := Tally{Minute: now.Truncate(time.Minute), Act: ActRevokeAccessToken, Subject: client.ID, Address: caller.String(), Agent: agent, Count: 1}
		if client.ID == "" {
			user, err := tx.User(t.UserID)
			if err != nil {
				return err
			}
			tally.Subject, tally.ActorID = user.Email, user.ID
		}
		return tx.AddTally(tally)
	})
}

// PasswordGrantOffered reports whether any application has the password grant on,
// for the metadata.
func (a *Authority) PasswordGrantOffered(ctx context.Context) (bool, error) {
	var on bool
	err := a.Store.View(ctx, func(tx ReadTx) error {
		var err error
		on, err = tx.PasswordGrant("")
		return err
	})
	return on, err
}

// QueryCredentials reports whether an application takes credentials in the query
// string, for its token endpoint; without one, whether any does. That it does not go
// by the user who asks tells strangers nothing about who there is.
func (a *Authority) QueryCredentials(ctx context.Context, organization, application string) (bool, error) {
	var on bool
	err := a.Store.View(ctx, func(tx ReadTx) error {
		if organization == "" {
			var err error
			on, err = tx.QueryCredentials()
			return err
		}
		t, err := tx.Target(organization, application)
		on = err == nil && t.Application.Switches.QueryCredentials
		if missing(err) {
			return nil
		}
		return err
	})
	return on, err
}

// AsOAuthError returns the *OAuthError in err's chain, or nil.
func AsOAuthError(err error) *OAuthError {
	e, _ := errors.AsType[*OAuthError](err)
	return e
}
