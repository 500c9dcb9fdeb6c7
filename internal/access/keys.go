package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"claviger/internal/secret"
)

// KeyReader asks what hangs on the server's keys.
type KeyReader interface {
	// KeyRetired reports whether a key was retired: nothing may be made with it.
	KeyRetired(id string) (bool, error)
	// KeyIDs returns the ids of the keys on which something hangs that is not revoked.
	KeyIDs() ([]string, error)
	// CountUnderKey counts what lives and hangs on a key, each up to most.
	CountUnderKey(keyID string, now time.Time, most int) (credentials, accessTokens int, err error)
	CredentialsUnderKey(keyID string, now time.Time, limit int) ([]Credential, error) // some live ones
	// SealedCredentials returns Basic credentials that are not disabled, by the ids of
	// their applications, after one of them.
	SealedCredentials(afterApplicationID string, limit int) ([]Credential, error)
}

// KeyWriter moves credentials from one key of the server's to another. It changes no
// judgement: the same secret opens the same things.
type KeyWriter interface {
	Redigest([]Redigest) error                        // each if its digest is still the old one
	Reseal(id string, from, to []byte) (bool, error)  // if from is still the sealed copy
	SignCheckpoint(seq int64, signature string) error // of the audit chain
	RetireKey(id string, at time.Time) error          // from now on it is, for every server
}

// mostCounted bounds what is counted of a key's credentials.
const mostCounted = 100_000

// KeyUse is a key of the server's and what lives by it.
type KeyUse struct {
	secret.KeyInfo
	Credentials  int // live ones, at most 100,000
	AccessTokens int // likewise
	// Where several servers share the database: how many are alive and tell their keys,
	// and how many of those have this one.
	Servers, ReadBy int
}

const keysAreOperators = "Keys are managed at the command line: claviger keys."

// KeyUses returns the server's keys, the primary one first, and what lives by each.
func (r *Registry) KeyUses(ctx context.Context, a Actor) ([]KeyUse, error) {
	if !a.operator() {
		return nil, fail(Forbidden, keysAreOperators)
	}
	nodes, err := r.Store.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	nodes = tellKeys(nodes)
	var out []KeyUse
	err = r.Store.View(ctx, func(tx ReadTx) error {
		out = nil
		now := r.Clock.Now()
		for _, info := range r.Keys.Infos() {
			use := KeyUse{KeyInfo: info, Servers: len(nodes), ReadBy: len(nodes) - len(without(nodes, info.ID))}
			var err error
			if use.Credentials, use.AccessTokens, err = tx.CountUnderKey(info.ID, now, mostCounted); err != nil {
				return err
			}
			out = append(out, use)
		}
		return nil
	})
	return out, err
}

// CheckKeys returns an error, for the operator, where something lives by a key that is
// not in the key file: that is another installation's, or an old copy.
func (d Deps) CheckKeys(ctx context.Context) error {
	return d.Store.View(ctx, func(tx ReadTx) error {
		ids, err := tx.KeyIDs()
		if err != nil {
			return err
		}
		for _, id := range ids {
			if id == "" || d.Keys.Fingerprint(id) != "" {
				continue
			}
			credentials, tokens, err := tx.CountUnderKey(id, d.Clock.Now(), mostCounted)
			if err != nil {
				return err
			}
			if credentials+tokens > 0 {
				return fmt.Errorf("the key %s, by which %d credentials and %d access tokens live, is not in the key file: it is another installation's, or an old copy. Put the right key file back from your backup", id, credentials, tokens)
			}
		}
		return nil
	})
}

// digest returns the digest of a new secret under the primary key.
func (d Deps) digest(tx ReadTx, s secret.Secret) (secret.Digest, error) {
	return d.Keys.Digest(s), d.notRetired(tx)
}

// notRetired fails where the primary key was retired: this server has an old copy of the key
// file, and the others would not know what it makes.
func (d Deps) notRetired(tx ReadTx) error {
	id := d.Keys.Primary()
	retired, err := tx.KeyRetired(id)
	if err != nil || !retired {
		return err
	}
	return fail(Unavailable, "This server's key file is an old copy: its key "+id+" was retired, and nothing may be made with it. Copy the current key file to this server and start it again.")
}

