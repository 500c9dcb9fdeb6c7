package access

import (
	"hash/maphash"
	"strings"
	"time"

	"claviger/internal/secret"
)

// To count up to a thousand credentials takes longer than to read the fifty of a page.
// Both change with acts, which begin an epoch, and when something expires.

// longestRemembered bounds what is remembered of a filter's texts, in bytes.
const longestRemembered = 64

// remembering returns the transaction's memory, if it has one and what the filter chooses
// is remembered there.
func remembering(tx ReadTx, f CredentialFilter) (recalling, bool) {
	r, ok := tx.(recalling)
	return r, ok && len(f.Search)+len(f.UserID)+len(f.Scope.API)+len(f.After.ID)+len(f.Before.ID) <= longestRemembered
}

// kept is a filter to be kept: it must not hold on to the request's line, of which its
// texts may be parts. State and Kind are constants.
func kept(f CredentialFilter) CredentialFilter {
	f.Search, f.UserID = strings.Clone(f.Search), strings.Clone(f.UserID)
	f.Scope = Scope{strings.Clone(f.Scope.API), Action(strings.Clone(string(f.Scope.Action)))}
	f.After.ID, f.Before.ID = strings.Clone(f.After.ID), strings.Clone(f.Before.ID)
	return f
}

// totalOf returns how many credentials a filter chooses, at most maxCounted+1. That
// something has expired is told up to a minute late.
func totalOf(tx ReadTx, f CredentialFilter) (int, error) {
	r, ok := remembering(tx, f)
	if !ok {
		return tx.CountCredentials(f, maxCounted+1)
	}
	key := f
	key.After, key.Before, key.Limit = Cursor{}, Cursor{}, 0
	key.Now, key.ExpiresBefore = f.Now.UTC().Truncate(time.Minute), f.ExpiresBefore.UTC().Truncate(time.Minute)
	hash := maphash.Comparable(r.known.seed, key)
	if n, ok := r.known.totals.get(&key, hash, r.epoch); ok {
		return n, nil
	}
	n, err := tx.CountCredentials(f, maxCounted+1)
	if err == nil {
		r.known.totals.put(kept(key), hash, n, r.epoch)
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

// credentialsOf returns the credentials that a filter chooses, without what judges or seals
// them: lists have no use for it, and memory is for many.
func credentialsOf(tx ReadTx, f CredentialFilter) ([]Credential, error) {
	r, ok := remembering(tx, f)
	// What has expired comes to these as time goes by, or the filter changes with it.
	if !ok || f.Ended || f.State == Expired || !f.ExpiresBefore.IsZero() {
		list, err := tx.Credentials(f)
		return withoutSecrets(list), err
	}
	key := f
	key.Now = time.Time{}
	hash := maphash.Comparable(r.known.seed, key)
	if p, ok := r.known.pages.get(&key, hash, r.epoch); ok && p.isOf(f.Now) {
		return p.list, nil
	}
	list, err := tx.Credentials(f)
	if err != nil {
		return nil, err
	}
	p := knownPage{list: withoutSecrets(list), from: f.Now}
	for i := range list {
		if ends := list[i].ExpiresAt; ends.After(f.Now) && (p.until.IsZero() || ends.Before(p.until)) {
			p.until = ends
		}
	}
	r.known.pages.put(kept(key), hash, p, r.epoch)
	return list, nil
}

// withoutSecrets takes from credentials what only judgements need.
func withoutSecrets(list []Credential) []Credential {
	for i := range list {
		list[i].Digest, list[i].Sealed, list[i].Nonce = secret.Digest{}, nil, ""
	}
	return list
}
