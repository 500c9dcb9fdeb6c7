package access

import (
	"context"
	"slices"
	"time"

	"claviger/internal/secret"
)

// OwnSession is one of the sessions that the actor is signed in with.
type OwnSession struct {
	Session  Session
	Here     bool      // the one that asks
	Elevated Elevation // that runs in it; zero = none
}

// OwnSessions returns the actor's sessions that still count, the latest opened first.
func (a *Accounts) OwnSessions(ctx context.Context, who Actor) ([]OwnSession, error) {
	var out []OwnSession
	err := a.Store.View(ctx, func(tx ReadTx) error {
		now := a.Clock.Now()
		if err := alive(tx, now, who); err != nil {
			return err
		}
		list, err := tx.SessionsOf(who.UserID, now)
		if err != nil {
			return err
		}
		out = make([]OwnSession, 0, len(list))
		for _, s := range list {
			if now.Sub(s.SeenAt) > a.Limits.SessionIdle {
				continue
			}
			own := OwnSession{Session: s, Here: s.ID == who.SessionID}
			e, err := tx.CurrentElevation(s.ID)
			if err != nil && !missing(err) {
				return err
			}
			if err == nil && e.runs(now) {
				own.Elevated = e
			}
			out = append(out, own)
		}
		return nil
	})
	return out, err
}

// Proof is how somebody who is signed in shows anew that it is they.
type Proof struct {
	Password secret.Secret // needed when it was given longer than five minutes ago
	Device   string        // as in Credentials
}

// AsksPassword reports whether an act that wants a Proof asks for the password.
func (v Visit) AsksPassword(now time.Time) bool { return now.Sub(v.Session.PasswordAt) > passwordFresh }

// prove asks for the password, unless it was given a short while ago. asked tells
// whether it was.
func (a *Accounts) prove(ctx context.Context, v Visit, who Actor, p Proof) (att attempt, asked bool, err error) {
	if !v.AsksPassword(a.Clock.Now()) {
		return attempt{}, false, nil
	}
	if p.Password.IsZero() {
		var wrong problems
		wrong.add("password", "Type your password: it was last given more than 5 minutes ago.")
		return attempt{}, true, wrong.err()
	}
	att, err = a.confirmPassword(ctx, v.User, who, p.Password, p.Device, ActEndFailed)
	return att, true, err
}

// EndSessions ends sessions of the actor's own, all or none, and returns how many. The
// one that asks ends by signing out. Where the password was asked for, the session has
// another token from then on, which comes back, too.
func (a *Accounts) EndSessions(ctx context.Context, v Visit, who Actor, ids []string, p Proof) (int, secret.Secret, error) {
	if err := chosen(ids); err != nil {
		return 0, secret.Secret{}, err
	}
	if slices.Contains(ids, who.SessionID) {
		return 0, secret.Secret{}, fail(Invalid, "This is the session that you are using. Sign out to end it.")
	}
	att, asked, err := a.prove(ctx, v, who, p)
	if err != nil {
		return 0, secret.Secret{}, err
	}
	var token secret.Secret
	if asked {
		token = newSessionToken()
	}
	ended := 0
	err = a.Store.Update(ctx, func(tx Tx) error {
		ended = 0
		now := a.Clock.Now()
		if err := alive(tx, now, who); err != nil {
			return err
		}
		if asked {
			if err := att.refund(tx); err != nil {
				return err
			}
			if err := renew(tx, v, who, token, now); err != nil {
				return err
			}
		}
		for _, id := range ids {
			changed, err := endOwn(tx, who, id, now)
			if err != nil {
				return err
			}
			if changed {
				ended++
			}
		}
		return nil
	})
	if err != nil {
		return 0, secret.Secret{}, err
	}
	return ended, token, nil
}

// renew notes that the password was just given, and gives the session another token.
func renew(tx Tx, v Visit, who Actor, token secret.Secret, now time.Time) error {
	if err := rotate(tx, who, v.Session, token, now); err != nil {
		return err
	}
	return tx.SetSessionPassword(who.SessionID, now)
}

