package access

import (
	"context"
	"time"
)

// day is the span that "calls in 24 hours" looks back.
const day = 24 * time.Hour

// Overview is an organization with its applications and their use.
type Overview struct {
	Standing     Standing
	Applications []Application
	Uses         map[string]ApplicationUse // by application id
	Now          time.Time
}

// Overview returns what every member may see of an organization.
func (r *Registry) Overview(ctx context.Context, a Actor, organization string) (Overview, error) {
	var o Overview
	err := r.look(ctx, a, organization, "", need{role: Viewer}, func(tx ReadTx, s Standing) error {
		o.Standing, o.Now = s, s.at
		var err error
		if o.Applications, err = tx.Applications(s.Organization.ID); err != nil {
			return err
		}
		o.Uses, err = tx.ApplicationUses(s.Organization.ID, s.at.Add(-day), s.at)
		return err
	})
	return o, err
}

// Started is an application's "Getting started" page: how far one has come.
type Started struct {
	Standing   Standing
	APIs       []API
	Basic      Credential
	HasToken   bool
	First      LastUse // the latest accepted call with a credential; zero = none yet
	FirstLabel string  // of the credential that made it
	Now        time.Time
}

// GettingStarted returns what members may see of an application.
func (r *Registry) GettingStarted(ctx context.Context, a Actor, organization, application string) (Started, error) {
	var st Started
	err := r.look(ctx, a, organization, application, need{role: Member}, func(tx ReadTx, s Standing) error {
		st = Started{Standing: s, Now: s.at}
		var err error
		if st.APIs, err = tx.APIs(s.Application.ID); err != nil {
			return err
		}
		if st.Basic, err = tx.BasicOf(s.Application.ID); err != nil {
			return err
		}
		n, err := tx.CountCredentials(CredentialFilter{Whose: Whose{ApplicationID: s.Application.ID}, Kind: KindToken, Now: s.at}, 1)
		if err != nil {
			return err
		}
		st.HasToken = n > 0
		st.First, err = tx.LatestUse(s.Application.ID)
		if missing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		c, err := tx.Credential(st.First.CredentialID)
		st.FirstLabel = c.Label
		return err
	})
	return st, err
}

// APIOf returns an application's API for the form that edits it.
func (r *Registry) APIOf(ctx context.Context, a Actor, organization, application, slug string) (Standing, API, error) {
	var standing Standing
	var api API
	err := r.look(ctx, a, organization, application, need{role: Admin}, func(tx ReadTx, s Standing) error {
		standing = s
		var err error
		api, err = apiOf(tx, s, slug)
		return err
	})
	return standing, api, err
}

// Stand returns where an actor stands who needs a role, for forms.
func (r *Registry) Stand(ctx context.Context, a Actor, organization, application string, role Role) (Standing, error) {
	var standing Standing
	err := r.look(ctx, a, organization, application, need{role: role}, func(_ ReadTx, s Standing) error {
		standing = s
		return nil
	})
	return standing, err
}

// StandElevatedAdmin is Stand for admins who are elevated for the organization.
func (r *Registry) StandElevatedAdmin(ctx context.Context, a Actor, organization string) (Standing, error) {
	var standing Standing
	err := r.look(ctx, a, organization, "", need{role: Admin, elevated: true}, func(_ ReadTx, s Standing) error {
		standing = s
		return nil
	})
	return standing, err
}

// StandElevated is Stand for admins whose elevation reaches the application. It
// also returns the application's APIs.
func (r *Registry) StandElevated(ctx context.Context, a Actor, organization, application string) (Standing, []API, error) {
	var standing Standing
	var apis []API
	err := r.look(ctx, a, organization, application, holder(application), func(tx ReadTx, s Standing) error {
		standing = s
		if s.Application.ID == "" {
			return nil
		}
		var err error
		apis, err = tx.APIs(s.Application.ID)
		return err
	})
	return standing, apis, err
}

