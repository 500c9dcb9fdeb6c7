package access

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Gap is what lies between a database that was put back, or has lost its end, and
// what is known outside of it.
type Gap struct {
	Act     Act       // ActRestore or ActAcceptLoss
	Backup  string    // the name of the file; empty = none was restored
	Anchor  EventHead // what the anchor knew; zero = there was none
	Endings []Ending  // what ended behind the database's own last ending, in order
	Known   bool      // Endings is all that ended; false: nobody knows
}

// Reinstated is what was done again, so that nothing lives that had ended.
type Reinstated struct {
	From         EventHead    // where the chain of the database ended
	Credentials  []Credential // revoked, or disabled and erased, again
	Shortened    []Credential // which got their earlier end again
	AccessTokens int          // revoked again; where endings are not known: all
	Users        []User       // disabled again
	Members      []MemberUser // removed again
	Sessions     int          // ended: all
	Invites      int          // withdrawn: all
	Unconfirmed  int          // credentials that somebody has to confirm or revoke
	Event        Event
}

// Reinstate does again, in one transaction, all that had ended behind the state that
// the database is in: what is live in it but was revoked, disabled or erased since.
// Sessions and open invitations end, because those that ended since are not known.
// Where endings are not known, all live credentials are marked as unconfirmed; they
// go on working. Access tokens end then, like sessions: their holders get others, those
// from whom they were taken do not. It records what it does, and the gap, in every
// organization.
func (a *Auditor) Reinstate(ctx context.Context, who Actor, g Gap) (Reinstated, error) {
	if !who.operator() {
		return Reinstated{}, fail(Forbidden, "Databases are restored at the command line: claviger restore.")
	}
	var out Reinstated
	err := a.Store.Update(ctx, func(tx Tx) error {
		r := &reinstating{tx: tx, who: who, now: a.Clock.Now()}
		var err error
		if r.out.From, err = tx.EventHead(); err != nil {
			return err
		}
		if n := len(g.Endings); n > 0 {
			if err := tx.SkipEndings(g.Endings[n-1].N, r.now); err != nil {
				return err
			}
		}
		for _, e := range g.Endings {
			if err := r.again(e); err != nil {
				return err
			}
		}
		if err := r.close(g); err != nil {
			return err
		}
		out = r.out
		return nil
	})
	return out, err
}

// reinstating is one run of Reinstate.
type reinstating struct {
	tx  Tx
	who Actor
	now time.Time
	out Reinstated
}

// again lets one thing end that has ended before. What the database does not know,
// it need not end.
func (r *reinstating) again(e Ending) error {
	var err error
	switch e.Kind {
	case EndedCredential:
		err = r.revoke(e)
	case ShortenedCredential:
		err = r.shorten(e)
	case EndedAccessToken:
		var changed bool
		if changed, err = r.tx.RevokeAccessToken(e.ID, e.At, r.who.Name, r.who.Reason); changed {
			r.out.AccessTokens++
		}
	case EndedUser:
		err = r.disable(e)
	case EndedMembership:
		err = r.remove(e)
	}
	return ignoreMissing(err)
}

func (r *reinstating) revoke(e Ending) error {
	c, err := r.tx.Credential(e.ID)
	if err != nil {
		return err
	}
	changed, err := r.tx.RevokeCredential(c.ID, e.At, r.who.Name, r.who.Reason)
	if err != nil || !changed {
		return err
	}
	r.out.Credentials = append(r.out.Credentials, c)
	act := actOn(c.Kind, "revoke")
	if c.Kind == KindBasic {
		act = ActDisableBasic
	}
	return r.record(act, c.OrganizationID, c.ApplicationID, c.ID, c.Label)
}

func (r *reinstating) shorten(e Ending) error {
	c, err := r.tx.Credential(e.ID)
	if err != nil {
		return err
	}
	changed, err := r.tx.EndCredential(c.ID, e.At)
	if changed {
		r.out.Shortened = append(r.out.Shortened, c)
	}
	return err
}

func (r *reinstating) disable(e Ending) error {
	user, err := r.tx.User(e.ID)
	if err != nil {
		return err
	}
	changed, err := r.tx.DisableUser(user.ID, e.At)
	if err != nil || !changed {
		return err
	}
	r.out.Users = append(r.out.Users, user)
	return recordOnUser(r.tx, r.who, ActDisableUser, user, r.now)
}

// remove ends a membership, unless it was begun anew since.
func (r *reinstating) remove(e Ending) error {
	organization, user, _ := strings.Cut(e.ID, "/")
	m, err := r.tx.Membership(organization, user)
	if err != nil || m.CreatedAt.After(e.At) {
		return err
	}
	who, err := r.tx.User(user)
	if err != nil {
		return err
	}
	changed, err := r.tx.DeleteMembership(organization, user, e.At)
	if err != nil || !changed {
		return err
	}
	r.out.Members = append(r.out.Members, MemberUser{Membership: m, User: who})
	return r.record(ActRemoveMember, organization, "", who.ID, who.Email)
}

func (r *reinstating) record(act Act, organization, application, targetID, target string) error {
	e := actorEvent(r.who, act, r.now)
	e.OrganizationID, e.ApplicationID, e.TargetID, e.TargetName = organization, application, targetID, target
	return record(r.tx, e)
}

// close ends what cannot be told apart, and records the gap.
func (r *reinstating) close(g Gap) error {
	var errs [4]error
	r.out.Sessions, errs[0] = r.tx.EndAllSessions(r.now)
	r.out.Invites, errs[1] = r.tx.WithdrawAllInvites(r.now)
	if !g.Known {
		r.out.Unconfirmed, errs[2] = r.tx.MarkUnconfirmed(r.now)
		var ended int
		ended, errs[3] = r.tx.RevokeAllAccessTokens(r.now, r.who.Name, r.who.Reason)
		r.out.AccessTokens += ended
	}
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	e := actorEvent(r.who, g.Act, r.now)
	e.TargetName = g.Backup
	e.Detail = r.detail(g)
	r.out.Event = e
	if err := record(r.tx, e); err != nil {
		return err
	}
	orgs, err := r.tx.Organizations()
	if err != nil {
		return err
	}
	for _, org := range orgs { // so that their admins see it
		e.OrganizationID = org.ID
		if err := record(r.tx, e); err != nil {
			return err
		}
	}
	return nil
}

func (r *reinstating) detail(g Gap) map[string]string {
	detail := map[string]string{"from": r.out.From.String(), "to": "unknown: there was no anchor"}
	if g.Anchor.Seq > 0 {
		detail["to"] = g.Anchor.String()
	}
	for name, n := range map[string]int{
		"revoked again": len(r.out.Credentials), "shortened again": len(r.out.Shortened), "access tokens revoked": r.out.AccessTokens,
		"users disabled again": len(r.out.Users), "members removed again": len(r.out.Members), "unconfirmed": r.out.Unconfirmed,
	} {
		if n > 0 {
			detail[name] = strconv.Itoa(n)
		}
	}
	return detail
}
