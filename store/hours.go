package store

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"claviger/internal/access"
)

// knownHours are a credential's accepted calls from one hour on, without hours that had
// none, and how many came between a minute and the first of them. Hours are numbers since
// 1970, minutes as they are stored.
type knownHours struct {
	from   int64
	calls  []access.HourCalls
	minute int64
	before int64
}

// mostHours bounds what is remembered of a credential.
const mostHours = 48

// add counts calls in their hour.
func (k *knownHours) add(hour, accepted int64) {
	i, there := slices.BinarySearchFunc(k.calls, hour, func(c access.HourCalls, hour int64) int { return cmp.Compare(c.Hour, hour) })
	if !there {
		k.calls = slices.Insert(k.calls, i, access.HourCalls{Hour: hour})
	}
	k.calls[i].Accepted += accepted
}

// hoursOf returns a copy of what is known of a credential, if it is known from an hour on,
// without hours before that. A transaction of another generation is told nothing: it sees
// another state.
func (u *usage) hoursOf(generation uint64, id string, from int64) (k knownHours, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	k, ok = u.hours[id]
	if !ok || k.from > from || generation != u.generation {
		return knownHours{}, false
	}
	k.calls = slices.DeleteFunc(slices.Clone(k.calls), func(c access.HourCalls) bool { return c.Hour < from })
	k.from = from
	return k, true
}

// count adds calls that were committed to the hours that are remembered.
func (u *usage) count(use *access.Use) {
	k, ok := u.hours[use.CredentialID]
	if !ok || use.Accepted == 0 {
		return
	}
	if len(k.calls) > mostHours {
		delete(u.hours, use.CredentialID) // nobody has looked at it for a day
		return
	}
	if hour := access.HourOf(use.Minute); hour >= k.from {
		k.add(hour, use.Accepted)
	} else if micros(use.Minute) >= k.minute {
		k.before += use.Accepted
	}
	u.hours[use.CredentialID] = k
}

// HourlyCalls is Calls with the full hours told apart.
func (t *tx) HourlyCalls(credentialIDs []string, since time.Time) (map[string]access.HourlyCalls, error) {
	minutes := spansSince(since)[0]
	minute, from := micros(minutes.from), access.HourOf(minutes.end)
	read := make(map[string]*knownHours, len(credentialIDs))
	var unread, ofAnotherMinute []string
	for _, id := range credentialIDs {
		k, ok := knownHours{}, false
		if t.remembers {
			k, ok = t.usage.hoursOf(t.generation, id, from)
		}
		switch {
		case !ok:
			unread = append(unread, id)
		case k.minute != minute:
			ofAnotherMinute = append(ofAnotherMinute, id)
		}
		if k.minute != minute {
			k.from, k.minute, k.before = from, minute, 0
		}
		read[id] = &k
	}
	if err := t.readHours(read, unread, minutes, true); err != nil {
		return nil, err
	}
	if err := t.readHours(read, ofAnotherMinute, minutes, false); err != nil {
		return nil, err
	}
	out := make(map[string]access.HourlyCalls, len(read))
	for id, k := range read {
		if calls := k.result(); calls.Total > 0 {
			out[id] = calls
		}
	}
	if t.remembers {
		for _, id := range slices.Concat(unread, ofAnotherMinute) {
			k := *read[id]
			k.calls = slices.Clone(k.calls)
			learn(t.usage, t.generation, &t.usage.hours, id, k)
		}
	}
	return out, nil
}

// result is all of it.
func (k *knownHours) result() access.HourlyCalls {
	out := access.HourlyCalls{Total: k.before, Hours: k.calls}
	for _, c := range k.calls {
		out.Total += c.Accepted
	}
	return out
}

// readHours reads what came in the minutes before the first full hour, and also the hours
// if they are wanted.
func (t *tx) readHours(into map[string]*knownHours, credentialIDs []string, minutes span, alsoHours bool) error {
	var id, hours string
	var accepted int64
	for ids := range slices.Chunk(credentialIDs, lookup) {
		text, args := selectHourlyCalls(ids, minutes, alsoHours)
		var damaged error
		err := t.each([]any{&id, &accepted, &hours}, func() bool {
			if k := into[id]; hours == "" {
				k.before = accepted
			} else {
				damaged = k.read(hours)
			}
			return damaged == nil
		}, text, args...)
		if err = cmp.Or(err, damaged); err != nil {
			return err
		}
	}
	return nil
}

// selectHourlyCalls asks for one row of each credential with its hours as a text, "493012:5
// 493013:7": a row of each hour would cost several times as much. What came in the minutes
// is a row of its own.
func selectHourlyCalls(ids []string, minutes span, alsoHours bool) (string, []any) {
	w := &conditions{}
	places := w.places(ids)
	calls := ` FROM uses u WHERE u.accepted > 0 AND u.credential_id IN ` + places + ` AND `
	text := `SELECT u.credential_id, CAST(SUM(u.accepted) AS BIGINT), ''` + calls + minutes.within(w, "u") + ` GROUP BY u.credential_id`
	if alsoHours {
		hours := span{resolution: byHour, from: minutes.end}
		text += ` UNION ALL SELECT u.credential_id, 0, STRING_AGG(CAST(u.start / 3600000000 AS TEXT) || ':' || CAST(u.accepted AS TEXT), ' ')` +
			calls + hours.within(w, "u") + ` GROUP BY u.credential_id`
	}
	return text, w.args
}

// read reads what selectHourlyCalls makes of hours, which may be in any order. An hour
// stands there more than once if calls went to several applications.
func (k *knownHours) read(text string) error {
	for word := range strings.FieldsSeq(text) {
		number, calls, _ := strings.Cut(word, ":")
		hour, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(calls, 10, 64)
		if err != nil {
			return err
		}
		k.add(hour, n)
	}
	return nil
}
