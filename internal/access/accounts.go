package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"claviger/internal/secret"
)

// Accounts is how people come in: the set-up link, signing in and out, sessions,
// elevations, and the users that operators make.
type Accounts struct{ Deps }

// NewAccounts returns accounts over their dependencies.
func NewAccounts(d Deps) *Accounts {
	d.known = newKnown()
	return &Accounts{d}
}

const (
	setupLinkLife   = 30 * time.Minute
	passwordFresh   = 5 * time.Minute  // so long after giving it, the password is not asked again
	replacedGrace   = 30 * time.Second // so long a replaced session token is served, not elevated
	touchInterval   = time.Minute
	networkAttempts = 10 // times as many a network as an account
)

// Credentials are what somebody signs in with, and from where.
type Credentials struct {
	Email    string
	Password secret.Secret
	Device   string // signed value of the device's cookie; empty or stale = unknown device
	Previous string // id of the session that this browser has now, which ends; may be empty
	Caller   Caller
	Agent    string
}

// SignedIn is a session that was just opened: what the two cookies are to hold.
type SignedIn struct {
	User   User
	Token  secret.Secret // of the session; 43 characters
	Device string        // signed; tells this browser from strangers when somebody guesses
}

const devicePurpose = "device"

// unknownEmail is the subject of all attempts on accounts that do not exist.
const unknownEmail = "unknown email"

// SignIn opens a session. All refusals of a wrong email, a wrong password and a
// disabled user are one and the same, in words and in time.
func (a *Accounts) SignIn(ctx context.Context, c Credentials) (SignedIn, error) {
	att, err := a.attempt(ctx, c)
	if err != nil {
		return SignedIn{}, err
	}
	ok, stale, err := a.judge(ctx, att, c.Password)
	if err != nil {
		return SignedIn{}, err
	}
	if !ok || !att.user.DisabledAt.IsZero() {
		return SignedIn{}, a.refuse(ctx, att, c, ActSignInFailed)
	}
	user, rehashed := att.user, ""
	if stale {
		if rehashed, err = a.Passwords.Hash(ctx, c.Password); err != nil {
			return SignedIn{}, err
		}
		user.PasswordHash = rehashed
	}
	out := SignedIn{User: user, Device: c.Device}
	if !att.knownDevice || stale {
		out.Device = a.newDevice(user)
	}
	err = a.Store.Note(ctx, func(tx NoteTx) error {
		now := a.Clock.Now()
		if ok, err = att.stillRight(tx); err != nil || !ok {
			return err
		}
		if err := att.refund(tx); err != nil {
			return err
		}
		if rehashed != "" {
			if err := tx.SetPassword(user.ID, rehashed); err != nil {
				return err
			}
		}
		var err error
		out.Token, err = a.openSession(tx, user, c, now)
		return err
	})
	if err == nil && !ok {
		return SignedIn{}, a.refuse(ctx, att, c, ActSignInFailed)
	}
	return out, err
}

// openSession inserts a session for the user, in the place of the one that the browser
// had, with its event.
func (a *Accounts) openSession(tx NoteTx, user User, c Credentials, now time.Time) (secret.Secret, error) {
	if c.Previous != "" {
		if _, err := tx.EndSession(c.Previous, now); err != nil {
			return secret.Secret{}, err
		}
	}
	token := newSessionToken()
	session := Session{
		ID: newID(idSession, now), UserID: user.ID, TokenHash: HashToken(token), CreatedAt: now, SeenAt: now, PasswordAt: now,
		ExpiresAt: now.Add(a.Limits.SessionMax), Address: c.Caller.String(), Agent: c.Agent,
	}
	if err := tx.InsertSession(session); err != nil {
		return secret.Secret{}, err
	}
	if err := tx.SetSignedIn(user.ID, now); err != nil {
		return secret.Secret{}, err
	}
	who := Actor{UserID: user.ID, Name: user.Name, Caller: c.Caller, Agent: c.Agent}
	return token, record(tx, actorEvent(who, ActSignIn, now))
}