// UsedCredential is a credential with what is known of its use.
type UsedCredential struct {
	Credential Credential
	State      State
	LastUse    LastUse // zero = never
	Calls      int64   // accepted in the last 24 hours
	// Hours are the accepted calls of each of these hours, the oldest first, of which
	// the last is not over yet; only told in lists.
	Hours [usageHours]int64
	// Addresses is from how many these calls came; only told of single credentials, and
	// of those that are about to be stopped.
	Addresses Addresses
}

// maxCounted is how far a list's total is counted; beyond it, it is "1,000+".
const maxCounted = 1000

// ManageAPI is the Manage API page of an application.
type ManageAPI struct {
	Standing Standing
	APIs     []API
	Basic    UsedCredential
	Tokens   []UsedCredential // one page of those that are chosen
	More     bool             // there are older ones
	Newer    bool             // there are newer ones
	Total    int              // chosen ones, at most maxCounted+1
	Ended    []UsedCredential // the latest expired and revoked ones
	EndedAll int              // how many of those there are, at most maxCounted+1
	Now      time.Time
}

// TokensPage is how many tokens are on one page of the list.
const TokensPage = 50

const endedShown = 50

// ManageAPI returns the Manage API page, for admins whose elevation reaches it.
// Of the filter, State, Live, Ended, ExpiresBefore, Search, Scope and the cursors
// are the caller's.
func (r *Registry) ManageAPI(ctx context.Context, a Actor, organization, application string, f CredentialFilter) (ManageAPI, error) {
	var m ManageAPI
	err := r.look(ctx, a, organization, application, need{role: Admin, elevated: true}, func(tx ReadTx, s Standing) error {
		m = ManageAPI{Standing: s, Now: s.at}
		var err error
		if m.APIs, err = tx.APIs(s.Application.ID); err != nil {
			return err
		}
		basic, err := tx.BasicOf(s.Application.ID)
		if err != nil {
			return err
		}
		used, err := withUse(tx, []Credential{basic}, s.at)
		if err != nil {
			return err
		}
		m.Basic = used[0]
		f.Whose, f.Kind, f.Now = Whose{ApplicationID: s.Application.ID}, KindToken, s.at
		if err := m.page(tx, f); err != nil {
			return err
		}
		return m.ended(tx, s)
	})
	return m, err
}

// page fills in one page of tokens.
func (m *ManageAPI) page(tx ReadTx, f CredentialFilter) error {
	p, err := pageOf(tx, f)
	m.Tokens, m.More, m.Newer, m.Total = p.list, p.more, p.newer, p.total
	return err
}

// credentialPage is one page of a list of credentials.
type credentialPage struct {
	list        []UsedCredential
	more, newer bool // there are older ones, newer ones
	total       int  // that the filter chooses, at most maxCounted+1
}

// pageOf returns the page that a filter's cursors choose. It asks for one more than
// it returns, to learn whether there are more in the direction it reads.
func pageOf(tx ReadTx, f CredentialFilter) (p credentialPage, err error) {
	f.Limit = TokensPage + 1
	list, err := credentialsOf(tx, f)
	if err != nil {
		return p, err
	}
	extra := len(list) > TokensPage
	if f.Before != (Cursor{}) {
		p.newer, p.more = extra, true
		if extra {
			list = list[1:]
		}
	} else {
		p.more, p.newer = extra, f.After != (Cursor{})
		if extra {
			list = list[:TokensPage]
		}
	}
	if p.list, err = withHours(tx, list, f.Now); err != nil {
		return p, err
	}
	if !p.newer && !p.more { // all there are
		p.total = len(list)
		return p, nil
	}
	p.total, err = totalOf(tx, f)
	return p, err
}

// ended fills in the folded list of expired and revoked tokens.
func (m *ManageAPI) ended(tx ReadTx, s Standing) error {
	var err error
	app := s.Application.ID
	if m.EndedAll, err = tx.CountEnded(app, KindToken, s.at, maxCounted+1); err != nil || m.EndedAll == 0 {
		return err
	}
	list, err := tx.EndedCredentials(app, KindToken, s.at, endedShown)
	if err != nil {
		return err
	}
	m.Ended, err = withUse(tx, list, s.at)
	return err
}

