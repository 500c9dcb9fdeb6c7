package access

import (
	"hash/maphash"
	"strings"
	"time"
)

// counts remembers how many credentials a list has in all: to count up to a thousand takes
// longer than to read the fifty of a page, and the number changes with acts, which begin an
// epoch, and when something expires, which is told up to a minute late.
type counts struct {
	seed  maphash.Seed
	known *memory[CredentialFilter, int]
}

const rememberedCounts = 1024

func newCounts() *counts {
	return &counts{maphash.MakeSeed(), newMemory[CredentialFilter, int](rememberedCounts)}
}

// longestCounted bounds what is remembered of a filter's texts, in bytes.
const longestCounted = 64

// since returns the counts as they are known under an epoch, which has to be asked for
// before anything is read.
func (c *counts) since(epoch uint64, sure bool) counting { return counting{c, epoch, sure} }

// counting is what one reader asks for totals.
type counting struct {
	*counts
	epoch uint64
	sure  bool
}

// total returns how many credentials a filter chooses, at most maxCounted+1.
func (c counting) total(tx ReadTx, f CredentialFilter) (int, error) {
	if !c.sure || len(f.Search)+len(f.UserID)+len(f.Scope.API) > longestCounted {
		return tx.CountCredentials(f, maxCounted+1)
	}
	key := f
	key.After, key.Before, key.Limit = Cursor{}, Cursor{}, 0
	key.Now, key.ExpiresBefore = f.Now.UTC().Truncate(time.Minute), f.ExpiresBefore.UTC().Truncate(time.Minute)
	// What is kept must not hold on to the request's line, of which these may be parts.
	key.Search, key.UserID = strings.Clone(f.Search), strings.Clone(f.UserID)
	key.Scope = Scope{strings.Clone(f.Scope.API), Action(strings.Clone(string(f.Scope.Action)))}
	hash := maphash.Comparable(c.seed, key)
	if n, ok := c.known.get(&key, hash, c.epoch); ok {
		return n, nil
	}
	n, err := tx.CountCredentials(f, maxCounted+1)
	if err == nil {
		c.known.put(key, hash, n, c.epoch)
	}
	return n, err
}