// newSessionToken returns 43 base62 characters, 256 bits of randomness.
func newSessionToken() secret.Secret { return secret.New(secret.RandomText(43)) }

// HashToken returns the SHA-256 by which the store knows a random token.
func HashToken(token secret.Secret) []byte {
	sum := sha256.Sum256([]byte(token.Expose()))
	return sum[:]
}

// attempt is one password about to be judged, counted before it is.
type attempt struct {
	user        User // zero = unknown email
	emailKey    string
	knownDevice bool
	keys        []string // of the throttles it was counted against
}

// attempt counts an attempt against the account, the device and the network, and
// fails with RateLimited where one of them has had its share: before the password
// is looked at, so that the throttle tells nothing. Somebody on a device that has
// signed in to this account before is held to the device's share alone, so that
// strangers cannot lock people out.
func (a *Accounts) attempt(ctx context.Context, c Credentials) (attempt, error) {
	att := attempt{emailKey: FoldEmail(c.Email)}
	var refused error
	err := a.Store.Note(ctx, func(tx NoteTx) error {
		refused, att.keys, att.knownDevice = nil, nil, false
		var err error
		att.user, err = tx.UserByEmail(att.emailKey)
		if err != nil && !missing(err) {
			return err
		}
		bound := a.Limits.PasswordAttempts
		device, signed := a.Keys.Verify(devicePurpose, c.Device)
		if signed && att.user.ID != "" && strings.HasPrefix(device, deviceOwner(att.user)) {
			att.knownDevice = true
			refused, err = a.spend(tx, &att, "device:"+short(device), bound)
			if err != nil || refused != nil {
				return err
			}
			_, err = a.spend(tx, &att, "email:"+short(att.emailKey), bound)
			return err
		}
		if refused, err = a.spend(tx, &att, "network:"+network(c.Caller), bound*networkAttempts); err != nil || refused != nil {
			return err
		}
		refused, err = a.spend(tx, &att, "email:"+short(att.emailKey), bound)
		return err
	})
	if err != nil {
		return att, err
	}
	return att, refused
}

// spend counts one attempt against a key; refused is set where that is one too many.
func (a *Accounts) spend(tx NoteTx, att *attempt, key string, bound int) (refused, err error) {
	now := a.Clock.Now()
	count, since, err := tx.Spend(key, now, a.Limits.PasswordWindow)
	if err != nil {
		return nil, err
	}
	if count > bound {
		wait := max(since.Add(a.Limits.PasswordWindow).Sub(now), time.Second)
		return &Error{
			Kind: RateLimited, RetryAfter: wait,
			Message: "Too many attempts. Try again in " + minutes(wait) + ".",
		}, nil
	}
	att.keys = append(att.keys, key)
	return nil, nil
}

// judge checks the password of an attempt. One that was not judged, because too many
// are, is given back.
func (a *Accounts) judge(ctx context.Context, att attempt, password secret.Secret) (ok, stale bool, err error) {
	ok, stale, err = a.Passwords.Check(ctx, att.user.PasswordHash, password)
	if err == nil {
		return ok, stale, nil
	}
	if back := a.giveBack(ctx, att); back != nil {
		return false, false, back
	}
	return false, false, err
}

// stillRight reports whether the password that was judged is the user's still, and the
// user not disabled: judging takes a while, and what a change has ended meanwhile must not
// begin anew, least of all with the password before it.
func (att attempt) stillRight(tx ReadTx) (bool, error) {
	user, err := tx.User(att.user.ID)
	return user.PasswordHash == att.user.PasswordHash && user.DisabledAt.IsZero(), err
}

// giveBack is refund in a transaction of its own, for where nothing else is written.
func (a *Accounts) giveBack(ctx context.Context, att attempt) error {
	if len(att.keys) == 0 {
		return nil
	}
	return a.Store.Note(context.WithoutCancel(ctx), func(tx NoteTx) error { return att.refund(tx) })
}

