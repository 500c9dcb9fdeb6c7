package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"claviger/internal/access"
)

const (
	eventColumns = `e.seq, e.id, e.at, e.organization_id, e.application_id, e.act, e.actor_id, e.actor_name, e.target_id,
		e.target_name, e.elevation_id, e.reason, e.address, e.agent, e.count, e.detail, e.prev_hash, e.hash`

	insertEvent = `INSERT INTO events (seq, id, at, organization_id, application_id, act, actor_id, actor_name, target_id,
			target_name, elevation_id, reason, address, agent, count, detail, prev_hash, hash, encoding)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`

	selectHead = `SELECT e.seq, e.hash, e.at FROM events e ORDER BY e.seq DESC LIMIT 1`
)

func eventInto(e *access.Event) []any {
	return []any{
		&e.Seq, &e.ID,
		toTime{&e.At},
		&e.OrganizationID, &e.ApplicationID, &e.Act, &e.ActorID, &e.ActorName, &e.TargetID,
		&e.TargetName, &e.ElevationID, &e.Reason, &e.Address, &e.Agent, &e.Count,
		toDetail{&e.Detail},
		&e.PrevHash, &e.Hash,
	}
}

func tallyInto(y *access.Tally) []any {
	return []any{toTime{&y.Minute}, &y.Act, &y.Subject, &y.ActorID, &y.Address, &y.Agent, &y.Count}
}

// EventHead returns the end of the chain, zero if there is no event yet.
func (t *tx) EventHead() (h access.EventHead, err error) {
	err = t.one([]any{&h.Seq, &h.Hash, toTime{&h.At}}, selectHead)
	if errors.Is(err, access.ErrNoRow) {
		return access.EventHead{}, nil
	}
	return h, err
}

// NewestEventAt returns the time of the event that was added last, zero if there
// is none.
func (t *tx) NewestEventAt() (at time.Time, err error) {
	err = t.one([]any{toTime{&at}}, `SELECT e.at FROM events e ORDER BY e.seq DESC LIMIT 1`)
	if errors.Is(err, access.ErrNoRow) {
		return time.Time{}, nil
	}
	return at, err
}

// Events returns the events that a filter chooses, newest first. With a
// BeforeSeq they are the ones nearest to it.
func (t *tx) Events(f access.EventFilter) ([]access.Event, error) {
	text, args := selectEvents(f)
	out, err := list(t, eventInto, text, args...)
	if f.BeforeSeq != 0 {
		slices.Reverse(out)
	}
	return out, err
}

// selectEvents makes the question of a filter. An organization's own events and
// those of its members for the whole installation are two walks along an index,
// merged by number, so that a page costs the same however many events there are.
func selectEvents(f access.EventFilter) (string, []any) {
	w := eventConditions(f)
	from := `SELECT ` + eventColumns + ` FROM events e`
	var text string
	if f.OrganizationID == "" {
		text = from + w.where()
	} else {
		organization := w.arg(f.OrganizationID)
		text = from + w.where(`e.organization_id = `+organization)
		if f.ApplicationID == "" && !f.Operators {
			text += ` UNION ALL ` + from + w.where(`e.organization_id = ''`,
				`e.actor_id IN (SELECT m.user_id FROM memberships m WHERE m.organization_id = `+organization+`)`)
		}
	}
	order := ` ORDER BY 1 DESC`
	if f.BeforeSeq != 0 {
		order = ` ORDER BY 1`
	}
	text += order + atMost(f.Limit)
	return text, w.args
}

// eventConditions are those of a filter but for its organization.
func eventConditions(f access.EventFilter) *conditions {
	w := &conditions{}
	if f.ApplicationID != "" {
		w.add(`e.application_id = ? AND e.application_id <> ''`, f.ApplicationID)
	}
	if f.ActorID != "" {
		w.add(`e.actor_id = ? AND e.actor_id <> ''`, f.ActorID)
	}
	if f.Operators {
		w.add(`e.actor_id = ''`)
	}
	if f.Act != "" {
		w.add(`e.act = ?`, string(f.Act))
	}
	if f.TargetID != "" {
		w.add(`e.target_id = ? AND e.target_id <> ''`, f.TargetID)
	}
	if !f.From.IsZero() {
		w.add(`e.at >= ?`, micros(f.From))
	}
	if !f.To.IsZero() {
		w.add(`e.at < ?`, micros(f.To))
	}
	if f.AfterSeq != 0 {
		w.add(`e.seq < ?`, f.AfterSeq)
	}
	if f.BeforeSeq != 0 {
		w.add(`e.seq > ?`, f.BeforeSeq)
	}
	return w
}

// InsertEvent adds an event. One whose number is there already is a Conflict.
func (t *tx) InsertEvent(e access.Event) error {
	detail, err := detailText(e.Detail)
	if err != nil {
		return fmt.Errorf("encode detail of event: %w", err)
	}
	t.commit.Head = access.EventHead{Seq: e.Seq, Hash: e.Hash, At: e.At}
	return t.do(insertEvent,
		e.Seq, e.ID, micros(e.At), e.OrganizationID, e.ApplicationID, string(e.Act), e.ActorID, e.ActorName, e.TargetID,
		e.TargetName, e.ElevationID, e.Reason, e.Address, e.Agent, e.Count, detail, blob(e.PrevHash), blob(e.Hash), access.EventEncoding)
}

// AddTally adds a count to what there is of its minute, act and subject, and
// remembers who came last.
func (t *tx) AddTally(y access.Tally) error {
	return t.do(`INSERT INTO tallies (minute, act, subject, actor_id, address, agent, count) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (minute, act, subject) DO UPDATE SET count = tallies.count + excluded.count,
			actor_id = excluded.actor_id, address = excluded.address, agent = excluded.agent`,
		micros(y.Minute), string(y.Act), y.Subject, y.ActorID, y.Address, y.Agent, y.Count)
}

// TakeTallies removes and returns the tallies of minutes that began before a
// time, oldest first.
func (t *tx) TakeTallies(before time.Time) ([]access.Tally, error) {
	out, err := list(t, tallyInto, `DELETE FROM tallies WHERE minute < $1
		RETURNING minute, act, subject, actor_id, address, agent, count`, micros(before))
	slices.SortFunc(out, func(a, b access.Tally) int {
		if n := a.Minute.Compare(b.Minute); n != 0 {
			return n
		}
		if n := strings.Compare(string(a.Act), string(b.Act)); n != 0 {
			return n
		}
		return strings.Compare(a.Subject, b.Subject)
	})
	return out, err
}
