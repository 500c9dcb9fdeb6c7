package store

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"claviger/internal/access"
)

// hours remembers of credentials in how many calls they were accepted in hours that are
// over. A list of 50 tokens that are in use all day is made of 1,200 rows, most of the time
// that its page takes, and of all those only the last hour's change from one look to the
// next. It is asked only where nobody else writes; whatever is written of an hour that it
// has is forgotten.
type hours struct {
	mu         sync.Mutex
	generation uint64 // of what is remembered: transactions that began under another one add nothing
	upTo       int64  // no hour from here on is remembered of any credential
	known      map[string]knownHours
}

// knownHours are a credential's accepted calls from one hour on up to another one, without
// hours that had none, and how many came between a minute and the first of them. Hours are
// numbers since 1970, minutes as they are stored.
type knownHours struct {
	from, upTo int64
	calls      []hourCalls
	minute     int64
	before     int64
}

type hourCalls struct{ hour, accepted int64 }

// mostKnownHours bounds the memory of them: some 2 MiB.
const mostKnownHours = 4096

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

// begun returns the generation under which a transaction begins.
func (h *hours) begun() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.generation
}

// of returns what is known of a credential, if it is known from an hour on. What it returns
// is shared. A nil memory knows nothing and learns nothing.
func (h *hours) of(id string, from int64) (k knownHours, ok bool) {
	if h == nil {
		return k, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if k, ok = h.known[id]; k.from > from {
		return knownHours{}, false
	}
	return k, ok
}

// learn remembers what a transaction of a generation has read.
func (h *hours) learn(generation uint64, id string, k knownHours) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if generation != h.generation {
		return // an hour that it has read may have changed since
	}
	if h.known == nil || len(h.known) >= mostKnownHours {
		h.known = map[string]knownHours{}
	}
	h.known[id], h.upTo = k, max(h.upTo, k.upTo)
}

// forget forgets those whose remembered hours a transaction has written to, which has
// ended. Nearly always it was the current hour, which is never remembered.
func (h *hours) forget(used [][]access.Use) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, list := range used {
		for i := range list {
			h.writtenTo(list[i].CredentialID, hourOf(list[i].Minute))
		}
	}
}

func (h *hours) writtenTo(id string, hour int64) {
	if hour >= h.upTo {
		return
	}
	h.generation++
	if hour < h.known[id].upTo {
		delete(h.known, id)
	}
}

// HourlyCalls is Calls for a day, with the full hours told apart: since is 24 hours ago,
// and the hour that was 24 hours later is not over yet.
func (t *tx) HourlyCalls(credentialIDs []string, since time.Time) (map[string]access.HourlyCalls, error) {
	minutes := spansSince(since)[0]
	minute, from, current := micros(minutes.from), hourOf(minutes.end), hourOf(since.Add(byDay))
	read := make(map[string]*readHours, len(credentialIDs))
	var met, others []string
	next, sameMinute := current, true
	for _, id := range credentialIDs {
		k, ok := t.hours.of(id, from)
		if ok {
			met, next = append(met, id), min(next, k.upTo)
			sameMinute = sameMinute && k.minute == minute
		} else {
			others = append(others, id)
		}
		read[id] = newReadHours(k, from, minute)
	}
	unread := minutes
	if sameMinute {
		unread = span{}
	}
	if err := t.readHours(read, met, unread, next); err != nil {
		return nil, err
	}
	if err := t.readHours(read, others, minutes, from); err != nil {
		return nil, err
	}
	out := make(map[string]access.HourlyCalls, len(read))
	for id, r := range read {
		if calls := r.result(); calls.Total > 0 {
			out[id] = calls
		}
		t.hours.learn(t.generation, id, r.over(from, current, minute))
	}
	return out, nil
}

// readHours are the calls of one credential while they are read.
type readHours struct {
	before  int64 // calls before the first full hour
	knownTo int64 // hours before this one are in calls already
	calls   []hourCalls
}

func newReadHours(k knownHours, from, minute int64) *readHours {
	r := &readHours{knownTo: max(k.upTo, from), calls: make([]hourCalls, 0, 25)}
	for _, c := range k.calls {
		if c.hour >= from {
			r.calls = append(r.calls, c)
		}
	}
	if k.minute == minute {
		r.before = k.before
	}
	return r
}

// result is all of it, in order.
func (r *readHours) result() access.HourlyCalls {
	out := access.HourlyCalls{Total: r.before, Hours: slices.Grow([]access.UseSpan(nil), len(r.calls))}
	for _, c := range r.calls {
		out.Total += c.accepted
		out.Hours = append(out.Hours, access.UseSpan{Start: time.Unix(c.hour*3600, 0).UTC(), Accepted: c.accepted})
	}
	return out
}

// over is what can be remembered of it.
func (r *readHours) over(from, current, minute int64) knownHours {
	n, _ := slices.BinarySearchFunc(r.calls, current, func(c hourCalls, hour int64) int { return cmp.Compare(c.hour, hour) })
	return knownHours{from, current, r.calls[:n:n], minute, r.before}
}

// readHours reads the hours of credentials from one on, and what came in the minutes before
// the first full one, if any are to be read.
func (t *tx) readHours(into map[string]*readHours, credentialIDs []string, minutes span, from int64) error {
	var id, hours string
	var accepted int64
	for ids := range slices.Chunk(credentialIDs, lookup) {
		text, args := selectHourlyCalls(ids, minutes, from)
		var damaged error
		err := t.each([]any{&id, &accepted, &hours}, func() bool {
			if r := into[id]; hours == "" {
				r.before = accepted
			} else {
				damaged = r.add(hours)
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
func selectHourlyCalls(ids []string, minutes span, from int64) (string, []any) {
	w := &conditions{}
	places := w.places(ids)
	hours := span{resolution: byHour, from: time.Unix(from*3600, 0)}
	calls := ` FROM uses u WHERE u.accepted > 0 AND u.credential_id IN ` + places + ` AND `
	text := `SELECT u.credential_id, 0, STRING_AGG(CAST(u.start / 3600000000 AS TEXT) || ':' || CAST(u.accepted AS TEXT), ' ')` +
		calls + hours.within(w, "u") + ` GROUP BY u.credential_id`
	if minutes != (span{}) {
		text += ` UNION ALL SELECT u.credential_id, CAST(SUM(u.accepted) AS BIGINT), ''` + calls + minutes.within(w, "u") + ` GROUP BY u.credential_id`
	}
	return text, w.args
}

// add reads what selectHourlyCalls makes of hours, and puts them in order. An hour stands
// there more than once if calls went to several applications.
func (r *readHours) add(text string) error {
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
		if hour < r.knownTo {
			continue
		}
		i, there := slices.BinarySearchFunc(r.calls, hour, func(c hourCalls, hour int64) int { return cmp.Compare(c.hour, hour) })
		if !there {
			r.calls = slices.Insert(r.calls, i, hourCalls{hour: hour})
		}
		r.calls[i].accepted += n
	}
	return nil
}
