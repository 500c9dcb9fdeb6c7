package access

import (
	"context"
	"time"
)

// Usage is how a credential was used: by the hour of the last 24, and by the day of
// the last 30 (days of UTC); the last of each is not over yet. Who called and what was
// refused is of those 30 days.
type Usage struct {
	Hours     []UseSpan // 24, the oldest first
	Days      []UseSpan // 30
	Addresses []UseCaller
	Agents    []UseCaller
	Refusals  []UseRefusal
}

// HourlyCalls is how often a credential was accepted since a minute: in all, and in each
// full hour from there on, without those that had no call.
type HourlyCalls struct {
	Total int64
	Hours []HourCalls // in their order
}

// HourCalls is how often a credential was accepted in an hour, which is told by its number
// since 1970.
type HourCalls struct{ Hour, Accepted int64 }

// HourOf returns the number of the hour in which a time is.
func HourOf(t time.Time) int64 { return t.Unix() / int64(time.Hour/time.Second) }

const (
	usageHours   = 24
	usageDays    = 30
	usageCallers = 10 // the most that are named
)

// usageOf returns how a credential was used until now.
func usageOf(tx ReadTx, id string, now time.Time) (u Usage, err error) {
	if u.Hours, err = spansOf(tx, id, false, now); err != nil {
		return u, err
	}
	if u.Days, err = spansOf(tx, id, true, now); err != nil {
		return u, err
	}
	f := CallerFilter{CredentialID: id, Daily: true, From: u.Days[0].Start, By: ByAddress, Limit: usageCallers}
	if u.Addresses, err = tx.UseCallers(f); err != nil {
		return u, err
	}
	f.By = ByAgent
	if u.Agents, err = tx.UseCallers(f); err != nil {
		return u, err
	}
	u.Refusals, err = tx.UseRefusals(id, f.From)
	return u, err
}

// spansOf returns the last hours or days without a gap: those without a call are in it.
func spansOf(tx ReadTx, id string, daily bool, now time.Time) ([]UseSpan, error) {
	length, n := time.Hour, usageHours
	if daily {
		length, n = day, usageDays
	}
	from := now.UTC().Truncate(length).Add(-length * time.Duration(n-1))
	known, err := tx.UseSpans(id, daily, from)
	if err != nil {
		return nil, err
	}
	out := make([]UseSpan, n)
	for i := range out {
		out[i].Start = from.Add(length * time.Duration(i))
	}
	for _, s := range known {
		// A span after now is another node's, whose clock is ahead.
		if i := int(s.Start.Sub(from) / length); i < n {
			out[i] = s
		}
	}
	return out, nil
}

// withAddresses adds from how many addresses credentials were used in the last 24
// hours, for those who are about to stop them.
func withAddresses(tx ReadTx, list []UsedCredential, now time.Time) error {
	ids := make([]string, len(list))
	for i, u := range list {
		ids[i] = u.Credential.ID
	}
	known, err := tx.UseAddresses(ids, now.Add(-day))
	for i := range list {
		list[i].Addresses = known[list[i].Credential.ID]
	}
	return err
}

// BasicPage is an application's basic credential with its use and its history.
type BasicPage struct {
	Standing Standing
	Basic    UsedCredential
	Usage    Usage
	Latest   []UseCaller // the addresses with the most calls in the last 24 hours
	Events   []Event     // latest first
	Now      time.Time
}

// Basic returns an application's basic credential, for admins whose elevation reaches it.
func (r *Registry) Basic(ctx context.Context, a Actor, organization, application string) (BasicPage, error) {
	var b BasicPage
	err := r.look(ctx, a, organization, application, need{role: Admin, elevated: true}, func(tx ReadTx, s Standing) error {
		b = BasicPage{Standing: s, Now: s.at}
		c, err := tx.BasicOf(s.Application.ID)
		if err != nil {
			return err
		}
		if b.Basic, err = oneWithUse(tx, c, s.at); err != nil {
			return err
		}
		if b.Usage, err = usageOf(tx, c.ID, s.at); err != nil {
			return err
		}
		hour := s.at.Add(-day).UTC().Truncate(time.Hour)
		if b.Latest, err = tx.UseCallers(CallerFilter{CredentialID: c.ID, From: hour, By: ByAddress, Limit: 5}); err != nil {
			return err
		}
		b.Events, err = tx.Events(EventFilter{OrganizationID: s.Organization.ID, TargetID: c.ID, Limit: 50})
		return err
	})
	return b, err
}

// oneWithUse adds to a credential what is known of its use, and from how many addresses.
func oneWithUse(tx ReadTx, c Credential, now time.Time) (UsedCredential, error) {
	used, err := withUse(tx, []Credential{c}, now)
	if err != nil {
		return UsedCredential{}, err
	}
	err = withAddresses(tx, used, now)
	return used[0], err
}
