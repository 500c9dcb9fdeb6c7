package access

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"
)

// Checkpoint stands for events that were moved out of the database: the chain goes
// on from its hash.
type Checkpoint struct {
	Head      EventHead // the last event that was moved out
	Count     int64     // of the events that were moved out with it
	PrunedAt  time.Time
	Signature string // of a server key, over the head
}

// ChainBreak is a place at which a chain of events does not hold.
type ChainBreak struct {
	Seq  int64  `json:"seq"`
	What string `json:"what"` // for people: what is wrong there, and what that means
}

// maxBreaks bounds how many breaks are told one by one.
const maxBreaks = 20

// Chain follows events, the oldest first, and finds where they do not hold together:
// what was changed, deleted, inserted or swapped.
type Chain struct {
	First  EventHead // the first event that was followed
	Head   EventHead // the last one
	Count  int64
	Breaks []ChainBreak // the first 20
	Broken int          // how many there are

	next int64  // the number that is due; 0 = any
	prev []byte // the hash that has to come before
}

// NewChain returns a Chain that begins behind an event, or, with zero, at the very
// first one.
func NewChain(behind EventHead) *Chain {
	c := &Chain{next: behind.Seq + 1, prev: behind.Hash}
	if behind.Seq == 0 {
		c.prev = make([]byte, sha256.Size)
	}
	return c
}

// PartOfChain returns a Chain that begins wherever its first event does.
func PartOfChain() *Chain { return &Chain{} }

// Follow goes on to the next event.
func (c *Chain) Follow(e Event) {
	if c.Count == 0 {
		c.First = EventHead{Seq: e.Seq, Hash: e.Hash, At: e.At}
	}
	if c.next == 0 {
		c.next, c.prev = e.Seq, e.PrevHash
	}
	switch {
	case e.Seq > c.next+1:
		c.Break(c.next, fmt.Sprintf("events %d to %d are missing: they were deleted", c.next, e.Seq-1))
	case e.Seq == c.next+1:
		c.Break(c.next, fmt.Sprintf("event %d is missing: it was deleted", c.next))
	case e.Seq < c.next:
		c.Break(e.Seq, fmt.Sprintf("event %d stands where event %d is due: it was inserted", e.Seq, c.next))
	case !bytes.Equal(e.PrevHash, c.prev):
		c.Break(e.Seq, fmt.Sprintf("event %d does not follow from the one before it: one of them was changed, inserted or swapped", e.Seq))
	}
	if !bytes.Equal(e.Hash, e.ChainHash()) {
		c.Break(e.Seq, fmt.Sprintf("event %d does not match its hash: it was changed", e.Seq))
	}
	c.Head = EventHead{Seq: e.Seq, Hash: e.Hash, At: e.At}
	c.Count++
	c.next, c.prev = e.Seq+1, e.Hash
}

// Break notes a place at which the chain does not hold.
func (c *Chain) Break(seq int64, what string) {
	c.Broken++
	if len(c.Breaks) < maxBreaks {
		c.Breaks = append(c.Breaks, ChainBreak{Seq: seq, What: what})
	}
}
