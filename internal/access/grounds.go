package access

import (
	"time"

	"claviger/internal/secret"
)

// Limits are the settings that rules depend on.
type Limits struct {
	ElevationMax     time.Duration // the longest elevation
	MaxLifetime      time.Duration // of an API token; 0 = no limit
	SessionIdle      time.Duration // a session unused for longer is over
	SessionMax       time.Duration // a session is over after this in any case
	PasswordAttempts int           // password verdicts an account in one window
	PasswordWindow   time.Duration
	DefaultTTL       time.Duration // of access tokens
	MaxTTL           time.Duration // of access tokens
	Remembered       int           // credentials that the Verifier keeps in memory; 0 = DefaultRemembered
}

// Deps is what the domain's services work with.
type Deps struct {
	Store     Store
	Keys      *secret.Keyring
	Passwords *secret.Passwords
	Clock     Clock
	Limits    Limits

	known *known // nil: nothing is remembered of what is looked at
}

// need is what an act requires of its actor.
type need struct {
	role     Role
	elevated bool // for the application, or, where the act has none, for the organization
}

// Standing is where an actor stands: in which organization, before which
// application, in which role, and under which elevation.
type Standing struct {
	Organization Organization
	Application  Application // zero where the act concerns the whole organization
	Role         Role
	Elevation    Elevation // zero = none that reaches here
	at           time.Time
	actor        Actor
}

// Elevated reports whether an elevation reaches here.
func (s Standing) Elevated() bool { return s.Elevation.ID != "" }

// event returns the record of an act done from here, to be completed.
func (s Standing) event(act Act, targetID, targetName string) Event {
	e := actorEvent(s.actor, act, s.at)
	e.OrganizationID, e.ApplicationID = s.Organization.ID, s.Application.ID
	e.TargetID, e.TargetName = targetID, targetName
	if s.Elevated() {
		e.ElevationID, e.Reason = s.Elevation.ID, s.Elevation.Reason
	}
	return e
}

// reason is why an act is done from here: the elevation's reason, or the operator's.
func (s Standing) reason() string {
	if s.Elevated() {
		return s.Elevation.Reason
	}
	return s.actor.Reason
}

// whose says whose credentials are meant from here: the application's, or the
// organization's own.
func (s Standing) whose() Whose {
	return Whose{ApplicationID: s.Application.ID, OrganizationID: s.Organization.ID}
}

// actorEvent returns the record of an act that has no organization, to be completed.
func actorEvent(a Actor, act Act, at time.Time) Event {
	return Event{
		At: at, Act: act, ActorID: a.UserID, ActorName: a.Name, Reason: a.Reason,
		Address: a.Caller.String(), Agent: a.Agent,
	}
}

// stand judges, within the act's own transaction, whether the actor may do what
// the act needs. What a user is no member of does not exist for them.
func stand(tx ReadTx, now time.Time, a Actor, organization, application string, n need) (Standing, error) {
	s := Standing{at: now, actor: a}
	org, err := tx.Organization(organization)
	if missing(err) {
		return s, noSuch("organization", organization)
	}
	if err != nil {
		return s, err
	}
	s.Organization = org
	if s.Role, err = roleOf(tx, now, a, org); err != nil {
		return s, err
	}
	if application != "" {
		s.Application, err = tx.Application(org.ID, application)
		if missing(err) {
			return s, noSuch("application", organization+"/"+application)
		}
		if err != nil {
			return s, err
		}
	}
	if !s.Role.Reaches(n.role) {
		return s, tooLow(s.Role, n.role, org)
	}
	return s, s.elevate(tx, now, n)
}

// roleOf returns the actor's role in an organization: an operator's reach is
// everywhere, a user's is that of the membership, for a session that is alive.
func roleOf(tx ReadTx, now time.Time, a Actor, org Organization) (Role, error) {
	if a.operator() {
		return Owner, nil
	}
	if err := alive(tx, now, a); err != nil {
		return "", err
	}
	m, err := tx.Membership(org.ID, a.UserID)
	if missing(err) {
		return "", noSuch("organization", org.Slug)
	}
	return m.Role, err
}

// alive fails where the actor's session has ended or the user is disabled.
func alive(tx ReadTx, now time.Time, a Actor) error {
	session, err := tx.Session(a.SessionID)
	if missing(err) || err == nil && (!session.EndedAt.IsZero() || !now.Before(session.ExpiresAt) || session.UserID != a.UserID) {
		return signInAgain()
	}
	if err != nil {
		return err
	}
	user, err := tx.User(a.UserID)
	if missing(err) || err == nil && !user.DisabledAt.IsZero() {
		return signInAgain()
	}
	return err
}

// elevate finds the elevation that reaches here and fails where one is needed and
// there is none. An operator's elevation is the reason given with the act.
func (s *Standing) elevate(tx ReadTx, now time.Time, n need) error {
	if s.actor.operator() {
		if n.elevated {
			return s.actor.withReason()
		}
		return nil
	}
	if s.Role.Reaches(Admin) && !s.actor.Replaced {
		e, err := tx.CurrentElevation(s.actor.SessionID)
		if err != nil && !missing(err) {
			return err
		}
		if err == nil && e.runs(now) && e.covers(s.Organization.ID, s.Application.ID) {
			s.Elevation = e
		}
	}
	if n.elevated && !s.Elevated() {
		return fail(ElevationRequired, "Elevate your permissions first: this is recorded together with your reason.")
	}
	return nil
}

// operates fails where the actor is no operator, with a message for them, or gives no
// reason for the act.
func (a Actor) operates(refusal string) error {
	if !a.operator() {
		return fail(Forbidden, refusal)
	}
	return a.withReason()
}

func (a Actor) withReason() error {
	var p problems
	p.reason("reason", a.Reason)
	return p.err()
}

// userOf returns the user of an email, and fails where there is none.
func userOf(tx ReadTx, email string) (User, error) {
	user, err := tx.UserByEmail(FoldEmail(email))
	if missing(err) {
		return user, noSuch("user", email)
	}
	return user, err
}

func signInAgain() error { return fail(Unauthenticated, "Your session has ended. Sign in again.") }

func noSuch(what, name string) error {
	if secret.Contained(name) {
		return fail(NotFound, "There is no such "+what+": this is a secret, not a name.")
	}
	return fail(NotFound, "There is no "+what+" “"+clip(name, 130)+"”.")
}

func tooLow(has, needed Role, org Organization) error {
	return fail(Forbidden, "You are "+article(has)+" of "+org.Name+". This takes "+article(needed)+".")
}

func article(r Role) string {
	if r == Admin || r == Owner {
		return "an " + string(r)
	}
	return "a " + string(r)
}

// reason checks and returns the reason of an elevation or of an operator's act.
func (p *problems) reason(field, text string) string { return p.line(field, text, 10, 500) }
