package access

import (
	"context"
	"slices"
	"time"

	"claviger/internal/secret"
)

// Visit is who a session's token stands for, judged at this request.
type Visit struct {
	Session       Session
	User          User
	Replaced      bool      // by a token that was just replaced: signed in, never elevated
	Elevation     Elevation // that runs now; zero = none
	ElevatedScope string    // "Acme / Orders" or "Acme"
	ElevatedPath  string    // "acme/orders" or "acme"
	Organizations []Organization
}

// Actor returns the actor for acts done in this visit.
func (v Visit) Actor(caller Caller, agent string) Actor {
	return Actor{UserID: v.User.ID, SessionID: v.Session.ID, Replaced: v.Replaced, Name: v.User.Name, Caller: caller, Agent: agent}
}

// Authenticate finds who a session's token stands for. A token that is unknown,
// ended or over, or whose user is disabled, is Unauthenticated.
func (a *Accounts) Authenticate(ctx context.Context, token secret.Secret) (Visit, error) {
	var v Visit
	now := a.Clock.Now()
	hash := HashToken(token)
	err := a.view(ctx, func(tx ReadTx) error {
		v = Visit{}
		var err error
		v.Session, err = tx.SessionByToken(hash)
		if missing(err) {
			return signInAgain()
		}
		if err != nil {
			return err
		}
		v.Replaced = string(v.Session.TokenHash) != string(hash)
		over := !now.Before(v.Session.ExpiresAt) || now.Sub(v.Session.SeenAt) > a.Limits.SessionIdle
		if over || v.Replaced && now.Sub(v.Session.RotatedAt) >= replacedGrace {
			return signInAgain()
		}
		if v.User, err = tx.User(v.Session.UserID); err != nil {
			return err
		}
		if !v.User.DisabledAt.IsZero() {
			return signInAgain()
		}
		if v.Organizations, err = tx.OrganizationsOf(v.User.ID); err != nil {
			return err
		}
		return v.elevation(tx, now)
	})
	if err != nil {
		return Visit{}, err
	}
	return v, a.touch(ctx, v, now)
}

// touch notes that a session is in use, at most once a minute. That it cannot be
// noted (a full disk) ends no session.
func (a *Accounts) touch(ctx context.Context, v Visit, now time.Time) error {
	if now.Sub(v.Session.SeenAt) < touchInterval {
		return nil
	}
	err := a.Store.Note(ctx, func(tx NoteTx) error { return tx.TouchSession(v.Session.ID, now) })
	if KindOf(err) == Unavailable {
		return nil
	}
	return err
}