// withUse adds to credentials what is known of their use.
func withUse(tx ReadTx, list []Credential, now time.Time) ([]UsedCredential, error) {
	out, called, err := withLastUse(tx, list, now)
	if err != nil {
		return nil, err
	}
	calls, err := tx.Calls(called, now.Add(-day))
	for i := range out {
		out[i].Calls = calls[out[i].Credential.ID]
	}
	return out, err
}

// withHours is withUse with the calls of each hour.
func withHours(tx ReadTx, list []Credential, now time.Time) ([]UsedCredential, error) {
	out, called, err := withLastUse(tx, list, now)
	if err != nil {
		return nil, err
	}
	calls, err := tx.HourlyCalls(called, now.Add(-day))
	first := HourOf(now) - (usageHours - 1)
	for i := range out {
		c := calls[out[i].Credential.ID]
		out[i].Calls = c.Total
		for _, h := range c.Hours {
			// An hour after now is another node's, whose clock is ahead.
			if n := h.Hour - first; 0 <= n && n < usageHours {
				out[i].Hours[n] = h.Accepted
			}
		}
	}
	return out, err
}

// withLastUse adds to credentials their last use, and returns the ids of those that were
// used within 24 hours: counting calls is the dearest question of a page, and most had none.
func withLastUse(tx ReadTx, list []Credential, now time.Time) (out []UsedCredential, called []string, err error) {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	last, err := tx.LastUses(ids)
	if err != nil {
		return nil, nil, err
	}
	out = make([]UsedCredential, len(list))
	since := now.Add(-day).Truncate(time.Minute)
	for i := range list {
		u, c := &out[i], &list[i]
		u.Credential, u.State, u.LastUse = *c, c.StateAt(now), last[c.ID]
		if !u.LastUse.At.Before(since) {
			called = append(called, c.ID)
		}
	}
	return out, called, nil
}

// TokenPage is one token with its use and its history.
type TokenPage struct {
	Standing Standing
	APIs     []API
	Token    UsedCredential
	Usage    Usage
	Old      UsedCredential // the one it replaces; zero = none
	New      UsedCredential // the one that replaces it; zero = none
	Access   []AccessToken  // of a client: live ones, the latest first
	Events   []Event        // latest first
	Now      time.Time
}

// Token returns one token of an application, for admins whose elevation reaches it.
func (r *Registry) Token(ctx context.Context, a Actor, organization, application, id string) (TokenPage, error) {
	var t TokenPage
	err := r.look(ctx, a, organization, application, holder(application), func(tx ReadTx, s Standing) error {
		t = TokenPage{Standing: s, Now: s.at}
		c, err := credentialOf(tx, s, id)
		if err != nil {
			return err
		}
		if t.Token, err = oneWithUse(tx, c, s.at); err != nil {
			return err
		}
		if t.Usage, err = usageOf(tx, c.ID, s.at); err != nil {
			return err
		}
		if t.APIs, err = tx.APIs(s.Application.ID); err != nil {
			return err
		}
		if err := t.neighbours(tx, c, s.at); err != nil {
			return err
		}
		t.Events, err = tx.Events(EventFilter{OrganizationID: s.Organization.ID, TargetID: c.ID, Limit: 50})
		return err
	})
	return t, err
}

// neighbours fills in what the credential replaces and is replaced by, and a
// client's access tokens.
func (t *TokenPage) neighbours(tx ReadTx, c Credential, now time.Time) error {
	if c.Kind == KindClient {
		var err error
		if t.Access, err = tx.AccessTokens(AccessTokenFilter{CredentialID: c.ID, Now: now, Limit: mostAccessTokens}); err != nil {
			return err
		}
	}
	var list []Credential
	if c.Replaces != "" {
		old, err := tx.Credential(c.Replaces)
		if err != nil {
			return err
		}
		list = append(list, old)
	}
	fresh, err := tx.CredentialReplacing(c.ID)
	if err == nil {
		list = append(list, fresh)
	} else if !missing(err) {
		return err
	}
	used, err := withUse(tx, list, now)
	for _, u := range used {
		if u.Credential.Replaces == c.ID {
			t.New = u
		} else {
			t.Old = u
		}
	}
	return err
}

