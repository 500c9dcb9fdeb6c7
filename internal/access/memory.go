package access

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"strings"
	"sync"

	"claviger/internal/secret"
)

// memory keeps what was read from the store as long as its epoch lasts: an entry is
// found only under the epoch that was asked for before it was read, so that a load
// that is under way when something is revoked cannot bring the old answer back. It
// is bounded: where a shard is full, an entry chosen by chance makes room. We have
// our own, in eighty lines, because what is needed is the epoch and little else.
type memory[K comparable, V any] struct {
	seed   maphash.Seed
	shards [memoryShards]memoryShard[K, V]
}

type memoryShard[K comparable, V any] struct {
	mu    sync.RWMutex
	epoch uint64
	known map[K]V
}

const memoryShards = 64

func newMemory[K comparable, V any]() *memory[K, V] {
	return &memory[K, V]{seed: maphash.MakeSeed()}
}

func (m *memory[K, V]) shard(key K) *memoryShard[K, V] {
	return &m.shards[maphash.Comparable(m.seed, key)%memoryShards]
}

// get returns what is known of a key under an epoch.
func (m *memory[K, V]) get(key K, epoch uint64) (V, bool) {
	s := m.shard(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.epoch != epoch {
		var none V
		return none, false
	}
	value, ok := s.known[key]
	return value, ok
}

// put remembers what was read after the epoch was asked for; most bounds all shards
// together.
func (m *memory[K, V]) put(key K, value V, epoch uint64, most int) {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.epoch > epoch:
		return // a newer epoch has begun: this may be old
	case s.epoch < epoch || s.known == nil:
		s.epoch, s.known = epoch, make(map[K]V)
	}
	if _, there := s.known[key]; !there && len(s.known) >= max(most/memoryShards, 1) {
		for victim := range s.known {
			delete(s.known, victim)
			break
		}
	}
	s.known[key] = value
}

// The bounds of what the Verifier remembers. A finding takes about 1.5 KiB, an
// unknown secret about 100 bytes.
const (
	mostTargets  = 4_096
	mostFindings = 65_536
	mostUnknown  = 65_536
)

// remembered is what the Verifier keeps in memory.
type remembered struct {
	seed     [32]byte                    // random: a finding's key tells nothing of the secret
	targets  *memory[targetKey, *Target] // nil: there is no such application
	findings *memory[findingKey, *found] // of genuine credentials
	unknown  *memory[findingKey, struct{}]
}

type targetKey struct{ organization, application string }

type findingKey [sha256.Size]byte

func newRemembered() *remembered {
	r := &remembered{
		targets: newMemory[targetKey, *Target](), findings: newMemory[findingKey, *found](), unknown: newMemory[findingKey, struct{}](),
	}
	copy(r.seed[:], secret.RandomText(len(r.seed)))
	return r
}

// key returns the key of what was presented to an application. It is as hard to hit
// by chance as the secret itself: two presentations never share one.
func (r *remembered) key(p Presented, applicationID string) findingKey {
	var buffer [256]byte
	b := append(buffer[:0], r.seed[:]...)
	b = append(b, byte(p.Way))
	for _, part := range [...]string{applicationID, p.Name, p.Secret.Expose()} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	return sha256.Sum256(b)
}

// clone keeps a key from holding on to the request that it came from.
func (k targetKey) clone() targetKey {
	return targetKey{strings.Clone(k.organization), strings.Clone(k.application)}
}