// PrepareKey makes a key that the server recognises and does not use yet, and returns
// its id: that of the one there is, where one is prepared already. It is the first of
// two steps where several nodes serve: each must know a key before one of them makes
// credentials with it.
func (r *Registry) PrepareKey(ctx context.Context, a Actor) (string, error) {
	if err := a.operates(keysAreOperators); err != nil {
		return "", err
	}
	if id := r.Keys.Next(); id != "" {
		return id, nil
	}
	id, err := r.Keys.Prepare() // changes nothing that is not recorded: nobody has used it
	if err != nil {
		return "", err
	}
	return id, r.Store.Update(ctx, func(tx Tx) error { return recordKey(tx, a, ActPrepareKey, id, r.Clock.Now()) })
}

func recordKey(tx Tx, a Actor, act Act, id string, now time.Time) error {
	e := actorEvent(a, act, now)
	e.TargetID, e.TargetName = id, id
	return record(tx, e)
}

// ServersWithout returns the names of the servers that are alive and have not read a
// key yet: what another one makes with it, they would take for wrong.
func (r *Registry) ServersWithout(ctx context.Context, id string) ([]string, error) {
	nodes, err := r.Store.Nodes(ctx)
	return without(tellKeys(nodes), id), err
}

// readByAll fails where a server has not read a key that is to be used.
func (r *Registry) readByAll(ctx context.Context, id string) error {
	names, err := r.ServersWithout(ctx, id)
	if err != nil || len(names) == 0 {
		return err
	}
	return fail(Conflict, fmt.Sprintf("Nothing was rotated: key %s has not been read by %s, which would take for wrong what others make with it. "+
		"Copy the key file there, in one move; it is read within five seconds. Then rotate again.", id, strings.Join(names, ", ")))
}

// usedByNone fails where a server makes credentials with a key that is to be retired.
func (r *Registry) usedByNone(ctx context.Context, id string) error {
	nodes, err := r.Store.Nodes(ctx)
	if err != nil {
		return err
	}
	nodes = slices.DeleteFunc(tellKeys(nodes), func(n Node) bool { return n.Keys[0] != id })
	if len(nodes) == 0 {
		return nil
	}
	return fail(Conflict, fmt.Sprintf("Key %s is kept: %s still makes credentials with it. Copy the key file there, in one move; it is read within five seconds. Then retire the key again.",
		id, strings.Join(nodeNames(nodes), ", ")))
}

// RotateKeys makes the prepared key, or a new one, the primary one, and moves to it
// what can be moved at once: the Basic credentials, whose secrets are kept sealed. The
// others move when they are next presented. It returns the ids of the key that is
// primary now, and of the one before. Where a server that shares the database has not
// read the key yet, nothing is done, and that is Conflict.
func (r *Registry) RotateKeys(ctx context.Context, a Actor) (now, before string, err error) {
	before = r.Keys.Primary()
	now, err = r.PrepareKey(ctx, a)
	if err != nil {
		return "", "", err
	}
	if err := r.readByAll(ctx, now); err != nil {
		return "", "", err
	}
	// The record comes first: a key that is used without one would be worse than a
	// record of what then failed, and was tried again.
	if err := r.Store.Update(ctx, func(tx Tx) error { return recordKey(tx, a, ActRotateKeys, now, r.Clock.Now()) }); err != nil {
		return "", "", err
	}
	if err := r.Keys.Promote(now); err != nil {
		return "", "", fmt.Errorf("the rotation is recorded, but did not happen; rotate again: %w", err)
	}
	return now, before, r.SealAnew(ctx)
}

// resealBatch is how many Basic credentials one transaction moves.
const resealBatch = 200

