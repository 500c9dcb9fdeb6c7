package access

import (
	"hash/maphash"
	"strings"
	"time"
)

// lists remembers pages of lists of credentials, and how many there are in all: to count
// up to a thousand takes longer than to read the fifty of a page, and both change with acts,
// which begin an epoch, and when something expires.
type lists struct {
	seed   maphash.Seed
	totals *memory[CredentialFilter, int]
	pages  *memory[CredentialFilter, knownPage]
}

const (
	rememberedTotals = 1024
	rememberedPages  = 128 // some 40 KiB each
)

func newLists() *lists {
	return &lists{maphash.MakeSeed(), newMemory[CredentialFilter, int](rememberedTotals), newMemory[CredentialFilter, knownPage](rememberedPages)}
}

// longestRemembered bounds what is remembered of a filter's texts, in bytes.
const longestRemembered = 64

// since returns the lists as they are known under an epoch, which has to be asked for
// before anything is read.
func (l *lists) since(epoch uint64, sure bool) listing { return listing{l, epoch, sure} }

// listing is what one reader asks for lists.
type listing struct {
	*lists
	epoch uint64
	sure  bool
}

// remembers reports whether what a filter chooses is remembered.
func (l listing) remembers(f CredentialFilter) bool {
	return l.sure && len(f.Search)+len(f.UserID)+len(f.Scope.API)+len(f.After.ID)+len(f.Before.ID) <= longestRemembered
}

// kept is a filter to be kept, without the time: it must not hold on to the request's
// line, of which its texts may be parts.
func (l listing) kept(f CredentialFilter) (CredentialFilter, uint64) {
	f.Search, f.UserID = strings.Clone(f.Search), strings.Clone(f.UserID)
	f.Scope = Scope{strings.Clone(f.Scope.API), Action(strings.Clone(string(f.Scope.Action)))}
	f.After.ID, f.Before.ID = strings.Clone(f.After.ID), strings.Clone(f.Before.ID)
	return f, maphash.Comparable(l.seed, f)
}

// total returns how many credentials a filter chooses, at most maxCounted+1. That
// something has expired is told up to a minute late.
func (l listing) total(tx ReadTx, f CredentialFilter) (int, error) {
	if !l.remembers(f) {
		return tx.CountCredentials(f, maxCounted+1)
	}
	whole := f
	whole.After, whole.Before, whole.Limit = Cursor{}, Cursor{}, 0
	whole.Now, whole.ExpiresBefore = f.Now.UTC().Truncate(time.Minute), f.ExpiresBefore.UTC().Truncate(time.Minute)
	key, hash := l.kept(whole)
	if n, ok := l.totals.get(&key, hash, l.epoch); ok {
		return n, nil
	}
	n, err := tx.CountCredentials(f, maxCounted+1)
	if err == nil {
		l.totals.put(key, hash, n, l.epoch)
	}
	return n, err
}

// knownPage is a page as it was read at from. It is the same until the first of its
// credentials expires: others come to it by acts only.
type knownPage struct {
	list        []Credential // for nobody to change
	from, until time.Time    // until zero: for good
}

func (p knownPage) isOf(now time.Time) bool {
	return !now.Before(p.from) && (p.until.IsZero() || now.Before(p.until))
}

// page returns the credentials that a filter chooses, without what judges them and what
// they seal: memory is for many, and lists have no use for it.
func (l listing) page(tx ReadTx, f CredentialFilter) ([]Credential, error) {
	// What has expired comes to these as time goes by, or the filter changes with it.
	if !l.remembers(f) || f.Ended || f.State == Expired || !f.ExpiresBefore.IsZero() {
		return tx.Credentials(f)
	}
	timeless := f
	timeless.Now = time.Time{}
	key, hash := l.kept(timeless)
	if p, ok := l.pages.get(&key, hash, l.epoch); ok && p.isOf(f.Now) {
		return p.list, nil
	}
	list, err := tx.Credentials(f)
	if err != nil {
		return nil, err
	}
	p := knownPage{list: list, from: f.Now}
	for i := range list {
		c := &list[i]
		c.Digest.Sum, c.Sealed = nil, nil
		if !c.ExpiresAt.IsZero() && c.ExpiresAt.After(f.Now) && (p.until.IsZero() || c.ExpiresAt.Before(p.until)) {
			p.until = c.ExpiresAt
		}
	}
	l.pages.put(key, hash, p, l.epoch)
	return list, nil
}
