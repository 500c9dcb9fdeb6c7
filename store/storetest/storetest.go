// Package storetest is what every store has to fulfil: one suite for all
// engines, written against [access.Store] alone.
//
// It knows no SQL and no engine. A store of which it passes is one on which the
// domain can rely.
package storetest

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// Run runs the suite; open returns an empty store that is closed at the end of
// the test it is given.
func Run(t *testing.T, open func(t *testing.T) access.Store) {
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) { c.run(t, &suite{T: t, store: open(t)}) })
	}
}

var tests = []struct {
	name string
	run  func(t *testing.T, s *suite)
}{
	{"Organizations", testOrganizations},
	{"Applications", testApplications},
	{"APIs", testAPIs},
	{"Members", testMembers},
	{"Target", testTarget},
	{"Credential", testCredential},
	{"CredentialConflicts", testCredentialConflicts},
	{"CredentialChanges", testCredentialChanges},
	{"BasicIsErased", testBasicIsErased},
	{"CredentialStates", testCredentialStates},
	{"CredentialSearch", testCredentialSearch},
	{"CredentialScopes", testCredentialScopes},
	{"CredentialPaging", testCredentialPaging},
	{"CredentialCount", testCredentialCount},
	{"CredentialReplacing", testCredentialReplacing},
	{"Whose", testWhose},
	{"Nonces", testNonces},
	{"NoncesOfHolders", testNoncesOfHolders},
	{"AccessTokens", testAccessTokens},
	{"Ended", testEnded},
	{"AccessTokenLists", testAccessTokenLists},
	{"AccessTokenRevocation", testAccessTokenRevocation},
	{"AccessTokensByOrganization", testAccessTokensByOrganization},
	{"Keys", testKeys},
	{"FoundWhileMoved", testFoundWhileMoved},
	{"RetiredKeys", testRetiredKeys},
	{"Reseal", testReseal},
	{"Invites", testInvites},
	{"InvitesWithdrawn", testInvitesWithdrawn},
	{"MemberChanges", testMemberChanges},
	{"PasswordGrant", testPasswordGrant},
	{"QueryCredentials", testQueryCredentials},
	{"Users", testUsers},
	{"SetupLink", testSetupLink},
	{"Throttles", testThrottles},
	{"Sessions", testSessions},
	{"SessionTokens", testSessionTokens},
	{"Elevations", testElevations},
	{"Uses", testUses},
	{"UsesOverTime", testUsesOverTime},
	{"HourlyCalls", testHourlyCalls},
	{"LastUsesAgain", testLastUsesAgain},
	{"UsesOfAnOldState", testUsesOfAnOldState},
	{"ApplicationUses", testApplicationUses},
	{"UseSpans", testUseSpans},
	{"UseCallers", testUseCallers},
	{"UseCallersAreBounded", testUseCallersAreBounded},
	{"UseRefusals", testUseRefusals},
	{"UsesAreSwept", testUsesAreSwept},
	{"SweepIsBounded", testSweepIsBounded},
	{"DaysAreMadeOfHours", testDaysAreMadeOfHours},
	{"MoveIsOneTransaction", testMoveIsOneTransaction},
	{"MovedCallersAreBounded", testMovedCallersAreBounded},
	{"Events", testEvents},
	{"EventFilters", testEventFilters},
	{"EventPaging", testEventPaging},
	{"Tallies", testTallies},
	{"Endings", testEndings},
	{"Checkpoints", testCheckpoints},
	{"Unconfirmed", testUnconfirmed},
	{"AllAccessTokens", testAllAccessTokens},
	{"ShipCursors", testShipCursors},
	{"Errors", testErrors},
	{"Rollback", testRollback},
	{"Panic", testPanic},
	{"ReadOnly", testReadOnly},
	{"Snapshot", testSnapshot},
	{"Lookup", testLookup},
	{"LostUpdates", testLostUpdates},
	{"OnlyOnce", testOnlyOnce},
	{"Chain", testChain},
	{"Contexts", testContexts},
	{"Texts", testTexts},
	{"Order", testOrder},
}

// epoch is the moment at which the suite's world begins.
var epoch = time.Date(2026, 3, 4, 5, 6, 7, 89000, time.UTC)

// after returns the moment that many seconds after epoch.
func after(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }

// suite is a test together with the store that it tests.
type suite struct {
	*testing.T
	store access.Store
}

func (s *suite) update(write func(tx access.Tx) error) {
	s.Helper()
	if err := s.store.Update(s.Context(), write); err != nil {
		s.Fatalf("update: %v", err)
	}
}

func (s *suite) view(read func(tx access.ReadTx) error) {
	s.Helper()
	if err := s.store.View(s.Context(), read); err != nil {
		s.Fatalf("view: %v", err)
	}
}