// SealAnew moves the Basic credentials that hang on another key to the primary one.
func (d Deps) SealAnew(ctx context.Context) error {
	for after := ""; ; {
		var batch []Credential
		err := d.Store.Note(ctx, func(tx NoteTx) error {
			var err error
			if batch, err = tx.SealedCredentials(after, resealBatch); err != nil {
				return err
			}
			for _, c := range batch {
				if err := d.sealAnew(tx, c); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(batch) == 0 {
			return err
		}
		after = batch[len(batch)-1].ApplicationID
	}
}

func (d Deps) sealAnew(tx NoteTx, c Credential) error {
	if !d.Keys.Outdated(c.Digest.KeyID) && !d.Keys.Outdated(secret.SealedBy(c.Sealed)) {
		return nil
	}
	if err := d.notRetired(tx); err != nil {
		return err
	}
	password, err := d.Keys.Open(c.Sealed, sealContext(c.ID, KindBasic))
	if err != nil {
		return fmt.Errorf("basic credential %s: %w", c.ID, err)
	}
	if err := tx.Redigest([]Redigest{{ID: c.ID, From: c.Digest, To: d.Keys.Digest(password)}}); err != nil {
		return err
	}
	_, err = tx.Reseal(c.ID, c.Sealed, d.Keys.Seal(password, sealContext(c.ID, KindBasic)))
	return err
}

// InUse is why a key cannot be retired: it names some of what lives by it.
type InUse struct {
	Credentials, AccessTokens int
	Some                      []UsedCredential
}

// RetireKey takes an older key out of the key file. It refuses, with Conflict and
// what is in the way, while anything lives by it, or a server still makes credentials
// with it.
func (r *Registry) RetireKey(ctx context.Context, a Actor, id string) (InUse, error) {
	var use InUse
	if err := a.operates(keysAreOperators); err != nil {
		return use, err
	}
	switch {
	case r.Keys.Fingerprint(id) == "":
		return use, fail(NotFound, "There is no key "+id+". claviger keys list shows those there are.")
	case r.Keys.Primary() == id:
		return use, fail(Conflict, "Key "+id+" is the primary one: rotate first, then retire it when nothing lives by it any more.")
	}
	if err := r.usedByNone(ctx, id); err != nil {
		return use, err
	}
	if err := r.SealAnew(ctx); err != nil {
		return use, err
	}
	err := r.Store.Update(ctx, func(tx Tx) error {
		now := r.Clock.Now()
		var err error
		if use, err = underKey(tx, id, now); err != nil {
			return err
		}
		if use.Credentials+use.AccessTokens > 0 {
			return fail(Conflict, fmt.Sprintf("Key %s is kept: %d credentials and %d access tokens live by it. %s", id, use.Credentials, use.AccessTokens, r.wayOff(id)))
		}
		if err := noneSealed(tx, id); err != nil {
			return err
		}
		if err := r.signAnew(tx); err != nil {
			return err
		}
		if err := tx.RetireKey(id, now); err != nil {
			return err
		}
		return recordKey(tx, a, ActRetireKey, id, now)
	})
	if err != nil {
		return use, err
	}
	if err := r.Keys.Remove(id); err != nil {
		return use, fmt.Errorf("the retirement is recorded, but did not happen; retire it again: %w", err)
	}
	return use, nil
}

// wayOff says how a key can be got rid of by which something lives.
func (r *Registry) wayOff(id string) string {
	if id == r.Keys.Next() {
		return "It is the next one, to which another server has moved them: rotate, and make it the primary one."
	}
	return "Each moves to the primary key when it is next presented; revoke or replace those that are not."
}

// signAnew signs the audit chain's checkpoint with the primary key, where another one
// has signed it: else it would count for nothing once that key is gone. A signature
// that no key of the ring made stays as it is, for `audit verify` to find.
func (d Deps) signAnew(tx Tx) error {
	c, err := checkpointOf(tx)
	if err != nil {
		return err
	}
	if text, ok := d.Keys.Verify(checkpointPurpose, c.Signature); !ok || text != headText(c.Head) {
		return nil
	}
	return tx.SignCheckpoint(c.Head.Seq, d.Keys.Sign(checkpointPurpose, headText(c.Head)))
}

// shownUnderKey is how many of the credentials that keep a key are named.
const shownUnderKey = 20

func underKey(tx Tx, id string, now time.Time) (InUse, error) {
	var use InUse
	var err error
	if use.Credentials, use.AccessTokens, err = tx.CountUnderKey(id, now, mostCounted); err != nil {
		return use, err
	}
	list, err := tx.CredentialsUnderKey(id, now, shownUnderKey)
	if err != nil {
		return use, err
	}
	use.Some, err = withUse(tx, list, now)
	return use, err
}

// noneSealed looks whether a sealed copy is left under a key: SealAnew has moved them,
// but another node may have made an application meanwhile.
func noneSealed(tx Tx, id string) error {
	for after := ""; ; {
		list, err := tx.SealedCredentials(after, resealBatch)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, c := range list {
			if secret.SealedBy(c.Sealed) == id {
				return fail(Conflict, "Key "+id+" is kept: the Basic password of an application was sealed with it just now. Does every node have the new key file? Then retire it again.")
			}
		}
		after = list[len(list)-1].ApplicationID
	}
}