// Tokens returns tokens of an application with their use, by their ids, for the
// page that confirms their revocation.
func (r *Registry) Tokens(ctx context.Context, a Actor, organization, application string, ids []string) (Standing, []UsedCredential, error) {
	var standing Standing
	var out []UsedCredential
	err := r.look(ctx, a, organization, application, holder(application), func(tx ReadTx, s Standing) error {
		standing = s
		list := make([]Credential, 0, len(ids))
		for _, id := range ids {
			c, err := credentialOf(tx, s, id)
			if err != nil {
				return err
			}
			list = append(list, c)
		}
		var err error
		if out, err = withUse(tx, list, s.at); err != nil {
			return err
		}
		return withAddresses(tx, out, s.at)
	})
	return standing, out, err
}

// Activity is one page of what was done in an organization.
type Activity struct {
	Standing     Standing
	Events       []Event // latest first
	More         bool    // there are older ones
	Newer        bool
	Applications []Application
	Members      []MemberUser
	Now          time.Time
}

const eventsPage = 50

// chooseEvents completes a filter with the organization and, by its slug, the application.
func chooseEvents(f *EventFilter, s Standing, apps []Application, application string, limit int) error {
	f.OrganizationID, f.ApplicationID, f.Limit = s.Organization.ID, "", limit
	for _, app := range apps {
		if app.Slug == application {
			f.ApplicationID = app.ID
		}
	}
	if application != "" && f.ApplicationID == "" {
		return noSuch("application", s.Organization.Slug+"/"+application)
	}
	return nil
}

// ExportActivity hands out all events that a filter chooses, for admins, latest first
// and in batches, with the names of applications by their ids. Each batch is a
// transaction of its own, in which the actor is judged anew. The first one may be empty.
func (r *Registry) ExportActivity(ctx context.Context, a Actor, organization, application string, f EventFilter, each func(Standing, map[string]string, []Event) error) error {
	f.AfterSeq, f.BeforeSeq = 0, 0
	for {
		var standing Standing
		var names map[string]string
		var events []Event
		err := r.look(ctx, a, organization, "", need{role: Admin}, func(tx ReadTx, s Standing) error {
			apps, err := tx.Applications(s.Organization.ID)
			if err != nil {
				return err
			}
			if err := chooseEvents(&f, s, apps, application, auditBatch); err != nil {
				return err
			}
			standing, names = s, make(map[string]string, len(apps))
			for _, app := range apps {
				names[app.ID] = app.Slug
			}
			events, err = tx.Events(f)
			return err
		})
		if err != nil {
			return err
		}
		if err := each(standing, names, events); err != nil || len(events) < auditBatch {
			return err
		}
		f.AfterSeq = events[len(events)-1].Seq
	}
}

// Activity returns one page of events, for admins. Of the filter all but
// OrganizationID, ApplicationID and Limit are the caller's.
func (r *Registry) Activity(ctx context.Context, a Actor, organization, application string, f EventFilter) (Activity, error) {
	var out Activity
	err := r.look(ctx, a, organization, "", need{role: Admin}, func(tx ReadTx, s Standing) error {
		out = Activity{Standing: s, Now: s.at}
		var err error
		if out.Applications, err = tx.Applications(s.Organization.ID); err != nil {
			return err
		}
		if err := chooseEvents(&f, s, out.Applications, application, eventsPage+1); err != nil {
			return err
		}
		if out.Members, err = tx.Members(s.Organization.ID); err != nil {
			return err
		}
		out.Events, err = tx.Events(f)
		return err
	})
	extra := len(out.Events) > eventsPage
	if f.BeforeSeq != 0 {
		out.Newer, out.More = extra, true
		if extra {
			out.Events = out.Events[1:]
		}
	} else {
		out.More, out.Newer = extra, f.AfterSeq != 0
		if extra {
			out.Events = out.Events[:eventsPage]
		}
	}
	return out, err
}
