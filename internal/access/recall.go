package access

import (
	"context"
	"time"

	"claviger/internal/secret"
)

// knowledge is what a request is judged by, as far as it is in memory.
type knowledge struct {
	whole      bool    // nothing is left to be asked
	hasTarget  bool    // the target, or that there is none, is known
	target     *Target // nil: there is no such application
	searchable bool    // what was presented could be a credential of ours
	class      secret.Class
	key        findingKey // of what is searchable
	found      *found     // nil: what was presented is not genuine
}

// recall fills in what is remembered of a request. Of a genuine credential one entry tells
// all: what was presented, where, and the target.
func (v *Verifier) recall(r *Request, epoch uint64, sure bool, k *knowledge) {
	if !sure {
		k.class, k.searchable = r.Presented.class()
		return
	}
	if r.Presented.plausible() {
		v.key(r, &k.key)
		var known finding
		if known, k.whole = v.memory.findings.get(&k.key, k.key.hash(), epoch); k.whole {
			k.target, k.found, k.hasTarget = known.target, known.found, true
			return // its format was looked at when it was put there
		}
	}
	of := targetKey{r.Organization, r.Application}
	k.target, k.hasTarget = v.memory.targets.get(&of, v.memory.hash(of), epoch)
	if k.class, k.searchable = r.Presented.class(); !k.searchable || k.hasTarget && k.target == nil {
		k.whole = k.hasTarget
		return
	}
	if k.hasTarget {
		_, k.whole = v.memory.unknown.get(&k.key, k.key.hash(), epoch)
	}
}

// key says under what is remembered whether what was presented is genuine.
func (v *Verifier) key(r *Request, k *findingKey) {
	k.digest = v.deps.Keys.Sum(r.Presented.Secret)
	k.way, k.organization, k.application, k.name = r.Presented.Way, r.Organization, r.Application, r.Presented.Name
}

// load asks the store for what is not remembered of a request, and remembers it. What
// it is given it takes by value: it would be on the heap for every request.
func (v *Verifier) load(ctx context.Context, r Request, k knowledge, epoch uint64, sure bool) (knowledge, error) {
	err := v.ask(ctx, &k, func(tx ReadTx) error {
		k.found = nil
		if !k.hasTarget {
			if err := k.readTarget(tx, &r); err != nil || k.target == nil {
				return err
			}
		}
		var err error
		k.found, err = v.search(tx, r.Presented, *k.target)
		return err
	})
	if err != nil || !sure {
		return k, err
	}
	if !k.hasTarget {
		of := targetKey{r.Organization, r.Application}.clone()
		v.memory.targets.put(of, v.memory.hash(of), k.target, epoch)
	}
	if k.target == nil || !k.searchable {
		return k, nil
	}
	if key := k.key.kept(k.target); k.found != nil {
		v.memory.findings.put(key, key.hash(), finding{k.target, k.found.slim()}, epoch)
	} else {
		v.memory.unknown.put(key, key.hash(), struct{}{}, epoch)
	}
	return k, nil
}

// ask reads what is missing. Where that is one row, a question of its own will do:
// the state that it sees is consistent without a transaction, which costs more than
// the lookup. With a user or a client behind the credential it is several rows.
//
// A database that hangs is not waited for longer than askTime: whoever waits for this
// answer has a caller who waits, too.
func (v *Verifier) ask(ctx context.Context, k *knowledge, read func(ReadTx) error) error {
	bounded, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	question := v.deps.Store.View
	if k.hasTarget && k.class != secret.Access && k.class != secret.Personal {
		question = v.deps.Store.Lookup
	}
	err := question(bounded, read)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return &Error{Kind: Unavailable, Message: "The database does not answer.", Err: err}
	}
	return err
}

// askTime is how long a request waits for the database.
const askTime = 5 * time.Second

func (k *knowledge) readTarget(tx ReadTx, r *Request) error {
	k.target = nil
	t, err := tx.Target(r.Organization, r.Application)
	if err == nil {
		k.target = &t
	}
	return ignoreMissing(err)
}
