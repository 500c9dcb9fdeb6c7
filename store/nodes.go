package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// ErrOtherKeys says that the database is used with server keys that are not ours.
var ErrOtherKeys = errors.New("the database is used with other server keys")

// ErrRetiredKey says that the key with which we would make credentials was retired: our
// key file is an old copy.
var ErrRetiredKey = errors.New("the primary key of the key file was retired: the file is an old copy")

// What nodes tell each other on PostgreSQL. It is by the database's clock, the one that
// they share; nothing else in the store asks a database for the time.

const (
	databaseTime = `CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`

	announceChange = `SELECT pg_notify(` + changesChannel + `, CAST($1 AS TEXT) || ' ' || CAST($2 AS TEXT) || ' ' || ` + databaseTime + `)`

	noteNode = `INSERT INTO nodes (id, name, version, keys, started_at, heard_at, confirmed, lag)
		VALUES ($1, $2, $3, $4, ` + databaseTime + `, ` + databaseTime + `, $5, 0)
		ON CONFLICT (id) DO UPDATE SET heard_at = excluded.heard_at, version = excluded.version, keys = excluded.keys, confirmed = GREATEST(nodes.confirmed, excluded.confirmed),
			lag = CASE WHEN excluded.confirmed > nodes.confirmed THEN 0 ELSE nodes.lag END`

	selectHeadSeq = `SELECT COALESCE(MAX(e.seq), 0) FROM events e`

	confirmChange = `UPDATE nodes SET confirmed = $2, lag = GREATEST(1, ` + databaseTime + ` - $3), heard_at = ` + databaseTime + `
		WHERE id = $1 AND confirmed < $2`

	forgetNodes = `DELETE FROM nodes WHERE heard_at < ` + databaseTime + ` - 86400000000`

	selectNodes = `SELECT n.id, n.name, n.version, n.keys, n.started_at, GREATEST(0, ` + databaseTime + ` - n.heard_at), n.confirmed, n.lag
		FROM nodes n ORDER BY n.name, n.id`
)

// announce tells the other nodes of what this transaction changes, when it is committed.
func (s *Store) announce(t *tx) error {
	if !s.dialect.shared {
		return nil
	}
	sender := s.node.ID
	if sender == "" {
		sender = "command"
	}
	return t.do(announceChange, sender, fmt.Sprint(t.commit.Head.Seq))
}

// Nodes returns the servers that share the database, and those that did within the last
// day and did not take their leave. There are none where only one can have it open.
func (s *Store) Nodes(ctx context.Context) ([]access.Node, error) {
	if !s.dialect.shared {
		return nil, nil
	}
	out := []access.Node{}
	err := s.retry(ctx, s.read, s.reading(func(t *tx) error {
		found, err := list(t, nodeInto, selectNodes)
		out = append(out[:0], found...)
		return err
	}))
	for i := range out {
		n := &out[i]
		n.Self = n.ID == s.node.ID
		if done := s.announced.Load(); n.Self && n.Confirmed < done {
			n.Confirmed, n.Lag = done, 0 // its own, which it acted on before it said so
		}
	}
	return out, err
}

func nodeInto(n *access.Node) []any {
	return []any{&n.ID, &n.Name, &n.Version, toWords{&n.Keys}, toTime{&n.StartedAt}, toMicros{&n.Silent}, &n.Confirmed, toMicros{&n.Lag}}
}

// Confirmed waits until every node that is alive acts on what this store has changed,
// but no longer than patience, and returns the names of those that did not say so.
func (s *Store) Confirmed(ctx context.Context, patience time.Duration) (waiting []string, err error) {
	last := s.announced.Load()
	if !s.dialect.shared || last == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		nodes, err := s.Nodes(ctx)
		if err != nil && ctx.Err() == nil {
			return nil, err
		}
		if err == nil {
			waiting = waiting[:0]
			for _, n := range nodes {
				if n.Alive() && !n.Self && n.Confirmed < last {
					waiting = append(waiting, n.Name)
				}
			}
		}
		if len(waiting) == 0 && err == nil {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			return slices.Compact(waiting), nil
		case <-tick.C:
		}
	}
}

// ClaimKeys compares the server keys with those that the database was used with, and
// remembers new ones. checks are the digests, by key, the primary one first, of one and the
// same text. A node with other keys would take every credential for a wrong one, and one
// with a retired key would make some that nobody else knows. Neither must serve: that is
// ErrOtherKeys, and ErrRetiredKey.
func (s *Store) ClaimKeys(ctx context.Context, checks []secret.Digest) error {
	return s.retry(ctx, s.write, s.writing(s.dialect.alone, func(t *tx) error {
		if retired, err := t.KeyRetired(checks[0].KeyID); err != nil || retired {
			return cmp.Or(err, ErrRetiredKey)
		}
		known, err := t.keyChecks()
		if err != nil {
			return err
		}
		used, err := t.KeyIDs() // a key that came while a node ran is known by what lives by it
		if err != nil {
			return err
		}
		ours := len(known) == 0
		for _, c := range checks {
			sum, there := known[c.KeyID]
			if there && !slices.Equal(sum, c.Sum) {
				return ErrOtherKeys
			}
			ours = ours || there || slices.Contains(used, c.KeyID)
		}
		if !ours {
			return ErrOtherKeys
		}
		for _, c := range checks {
			if err := t.do(`INSERT INTO key_checks (key_id, digest) VALUES ($1, $2) ON CONFLICT (key_id) DO NOTHING`, c.KeyID, blob(c.Sum)); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (t *tx) keyChecks() (map[string][]byte, error) {
	out := map[string][]byte{}
	var id string
	var sum []byte
	err := t.each([]any{&id, &sum}, func() bool {
		out[id] = slices.Clone(sum)
		return true
	}, `SELECT k.key_id, k.digest FROM key_checks k WHERE k.retired_at IS NULL`)
	return out, err
}
