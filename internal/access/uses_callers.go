package access

import (
	"strings"
	"time"
)

// The bounds of what is kept of callers. Whoever holds a credential, or knows the
// username of one that is disabled, can come from many addresses and under any name:
// what comes beyond a bound is counted under OtherCallers.
const (
	mostCallers       = 32     // of one credential, between two writes
	maxPendingCallers = 50_000 // of all that is pending
)

// OtherCallers is the address under which those callers are counted together that
// were too many to be kept each.
const OtherCallers = "other"

// callerKey is what callers are told apart by. It holds addresses, not their text,
// so that a caller is found without making any.
type callerKey struct {
	caller Caller
	agent  string
}

type pendingCaller struct {
	callerKey
	accepted, refused int64
	at                time.Time // of the latest call
}

// pendingUse is a Use that is not written yet: Address, Agent, Callers and Refusals
// are filled in then.
type pendingUse struct {
	Use
	from     callerKey // of the latest accepted call
	callers  []pendingCaller
	others   pendingCaller
	refusals [len(reasonNames)]int64
}

// keptAgent returns a user agent as it is kept: at most 200 characters.
func keptAgent(agent string) string {
	if len(agent) <= maxAgent {
		return agent
	}
	return clip(agent, maxAgent)
}

const maxAgent = 200

// caller returns where a use counts a caller: the few there are are looked through.
func (u *UseLog) caller(part *usePart, use *pendingUse, key callerKey) *pendingCaller {
	for i := range use.callers {
		if use.callers[i].callerKey == key {
			return &use.callers[i]
		}
	}
	if len(use.callers) >= mostCallers || u.callers >= maxPendingCallers {
		return &use.others
	}
	key.agent = strings.Clone(key.agent) // which may hold on to the request
	use.callers = append(use.callers, pendingCaller{callerKey: key})
	part.callers++
	u.callers++
	return &use.callers[len(use.callers)-1]
}

// merge adds a use that could not be written to what came meanwhile.
func (u *UseLog) merge(part *usePart, now, old *pendingUse) {
	if now.At.IsZero() {
		now.At, now.from, now.API, now.Method = old.At, old.from, old.API, old.Method
	}
	now.Accepted += old.Accepted
	now.Refused += old.Refused
	now.ByQuery += old.ByQuery
	now.ByPassword += old.ByPassword
	for i, n := range old.refusals {
		now.refusals[i] += n
	}
	for _, c := range old.callers {
		u.caller(part, now, c.callerKey).add(c)
	}
	now.others.add(old.others)
}

func (c *pendingCaller) add(other pendingCaller) {
	c.accepted += other.accepted
	c.refused += other.refused
	if other.at.After(c.at) {
		c.at = other.at
	}
}

// written returns the use as the store takes it.
func (p *pendingUse) written() Use {
	use := p.Use
	if !use.At.IsZero() {
		use.Address, use.Agent = p.from.caller.String(), p.from.agent
	}
	for _, c := range p.callers {
		use.Callers = append(use.Callers, UseCaller{c.caller.String(), c.agent, c.accepted, c.refused, c.at})
	}
	if o := p.others; !o.at.IsZero() {
		use.Callers = append(use.Callers, UseCaller{OtherCallers, "", o.accepted, o.refused, o.at})
	}
	for reason, n := range p.refusals {
		if n > 0 {
			use.Refusals = append(use.Refusals, UseRefusal{Reason: Reason(reason).String(), Count: n})
		}
	}
	return use
}
