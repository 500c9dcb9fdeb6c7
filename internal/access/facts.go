package access

import (
	"hash/maphash"
	"slices"
	"strings"
)

// facts remembers organizations, applications, APIs and memberships that somebody looked
// at, under the epoch under which they were read: each page asks for the same few again and
// again, and only acts change them. Acts ask the database.
type facts struct {
	seed  maphash.Seed
	known *memory[fact, any]
}

const rememberedFacts = 8_192

func newFacts() *facts {
	return &facts{maphash.MakeSeed(), newMemory[fact, any](rememberedFacts)}
}

// fact is what was asked for: by its name, and that by which it was chosen.
type fact struct{ name, of, by string }

// recall returns a transaction that reads what is known under an epoch from memory. The
// epoch has to be asked for before the transaction begins.
func (f *facts) recall(tx ReadTx, epoch uint64, sure bool) ReadTx {
	if f == nil || !sure {
		return tx
	}
	return recalling{tx, f, epoch}
}

// recalling is a transaction with a memory. What is not there is asked for each time.
type recalling struct {
	ReadTx
	facts *facts
	epoch uint64
}

func recalled[T any](r recalling, what fact, read func() (T, error)) (T, error) {
	hash := maphash.Comparable(r.facts.seed, what)
	if value, ok := r.facts.known.get(&what, hash, r.epoch); ok {
		return value.(T), nil
	}
	value, err := read()
	if err == nil {
		what.of, what.by = strings.Clone(what.of), strings.Clone(what.by) // they may be parts of a request's line
		r.facts.known.put(what, hash, value, r.epoch)
	}
	return value, err
}

func (r recalling) Organization(slug string) (Organization, error) {
	return recalled(r, fact{"organization", "", slug}, func() (Organization, error) { return r.ReadTx.Organization(slug) })
}

func (r recalling) OrganizationByID(id string) (Organization, error) {
	return recalled(r, fact{"organization by id", "", id}, func() (Organization, error) { return r.ReadTx.OrganizationByID(id) })
}

func (r recalling) OrganizationsOf(userID string) ([]Organization, error) {
	list, err := recalled(r, fact{"organizations of", "", userID}, func() ([]Organization, error) { return r.ReadTx.OrganizationsOf(userID) })
	return slices.Clone(list), err
}

func (r recalling) Application(organizationID, slug string) (Application, error) {
	return recalled(r, fact{"application", organizationID, slug}, func() (Application, error) { return r.ReadTx.Application(organizationID, slug) })
}

func (r recalling) ApplicationByID(id string) (Application, error) {
	return recalled(r, fact{"application by id", "", id}, func() (Application, error) { return r.ReadTx.ApplicationByID(id) })
}

func (r recalling) APIs(applicationID string) ([]API, error) {
	list, err := recalled(r, fact{"apis", "", applicationID}, func() ([]API, error) { return r.ReadTx.APIs(applicationID) })
	return slices.Clone(list), err
}

func (r recalling) Membership(organizationID, userID string) (Membership, error) {
	return recalled(r, fact{"membership", organizationID, userID}, func() (Membership, error) { return r.ReadTx.Membership(organizationID, userID) })
}