// elevation fills in the elevation that runs, if the role still carries it.
func (v *Visit) elevation(tx ReadTx, now time.Time) error {
	if v.Replaced {
		return nil
	}
	e, err := tx.CurrentElevation(v.Session.ID)
	if missing(err) || err == nil && !e.runs(now) {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := tx.Membership(e.OrganizationID, v.User.ID)
	if missing(err) || err == nil && !m.Role.Reaches(Admin) {
		return nil
	}
	if err != nil {
		return err
	}
	org, err := tx.OrganizationByID(e.OrganizationID)
	if err != nil {
		return err
	}
	v.Elevation, v.ElevatedScope, v.ElevatedPath = e, org.Name, org.Slug
	if e.ApplicationID == "" {
		return nil
	}
	app, err := tx.ApplicationByID(e.ApplicationID)
	v.ElevatedScope, v.ElevatedPath = org.Name+" / "+app.Name, org.Slug+"/"+app.Slug
	return err
}

// SaveData keeps what pages keep in a session; it reports false where the session
// has ended, which it does not bring back.
func (a *Accounts) SaveData(ctx context.Context, sessionID, data string) (bool, error) {
	var ok bool
	err := a.Store.Note(ctx, func(tx NoteTx) error {
		var err error
		ok, err = tx.SaveSessionData(sessionID, data)
		return err
	})
	return ok, err
}

// SignOut ends a session and with it its elevation.
func (a *Accounts) SignOut(ctx context.Context, who Actor) error {
	return a.Store.Note(ctx, func(tx NoteTx) error {
		now := a.Clock.Now()
		if _, err := tx.EndElevations(who.SessionID, now); err != nil {
			return err
		}
		changed, err := tx.EndSession(who.SessionID, now)
		if err != nil || !changed {
			return err
		}
		return record(tx, actorEvent(who, ActSignOut, now))
	})
}

// ElevationDraft is what an elevation is made from.
type ElevationDraft struct {
	Organization string
	Application  string // slug; empty = the whole organization
	Reason       string
	Minutes      int
	Password     secret.Secret // needed when it was given longer than five minutes ago
	Device       string        // as in Credentials
}

// ElevationForm is what somebody about to elevate is told and asked.
type ElevationForm struct {
	Standing     Standing
	Reasons      []string // their last three
	Minutes      []int    // that can be chosen
	AskPassword  bool
	Applications int // of the organization
	Now          time.Time
}

// ElevationChoices returns the minutes that the configuration lets one choose from.
func (a *Accounts) ElevationChoices() []int {
	var out []int
	for _, m := range []int{15, 30, 60} {
		if time.Duration(m)*time.Minute <= a.Limits.ElevationMax {
			out = append(out, m)
		}
	}
	if out == nil {
		out = []int{int(a.Limits.ElevationMax / time.Minute)}
	}
	return out
}

// ElevationForm returns what the form needs; Forbidden for those who cannot elevate.
func (a *Accounts) ElevationForm(ctx context.Context, who Actor, organization, application string) (ElevationForm, error) {
	f := ElevationForm{Minutes: a.ElevationChoices()}
	err := a.look(ctx, who, organization, application, need{role: Admin}, func(tx ReadTx, s Standing) error {
		session, err := tx.Session(who.SessionID)
		if err != nil {
			return err
		}
		f.Standing, f.Now, f.AskPassword = s, s.at, s.at.Sub(session.PasswordAt) > passwordFresh
		if f.Reasons, err = tx.RecentReasons(who.UserID, 3); err != nil {
			return err
		}
		apps, err := tx.Applications(s.Organization.ID)
		f.Applications = len(apps)
		return err
	})
	return f, err
}

// WhoCanElevate returns the organization and the names of its owners and admins,
// for somebody who cannot.
func (a *Accounts) WhoCanElevate(ctx context.Context, who Actor, organization string) (Standing, []string, error) {
	var names []string
	var standing Standing
	err := a.look(ctx, who, organization, "", need{role: Viewer}, func(tx ReadTx, s Standing) error {
		standing, names = s, nil
		members, err := tx.Members(s.Organization.ID)
		for _, m := range members {
			if m.Membership.Role.Reaches(Admin) && m.User.DisabledAt.IsZero() {
				names = append(names, m.User.Name)
			}
		}
		return err
	})
	return standing, names, err
}

// Elevate ends the session's elevation, if it has one, and begins another. It
// returns the session's new token, which replaces the one given.
func (a *Accounts) Elevate(ctx context.Context, v Visit, who Actor, d ElevationDraft) (secret.Secret, error) {
	form, err := a.ElevationForm(ctx, who, d.Organization, d.Application)
	if err != nil {
		return secret.Secret{}, err
	}
	var p problems
	d.Reason = p.reason("reason", d.Reason)
	if !slices.Contains(form.Minutes, d.Minutes) {
		p.add("minutes", "Choose one of the offered durations.")
	}
	if form.AskPassword && d.Password.IsZero() {
		p.add("password", "Type your password: it was last given more than 5 minutes ago.")
	}
	if err := p.err(); err != nil {
		return secret.Secret{}, err
	}
	var att attempt
	if form.AskPassword {
		if att, err = a.confirmPassword(ctx, v.User, who, d.Password, d.Device, ActElevateFailed); err != nil {
			return secret.Secret{}, err
		}
	}
	token := newSessionToken()
	err = a.act(ctx, who, d.Organization, d.Application, need{role: Admin}, func(tx Tx, s Standing) error {
		if err := att.refund(tx); err != nil {
			return err
		}
		if form.AskPassword {
			if err := tx.SetSessionPassword(who.SessionID, s.at); err != nil {
				return err
			}
		}
		return beginElevation(tx, s, v.Session, d, token)
	})
	return token, err
}

// confirmPassword asks for the user's own password, under the sign-in's throttle; wrong
// ones are tallied as failed.
func (a *Accounts) confirmPassword(ctx context.Context, user User, who Actor, password secret.Secret, device string, failed Act) (attempt, error) {
	c := Credentials{Email: user.Email, Password: password, Device: device, Caller: who.Caller, Agent: who.Agent}
	att, err := a.attempt(ctx, c)
	if err != nil {
		return att, err
	}
	ok, _, err := a.judge(ctx, att, c.Password)
	if err != nil {
		return att, err
	}
	if !ok || att.user.ID != user.ID {
		return att, a.refuse(ctx, att, c, failed)
	}
	return att, nil
}

func beginElevation(tx Tx, s Standing, session Session, d ElevationDraft, token secret.Secret) error {
	if err := rotate(tx, s.actor, session, token, s.at); err != nil {
		return err
	}
	if _, err := tx.EndElevations(session.ID, s.at); err != nil {
		return err
	}
	e := Elevation{
		ID: newID(idElevation, s.at), SessionID: session.ID, UserID: s.actor.UserID, OrganizationID: s.Organization.ID,
		ApplicationID: s.Application.ID, Reason: d.Reason, StartedAt: s.at, Until: s.at.Add(time.Duration(d.Minutes) * time.Minute),
	}
	if err := tx.InsertElevation(e); err != nil {
		return err
	}
	s.Elevation = e
	target := s.Organization.Slug
	if d.Application != "" {
		target += "/" + d.Application
	}
	event := s.event(ActElevate, e.ID, target)
	event.Detail = map[string]string{"until": e.Until.Format(time.RFC3339)}
	return record(tx, event)
}

// rotate gives the session a new token, unless another tab has just done so.
func rotate(tx Tx, who Actor, session Session, token secret.Secret, now time.Time) error {
	changed := false
	if !who.Replaced {
		var err error
		if changed, err = tx.RotateSession(session.ID, session.TokenHash, HashToken(token), now); err != nil {
			return err
		}
	}
	if !changed {
		return fail(Conflict, "Your session has just changed in another tab. Nothing was done; try again.")
	}
	return nil
}

// Drop ends the session's elevation before its time and returns the session's new
// token. Where none runs it changes nothing and returns the zero Secret.
func (a *Accounts) Drop(ctx context.Context, v Visit, who Actor) (secret.Secret, error) {
	if v.Elevation.ID == "" {
		return secret.Secret{}, nil
	}
	token := newSessionToken()
	err := a.Store.Update(ctx, func(tx Tx) error {
		now := a.Clock.Now()
		if err := rotate(tx, who, v.Session, token, now); err != nil {
			return err
		}
		if _, err := tx.EndElevations(v.Session.ID, now); err != nil {
			return err
		}
		e := actorEvent(who, ActDrop, now)
		e.OrganizationID, e.ApplicationID = v.Elevation.OrganizationID, v.Elevation.ApplicationID
		e.TargetID, e.TargetName, e.ElevationID, e.Reason = v.Elevation.ID, v.ElevatedPath, v.Elevation.ID, v.Elevation.Reason
		return record(tx, e)
	})
	if err != nil {
		return secret.Secret{}, err
	}
	return token, nil
}