// get runs one question and returns its answer.
func get[T any](s *suite, ask func(tx access.ReadTx) (T, error)) T {
	s.Helper()
	var out T
	s.view(func(tx access.ReadTx) (err error) {
		out, err = ask(tx)
		return err
	})
	return out
}

// did runs one conditional change and returns whether it happened.
func did(s *suite, change func(tx access.Tx) (bool, error)) bool {
	s.Helper()
	var out bool
	s.update(func(tx access.Tx) (err error) {
		out, err = change(tx)
		return err
	})
	return out
}

// missing asserts that one question is answered with ErrNoRow.
func missing[T any](s *suite, what string, ask func(tx access.ReadTx) (T, error)) {
	s.Helper()
	err := s.store.View(s.Context(), func(tx access.ReadTx) error {
		_, err := ask(tx)
		return err
	})
	if !errors.Is(err, access.ErrNoRow) {
		s.Errorf("%s: error %v, want ErrNoRow", what, err)
	}
}

func (s *suite) equal(what string, got, want any) {
	s.Helper()
	if !reflect.DeepEqual(got, want) {
		s.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// ids returns the ids of things in their order.
func ids[T any](things []T, id func(T) string) []string {
	out := []string{}
	for _, thing := range things {
		out = append(out, id(thing))
	}
	return out
}

// kind asserts that an error is one of the domain's, of some kind.
func (s *suite) kind(what string, err error, want access.ErrorKind) {
	s.Helper()
	if err == nil || access.KindOf(err) != want {
		s.Errorf("%s: error %v of kind %d, want kind %d", what, err, access.KindOf(err), want)
	}
}

// expect makes an error of a conditional change that did not go as it should.
func expect(what string, want bool) func(got bool, err error) error {
	return func(got bool, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if got != want {
			return fmt.Errorf("%s: %v, want %v", what, got, want)
		}
		return nil
	}
}

// A small world: one organization with two applications and two users.

func organization(id, slug, name string) access.Organization {
	return access.Organization{ID: id, Slug: slug, Name: name, CreatedAt: epoch}
}

func application(id, organizationID, slug, name string) access.Application {
	return access.Application{ID: id, OrganizationID: organizationID, Slug: slug, Name: name, CreatedAt: epoch}
}

func user(id, email, name string) access.User {
	return access.User{ID: id, Email: email, EmailKey: access.FoldEmail(email), Name: name, PasswordHash: "hash of " + id, CreatedAt: epoch}
}

func (s *suite) world() {
	s.Helper()
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("organization", true)(tx.InsertOrganization(organization("org_1", "acme", "Acme"))),
			expect("application", true)(tx.InsertApplication(application("app_1", "org_1", "orders", "Orders"))),
			expect("application", true)(tx.InsertApplication(application("app_2", "org_1", "stock", "Stock"))),
			expect("user", true)(tx.InsertUser(user("usr_1", "Ada@example.com", "Ada"))),
			expect("user", true)(tx.InsertUser(user("usr_2", "ben@example.com", "Ben"))),
			expect("membership", true)(tx.InsertMembership(access.Membership{OrganizationID: "org_1", UserID: "usr_1", Role: access.Admin, CreatedAt: epoch})),
		)
	})
}

// token returns an application's token whose other properties follow its id.
func token(id string) access.Credential {
	return access.Credential{
		ID: id, OrganizationID: "org_1", ApplicationID: "app_1", Kind: access.KindToken, Label: "label of " + id,
		Prefix: "clavt_Ab1", Last4: "x9Qa", Digest: digest(id), CreatedAt: epoch, CreatedBy: "Ada",
	}
}

func digest(text string) secret.Digest {
	sum := make([]byte, 32)
	copy(sum, text)
	return secret.Digest{KeyID: "key1", Sum: sum}
}

// full returns a credential in which every field has a value.
func full() access.Credential {
	c := token("tok_full")
	c.Kind, c.UserID = access.KindPersonal, "usr_1"
	c.Restriction = access.Scopes{{API: "backend", Action: access.Read}, {API: "oplog", Action: access.Write}}
	c.Sealed = []byte{0, 1, 2, 0xff}
	c.Allowed = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	c.Limit = access.Limit{PerSecond: 100_000, Burst: 1_000_000}
	c.Nonce, c.Replaces = "nonce", "tok_before"
	c.ExpiresAt, c.PausedAt, c.RevokedAt = after(10), after(20), after(30)
	c.RevokedBy, c.RevokedReason = "Ben", "it leaked"
	return c
}

func (s *suite) insert(credentials ...access.Credential) {
	s.Helper()
	s.update(func(tx access.Tx) error {
		for _, c := range credentials {
			if err := tx.InsertCredential(c); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *suite) credential(id string) access.Credential {
	s.Helper()
	return get(s, func(tx access.ReadTx) (access.Credential, error) { return tx.Credential(id) })
}