// endOwn ends a session by its id, if it is the actor's.
func endOwn(tx Tx, who Actor, id string, now time.Time) (bool, error) {
	s, err := tx.Session(id)
	if missing(err) || err == nil && s.UserID != who.UserID {
		return false, noSuch("session", id)
	}
	if err != nil {
		return false, err
	}
	return endSession(tx, who, s, now)
}

// endSession ends a session of the actor's and its elevation, and records it.
func endSession(tx Tx, who Actor, s Session, now time.Time) (bool, error) {
	if _, err := tx.EndElevations(s.ID, now); err != nil {
		return false, err
	}
	changed, err := tx.EndSession(s.ID, now)
	if err != nil || !changed {
		return false, err
	}
	e := actorEvent(who, ActEndSession, now)
	e.TargetID, e.TargetName = s.ID, clip(s.Agent, 100)
	e.Detail = map[string]string{"opened": s.CreatedAt.Format(time.RFC3339), "from": s.Address}
	return true, record(tx, e)
}

// PasswordDraft is a change of one's own password.
type PasswordDraft struct {
	Password secret.Secret // the present one
	New      secret.Secret
	Device   string // as in Credentials
}

// ChangePassword gives the actor another password. All their other sessions end, the
// access tokens that the old one bought are revoked, and marks of devices lose their
// worth; what comes back is this session's new token and this device's new mark.
func (a *Accounts) ChangePassword(ctx context.Context, v Visit, who Actor, d PasswordDraft) (SignedIn, error) {
	var p problems
	if d.Password.IsZero() {
		p.add("password", "Type the password that you sign in with now.")
	}
	p.newPassword("new", d.New.Expose(), nearOf(v.User, v.Organizations...)...)
	if err := p.err(); err != nil {
		return SignedIn{}, err
	}
	att, err := a.confirmPassword(ctx, v.User, who, d.Password, d.Device, ActChangeFailed)
	if err != nil {
		return SignedIn{}, err
	}
	hash, err := a.Passwords.Hash(ctx, d.New)
	if err != nil {
		return SignedIn{}, err
	}
	out := SignedIn{User: v.User, Token: newSessionToken()}
	out.User.PasswordHash = hash
	out.Device = a.newDevice(out.User)
	err = a.Store.Update(ctx, func(tx Tx) error {
		now := a.Clock.Now()
		if err := alive(tx, now, who); err != nil {
			return err
		}
		user, err := tx.User(who.UserID)
		if err != nil {
			return err
		}
		if user.PasswordHash != att.user.PasswordHash {
			return fail(Conflict, "Your password was changed elsewhere at the same moment. Nothing was done here; sign in with the new one.")
		}
		if err := att.refund(tx); err != nil {
			return err
		}
		return a.setOwnPassword(tx, v, who, hash, out.Token, now)
	})
	return out, err
}

// setOwnPassword writes the new password and ends what the old one opened.
func (a *Accounts) setOwnPassword(tx Tx, v Visit, who Actor, hash string, token secret.Secret, now time.Time) error {
	// The token before is not served a moment longer: that somebody has a copy of it may
	// be why the password is changed.
	if err := rotate(tx, who, v.Session, token, now.Add(-replacedGrace)); err != nil {
		return err
	}
	if err := tx.SetSessionPassword(who.SessionID, now); err != nil {
		return err
	}
	if err := tx.SetPassword(who.UserID, hash); err != nil {
		return err
	}
	others, err := tx.SessionsOf(who.UserID, now)
	if err != nil {
		return err
	}
	count := 0
	for _, s := range others {
		if s.ID == who.SessionID {
			continue
		}
		if _, err := endSession(tx, who, s, now); err != nil {
			return err
		}
		count++
	}
	tokens, err := tx.RevokeAccessTokens(AccessTokenFilter{UserID: who.UserID, Now: now}, who.Name, "")
	if err != nil {
		return err
	}
	e := actorEvent(who, ActChangePassword, now)
	e.TargetID, e.TargetName = who.UserID, v.User.Email
	e.Detail = map[string]string{"other sessions ended": group(count), "access tokens": group(tokens)}
	return record(tx, e)
}
