package access

import (
	"hash/maphash"
	"strings"
	"sync"
)

// memory keeps what was read from the store as long as its epoch lasts: an entry is
// found only under the epoch that was asked for before it was read, so that a load
// that is under way when something is revoked cannot bring the old answer back. It
// is bounded: where a shard is full, an entry chosen by chance makes room. We have
// our own, in eighty lines, because what is needed is the epoch and little else.
//
// Whoever uses it says by which 64 bits of a key its shard is chosen: they have to be
// ones that callers cannot choose, or they could crowd one shard.
type memory[K comparable, V any] struct {
	most   int // entries a shard
	shards [memoryShards]memoryShard[K, V]
}

type memoryShard[K comparable, V any] struct {
	mu    sync.RWMutex
	epoch uint64
	known map[K]V
}

const memoryShards = 64

// newMemory returns a memory of about that many entries.
func newMemory[K comparable, V any](most int) *memory[K, V] {
	return &memory[K, V]{most: max(most/memoryShards, 1)}
}

// get returns what is known of a key under an epoch.
func (m *memory[K, V]) get(key *K, hash, epoch uint64) (value V, ok bool) {
	s := &m.shards[hash%memoryShards]
	s.mu.RLock() // no defer: this is on the way of every request
	if s.epoch == epoch {
		value, ok = s.known[*key]
	}
	s.mu.RUnlock()
	return value, ok
}

// put remembers what was read after the epoch was asked for.
func (m *memory[K, V]) put(key K, hash uint64, value V, epoch uint64) {
	s := &m.shards[hash%memoryShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.epoch > epoch:
		return // a newer epoch has begun: this may be old
	case s.epoch < epoch || s.known == nil:
		s.epoch, s.known = epoch, make(map[K]V)
	}
	if _, there := s.known[key]; !there && len(s.known) >= m.most {
		for victim := range s.known {
			delete(s.known, victim)
			break
		}
	}
	s.known[key] = value
}

// size returns how many entries there are, of whatever epoch.
func (m *memory[K, V]) size() (n int) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.RLock()
		n += len(s.known)
		s.mu.RUnlock()
	}
	return n
}

// DefaultRemembered is how many credentials the Verifier keeps in memory where
// [Limits] do not say. One takes about 1 KiB (TestMemoryIsBounded measures it) and the
// garbage collector as much again; an unknown secret, of which as many are kept,
// some 200 bytes.
const DefaultRemembered = 65_536

const mostTargets = 4_096

// remembered is what the Verifier keeps in memory.
type remembered struct {
	seed     maphash.Seed
	targets  *memory[targetKey, *Target]   // nil: there is no such application
	findings *memory[findingKey, finding]  // of genuine credentials
	unknown  *memory[findingKey, struct{}] // of what is not

	clients        *memory[[32]byte, *Credential] // by digest
	introspections *memory[introspectionKey, []candidate]
}

// rememberedClients bounds what is remembered of clients that authenticate.
const rememberedClients = 4_096

// introspectionKey is a token about which a client asks.
type introspectionKey struct {
	client string // id
	digest [32]byte
}

type targetKey struct{ organization, application string }

// findingKey is what was presented to an application. The secret stands in it as the
// digest under the server's primary key, as in the database, so that memory holds no
// secret that works. It is a key without a seed of our own because nobody can choose
// it: digests of different secrets never meet (HMAC-SHA-256), what name and
// application are is compared whole, and how long a comparison of digests takes
// tells nothing to whoever cannot compute one.
type findingKey struct {
	digest       [32]byte
	way          Way
	organization string // slugs, as in the request
	application  string
	name         string
}

// finding is a genuine credential with the target that it was presented to, both read
// under one epoch.
type finding struct {
	target *Target
	found  *found
}

// longestName bounds the names that are looked at, in bytes: those of credentials are
// emails and ids. A stranger's could be as long as a request's head, and memory would keep
// it.
const longestName = 320

// newRemembered returns a memory of about that many credentials.
func newRemembered(most int) *remembered {
	if most <= 0 {
		most = DefaultRemembered
	}
	return &remembered{
		seed:     maphash.MakeSeed(),
		targets:  newMemory[targetKey, *Target](mostTargets),
		findings: newMemory[findingKey, finding](most),
		unknown:  newMemory[findingKey, struct{}](most),

		clients:        newMemory[[32]byte, *Credential](rememberedClients),
		introspections: newMemory[introspectionKey, []candidate](most / 8),
	}
}

// hash returns the bits by which the target's shard is chosen. Slugs are callers' to
// choose, and the seed is ours.
func (r *remembered) hash(k targetKey) uint64 { return maphash.Comparable(r.seed, k) }

// hash returns the bits by which the finding's shard is chosen.
func (k *findingKey) hash() uint64 { return uint64(k.digest[0]) }

// clone keeps a key from holding on to the request that it came from.
func (k targetKey) clone() targetKey {
	return targetKey{strings.Clone(k.organization), strings.Clone(k.application)}
}

// kept returns a key that does not hold on to the request that it came from: the slugs
// are the target's, the same ones.
func (k findingKey) kept(t *Target) findingKey {
	k.organization, k.application, k.name = t.Organization.Slug, t.Application.Slug, strings.Clone(k.name)
	return k
}

// slim forgets what no judgement needs: memory is for many, and a password's hash or
// a sealed password has no business there.
func (f *found) slim() *found {
	c := &f.credential
	c.Prefix, c.Last4, c.Nonce, c.Replaces, c.CreatedBy, c.RevokedBy, c.RevokedReason = "", "", "", "", "", "", ""
	c.Digest.Sum, c.Sealed = nil, nil
	a := &f.access
	a.Prefix, a.Last4, a.Digest.Sum = "", "", nil
	f.user.PasswordHash = ""
	return f
}
