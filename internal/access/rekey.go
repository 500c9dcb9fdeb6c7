package access

import (
	"context"
	"slices"
	"sync"

	"claviger/internal/secret"
)

// A digest cannot be made anew without its secret. So whatever is presented and found
// under an older key of the server's gets its digest under the primary one with the
// next flush of uses (S18). No judgement depends on which key that is.

// Redigest is the new digest of a secret that was found under an older key.
type Redigest struct {
	ID          string // of a credential, or of an access token
	AccessToken bool
	From, To    secret.Digest
}

// redigests are those that wait to be written, by id.
type redigests struct {
	mu      sync.Mutex
	pending map[string]Redigest
}

// maxPendingRedigests bounds the memory of those. What comes beyond it has its turn
// when it is presented again.
const maxPendingRedigests = 10_000

// add keeps one and reports whether there was room.
func (d *redigests) add(r Redigest) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pending == nil {
		d.pending = map[string]Redigest{}
	}
	if _, there := d.pending[r.ID]; !there && len(d.pending) >= maxPendingRedigests {
		return false
	}
	d.pending[r.ID] = r
	return true
}

// take returns all that wait, and forgets them.
func (d *redigests) take() []Redigest {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.pending) == 0 {
		return nil
	}
	out := make([]Redigest, 0, len(d.pending))
	for _, r := range d.pending {
		out = append(out, r)
	}
	d.pending = nil
	return out
}

// rekey writes the new digests. Those that cannot be written go on waiting. Those under a
// key that is no longer the primary one are dropped, because it may have been retired:
// what was presented is not remembered any more either, and is moved when it comes again.
// That is looked at within the transaction, which a retirement waits for or precedes.
func (u *UseLog) rekey(ctx context.Context) error {
	list := u.redigests.take()
	if list == nil {
		return nil
	}
	err := u.store.Note(ctx, func(tx NoteTx) error {
		primary := u.primaryKey()
		retired, err := tx.KeyRetired(primary)
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(r Redigest) bool { return retired || r.To.KeyID != primary })
		return tx.Redigest(list)
	})
	if err != nil {
		for _, r := range list {
			u.redigests.add(r)
		}
	}
	return err
}

// renew has a genuine credential or access token, which was found by the secret
// presented, moved to the primary key if it hangs on an older one.
func (v *Verifier) renew(f *found, presented secret.Secret) {
	under, id := f.credential.Digest.KeyID, f.credential.ID
	if f.access.ID != "" {
		under, id = f.access.Digest.KeyID, f.access.ID
	}
	if !v.deps.Keys.Outdated(under) || f.renewed.Load() {
		return
	}
	all := v.deps.Keys.Digests(presented) // memory keeps no digests
	i := slices.IndexFunc(all, func(d secret.Digest) bool { return d.KeyID == under })
	if i > 0 {
		f.renewed.Store(v.uses.redigests.add(Redigest{ID: id, AccessToken: f.access.ID != "", From: all[i], To: all[0]}))
	}
}

// bySecret asks for the row of a secret by its digests under all keys. Where another key has
// become the primary one meanwhile the row may be under that one by now, and it asks again.
func bySecret[T any](keys *secret.Keyring, s secret.Secret, ask func([]secret.Digest) (T, error)) (T, error) {
	for {
		digests := keys.Digests(s)
		row, err := ask(digests)
		if !missing(err) || digests[0].KeyID == keys.Primary() {
			return row, err
		}
	}
}
