package store

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"claviger/internal/access"
)

// hours remembers of credentials in how many calls they were accepted in each hour of the
// last day: a list of 50 tokens that are in use all day is made of 1,200 rows, which took
// most of the time of its page. What is written is added to what is remembered. It is used
// only where nobody else writes.
type hours struct {
	mu         sync.Mutex
	generation uint64 // changes with each beginning and end of a transaction that writes uses
	writing    int    // how many of those are under way
	known      map[string]knownHours
}

// knownHours are a credential's accepted calls from one hour on, without hours that had
// none, and how many came between a minute and the first of them. Hours are numbers since
// 1970, minutes as they are stored.
type knownHours struct {
	from   int64
	calls  []hourCalls
	minute int64
	before int64
}

type hourCalls struct{ hour, accepted int64 }

// noGeneration is none that there ever is.
const noGeneration = math.MaxUint64

// The bounds of what is remembered: some 4 MiB in all.
const (
	mostKnownHours = 4096 // credentials
	mostHours      = 48   // of each
)

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

// add counts calls in their hour.
func (k *knownHours) add(hour, accepted int64) {
	i, there := slices.BinarySearchFunc(k.calls, hour, func(c hourCalls, hour int64) int { return cmp.Compare(c.hour, hour) })
	if !there {
		k.calls = slices.Insert(k.calls, i, hourCalls{hour: hour})
	}
	k.calls[i].accepted += accepted
}

// begun returns the generation under which a transaction begins: none where something is
// just being added, which it may see or not.
func (h *hours) begun() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.writing > 0 {
		return noGeneration
	}
	return h.generation
}

// of returns a copy of what is known of a credential, if it is known from an hour on,
// without hours before that. A transaction of another generation is told nothing: it sees
// another state.
func (h *hours) of(generation uint64, id string, from int64) (k knownHours, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, ok = h.known[id]
	if !ok || k.from > from || generation != h.generation {
		return knownHours{}, false
	}
	k.calls = slices.DeleteFunc(slices.Clone(k.calls), func(c hourCalls) bool { return c.hour < from })
	k.from = from
	return k, true
}

// learn remembers what a transaction of a generation has read. Under another one something
// may have been written that it did not see, or that will be added once more.
func (h *hours) learn(generation uint64, id string, k knownHours) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if generation != h.generation {
		return
	}
	if h.known == nil || len(h.known) >= mostKnownHours {
		h.known = map[string]knownHours{}
	}
	h.known[id] = k
}

// writes is told before a transaction writes uses, and how it ends by wrote.
func (h *hours) writes() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.generation++
	h.writing++
}

// How a transaction ended.
type outcome int

const (
	rolledBack outcome = iota
	committed
	unknown // the commit failed: who knows what became of it
)

// wrote adds the uses of a transaction to what is remembered, if it has committed.
func (h *hours) wrote(used [][]access.Use, end outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.generation++
	h.writing--
	switch {
	case end == unknown:
		h.known = nil
	case end == committed && len(h.known) > 0:
		for _, list := range used {
			for i := range list {
				h.count(&list[i])
			}
		}
	}
}

func (h *hours) count(u *access.Use) {
	k, ok := h.known[u.CredentialID]
	if !ok || u.Accepted == 0 {
		return
	}
	if len(k.calls) > mostHours {
		delete(h.known, u.CredentialID) // nobody has looked at it for a day
		return
	}
	if hour := hourOf(u.Minute); hour >= k.from {
		k.add(hour, u.Accepted)
	} else if micros(u.Minute) >= k.minute {
		k.before += u.Accepted
	}
	h.known[u.CredentialID] = k
}

// HourlyCalls is Calls with the full hours told apart.
func (t *tx) HourlyCalls(credentialIDs []string, since time.Time) (map[string]access.HourlyCalls, error) {
	minutes := spansSince(since)[0]
	minute, from := micros(minutes.from), hourOf(minutes.end)
	read := make(map[string]*knownHours, len(credentialIDs))
	var unread, ofAnotherMinute []string
	for _, id := range credentialIDs {
		k, ok := knownHours{}, false
		if t.remembers {
			k, ok = t.hours.of(t.generation, id, from)
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
		if t.remembers {
			t.hours.learn(t.generation, id, *k)
		}
	}
	return out, nil
}

// result is all of it, in order.
func (k *knownHours) result() access.HourlyCalls {
	out := access.HourlyCalls{Total: k.before, Hours: slices.Grow([]access.UseSpan(nil), len(k.calls))}
	for _, c := range k.calls {
		out.Total += c.accepted
		out.Hours = append(out.Hours, access.UseSpan{Start: time.Unix(c.hour*3600, 0).UTC(), Accepted: c.accepted})
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