// refund takes the attempt back: it was right, or never judged.
func (att attempt) refund(tx NoteTx) error {
	for _, key := range att.keys {
		if err := tx.Refund(key); err != nil {
			return err
		}
	}
	return nil
}

// refuse tallies a wrong password and returns the one answer there is to it.
func (a *Accounts) refuse(ctx context.Context, att attempt, c Credentials, act Act) error {
	subject := att.user.Email
	if att.user.ID == "" {
		subject = unknownEmail // what a stranger typed may be anything, a password included; and one event a minute is enough for all of it
	}
	err := a.Store.Note(ctx, func(tx NoteTx) error {
		return tx.AddTally(Tally{
			Minute: a.Clock.Now().Truncate(time.Minute), Act: act, Subject: subject, ActorID: att.user.ID,
			Address: c.Caller.String(), Agent: c.Agent, Count: 1,
		})
	})
	if err != nil {
		return err
	}
	if act == ActElevateFailed || act == ActChangeFailed || act == ActEndFailed {
		return &Error{Kind: Invalid, Fields: []FieldError{{"password", "The password is wrong. Type the one that you sign in with."}}}
	}
	return &Error{Kind: Unauthenticated, Message: "The email or the password is wrong."}
}

// SealTallies turns the tallies of minutes that are over into Events.
func (a *Accounts) SealTallies(ctx context.Context) error {
	return a.Store.Note(ctx, func(tx NoteTx) error {
		now := a.Clock.Now()
		tallies, err := tx.TakeTallies(now.Truncate(time.Minute))
		if err != nil {
			return err
		}
		for _, t := range tallies {
			e, err := t.event(tx, now)
			if err != nil {
				return err
			}
			if err := record(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// event is the record of a tally: of the organization of a client, or of the whole
// installation where it is about a user or a stranger.
func (t Tally) event(tx ReadTx, now time.Time) (Event, error) {
	e := Event{
		At: now, Act: t.Act, ActorID: t.ActorID, ActorName: t.Subject, Address: t.Address, Agent: t.Agent, Count: t.Count,
		Detail: map[string]string{"minute": t.Minute.UTC().Format(time.RFC3339)},
	}
	if t.ActorID != "" {
		return e, nil
	}
	if !strings.HasPrefix(t.Subject, idClient) {
		e.ActorName = unknownEmail
		return e, nil
	}
	c, err := tx.Credential(t.Subject)
	if missing(err) {
		return e, nil
	}
	e.OrganizationID, e.ApplicationID, e.TargetID, e.TargetName = c.OrganizationID, c.ApplicationID, c.ID, c.Label
	e.ActorName = "client “" + c.Label + "”"
	return e, err
}

// short returns a key of fixed length for something that somebody sent us.
func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// network returns what a throttle takes for one network: an IPv4 address, an IPv6
// /64, or, where the caller is unknown, the proxy it came through.
func network(c Caller) string {
	address := c.Address
	if !c.Known() {
		address = c.Through
	}
	if address.Is6() {
		if p, err := address.Prefix(64); err == nil {
			return p.String()
		}
	}
	if address == (netip.Addr{}) {
		return "local"
	}
	return address.String()
}

func minutes(d time.Duration) string {
	if n := int((d + time.Minute - 1) / time.Minute); n > 1 {
		return group(n) + " minutes"
	}
	return "a minute"
}

// newDevice returns the mark by which a browser that has signed in is told from
// strangers. It goes with the password: another one makes all marks worthless.
func (a *Accounts) newDevice(user User) string {
	return a.Keys.Sign(devicePurpose, deviceOwner(user)+secret.RandomText(22))
}

// deviceOwner is what the marks of a user's devices begin with.
func deviceOwner(user User) string { return user.ID + " " + short(user.PasswordHash) + " " }
