package access

import (
	"context"
	"hash/maphash"
	"slices"
	"strings"
)

// known is what was read for pages and is remembered, under the epoch under which it was
// read: organizations, applications, APIs and memberships, for which each page asks again,
// and lists of credentials (lists.go). Only acts change them, and acts ask the database.
type known struct {
	seed   maphash.Seed
	facts  *memory[fact, any]
	totals *memory[CredentialFilter, int]
	pages  *memory[CredentialFilter, knownPage]
}

// The bounds of what is remembered. A page of a list takes some 40 KiB.
const (
	rememberedFacts  = 8_192
	rememberedTotals = 1_024
	rememberedPages  = 128
)

func newKnown() *known {
	return &known{
		maphash.MakeSeed(), newMemory[fact, any](rememberedFacts),
		newMemory[CredentialFilter, int](rememberedTotals), newMemory[CredentialFilter, knownPage](rememberedPages),
	}
}

// view is the store's View, with what is known where nobody else changes the database. What
// is remembered and what is read then belong together, or it is read again: while somebody
// waits for a connection a member may leave, and things be made that are none of theirs.
func (d Deps) view(ctx context.Context, read func(ReadTx) error) error {
	epoch, sure := d.Store.Epoch()
	if sure && d.known != nil && d.Store.Alone() {
		err := d.Store.View(ctx, func(tx ReadTx) error { return read(recalling{tx, d.known, epoch}) })
		if now, still := d.Store.Epoch(); still && now == epoch {
			return err
		}
	}
	return d.Store.View(ctx, read)
}

// recalling is a transaction with a memory. What is not there is asked for each time.
type recalling struct {
	ReadTx
	known *known
	epoch uint64
}

// fact is what was asked for: by its name, and that by which it was chosen.
type fact struct{ name, of, by string }

func recalled[T any](r recalling, what fact, read func() (T, error)) (T, error) {
	hash := maphash.Comparable(r.known.seed, what)
	if value, ok := r.known.facts.get(&what, hash, r.epoch); ok {
		return value.(T), nil
	}
	value, err := read()
	if err == nil {
		what.of, what.by = strings.Clone(what.of), strings.Clone(what.by) // they may be parts of a request's line
		r.known.facts.put(what, hash, value, r.epoch)
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
