package store

import (
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"claviger/internal/access"
)

// usage remembers what lists tell of the use of their credentials: in how many calls they
// were accepted in each hour of the last day, and their last use. A list of 50 tokens that
// are in use all day is made of 1,250 rows, which took most of the time of its page. What
// is written is added to what is remembered. It is used only where nobody else writes.
type usage struct {
	mu         sync.Mutex
	generation uint64 // changes with each beginning and end of a transaction that writes uses
	writing    int    // how many of those are under way
	hours      map[string]knownHours
	last       map[string]access.LastUse // zero: never used
}

// noGeneration is none that there ever is.
const noGeneration = math.MaxUint64

// mostKnown bounds of how many credentials anything is remembered: some 6 MiB in all.
const mostKnown = 4096

// mostLearned is of how many credentials at once anything is remembered. Whoever asks for
// more is no page, and would only make others' be forgotten.
const mostLearned = 256

// begun returns the generation under which a transaction begins: none where something is
// just being added, which it may see or not.
func (u *usage) begun() uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.writing > 0 {
		return noGeneration
	}
	return u.generation
}

// learn remembers what a transaction of a generation has read. Under another one something
// may have been written that it did not see, or that will be added once more.
func learn[T any](u *usage, generation uint64, known *map[string]T, id string, read T) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if generation != u.generation {
		return
	}
	if _, there := (*known)[id]; *known == nil || !there && len(*known) >= mostKnown {
		*known = map[string]T{}
	}
	(*known)[id] = read
}

// writes is told before a transaction writes uses, and how it ends by wrote.
func (u *usage) writes() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.generation++
	u.writing++
}

// How a transaction ended.
type outcome int

const (
	rolledBack outcome = iota
	committed
	unknown // the commit failed: who knows what became of it
)

// wrote adds the uses of a transaction to what is remembered, if it has committed.
func (u *usage) wrote(used [][]access.Use, end outcome) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.generation++
	u.writing--
	switch end {
	case unknown:
		u.hours, u.last = nil, nil
	case committed:
		if len(u.hours)+len(u.last) == 0 {
			return
		}
		for _, list := range used {
			for i := range list {
				u.count(&list[i])
				u.seen(&list[i])
			}
		}
	}
}

// seen notes a use that was committed, if it is the last one as setLastUses has it.
func (u *usage) seen(use *access.Use) {
	known, ok := u.last[use.CredentialID]
	if !ok || use.At.IsZero() || micros(use.At) < micros(known.At) {
		return
	}
	// Parts of a request's head must not keep all of it.
	u.last[use.CredentialID] = access.LastUse{
		CredentialID: strings.Clone(use.CredentialID), At: time.UnixMicro(micros(use.At)).UTC(),
		Address: strings.Clone(use.Address), Agent: strings.Clone(use.Agent), API: strings.Clone(use.API), Method: strings.Clone(use.Method),
	}
}

// lastOf returns what is known of the last use of a credential, as hoursOf does.
func (u *usage) lastOf(generation uint64, id string) (l access.LastUse, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if generation != u.generation {
		return l, false
	}
	l, ok = u.last[id]
	return l, ok
}

// LastUses returns the latest accepted calls of credentials, by their ids; those
// that were never used are not in it.
func (t *tx) LastUses(credentialIDs []string) (map[string]access.LastUse, error) {
	out := make(map[string]access.LastUse, len(credentialIDs))
	var unread []string
	for _, id := range credentialIDs {
		l, known := access.LastUse{}, false
		if t.remembers {
			l, known = t.usage.lastOf(t.generation, id)
		}
		switch {
		case !known:
			unread = append(unread, id)
		case !l.At.IsZero():
			out[id] = l
		}
	}
	for ids := range slices.Chunk(unread, lookup) {
		w := &conditions{}
		found, err := list(t, lastUseInto, `SELECT `+lastUseColumns+` FROM last_uses l WHERE l.credential_id IN `+w.places(ids), w.args...)
		if err != nil {
			return nil, err
		}
		for _, l := range found {
			out[l.CredentialID] = l
		}
	}
	if t.remembers && len(unread) <= mostLearned {
		for _, id := range unread {
			learn(t.usage, t.generation, &t.usage.last, id, out[id])
		}
	}
	return out, nil
}
