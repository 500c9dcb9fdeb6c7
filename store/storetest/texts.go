package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"claviger/internal/access"
)

// testTexts asks for what nobody can have made, because it is no text: it is not there,
// on every engine, and no failure.
func testTexts(t *testing.T, s *suite) {
	s.world()
	s.insert(token("tok_1"))
	for _, odd := range []string{"\x00", "acme\x00", "\xff", "or\xc3ders", "\xed\xa0\x80"} {
		missing(s, "organization", func(tx access.ReadTx) (access.Organization, error) { return tx.Organization(odd) })
		missing(s, "target", func(tx access.ReadTx) (access.Target, error) { return tx.Target("acme", odd) })
		missing(s, "user", func(tx access.ReadTx) (access.User, error) { return tx.UserByEmail(odd) })
		missing(s, "credential", func(tx access.ReadTx) (access.Credential, error) { return tx.Credential(odd) })
		found := get(s, func(tx access.ReadTx) ([]access.Credential, error) {
			return tx.Credentials(access.CredentialFilter{Whose: access.Whose{ApplicationID: "app_1"}, Search: odd, Limit: 10})
		})
		s.equal("searched for "+odd, len(found), 0)
		s.update(func(tx access.Tx) error {
			_, _, err := tx.Spend("sign-in "+odd, epoch, 1)
			return errors.Join(err, tx.Refund("sign-in "+odd))
		})
	}
}

// testOrder asserts that text is in the order of its bytes, whatever the language of the
// database: pages that go on from a place in a list rely on it.
func testOrder(t *testing.T, s *suite) {
	s.world()
	names := []string{"apfel", "zebra", "äpfel"} // by their bytes; no dictionary has them so
	s.update(func(tx access.Tx) error {
		if err := expect("organization", true)(tx.InsertOrganization(organization("org_2", "fruit", "Fruit"))); err != nil {
			return err
		}
		for i, name := range slices.Backward(names) {
			slug := fmt.Sprint("app-", i)
			if err := expect("application", true)(tx.InsertApplication(application("app_"+slug, "org_2", slug, name))); err != nil {
				return err
			}
		}
		return nil
	})
	got := get(s, func(tx access.ReadTx) ([]access.Application, error) { return tx.Applications("org_2") })
	s.equal("applications", ids(got, func(a access.Application) string { return a.Name }), names)
}
