package access_test

import (
	"strings"
	"testing"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// TestWeakPasswords: a password that guessers try first is refused wherever one is
// chosen, with words that say why; what they would not try is let through, whatever
// characters it is made of.
func TestWeakPasswords(t *testing.T) {
	t.Parallel()
	weak := strings.Fields(`
		aaaaaaaaaaaa 123456789012 098765432109 abcabcabcabc abcdefghijkl 1212121212121212 qwertyuiopas asdfghjkl123 1qaz2wsx3edc
		q1w2e3r4t5y6 qazwsxedcrfv poiuytrewq12 password1234 Password2026!! P@ssw0rd2024! passwordpassword PasswordPassword1
		iloveyou1234 letmein12345 welcome2026! Summer2026!!! sunshine1990 administrator admin-admin-1 claviger2026 Claviger-12345
		changeme1234 qwerty123456 dragon123456 monkey-monkey 000000000000 111222333444 19901990199 ............
		annlane12345 ann.lane.2026 acme-2026-acme Acme12345678 acme-password annlane@example example-acme-1`)
	strong := []string{
		testkit.Password, newPassword, "a long new password", "пароль из четырёх слов", "x7Kq9mP2vL4t", "4938172640589917", "            tea with lemon",
		"monkey dragon sunshine purple", "acme is where I get my coffee", "annlane-tq7r-wx2k", "🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧", "Was1997 noch anders?",
	}
	o := newOffice(t)
	o.hire("ann.lane@example.com", access.Admin)
	reset := func(text string) error {
		_, err := o.Accounts.ResetPassword(t.Context(), o.Operator(), "ann.lane@example.com", func() (secret.Secret, error) { return secret.New(text), nil })
		return err
	}
	for _, text := range weak {
		if err := reset(text); access.KindOf(err) != access.Invalid || fields(err)[0] != "password" {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range strong {
		if err := reset(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestWeakPasswordsEverywhere: there is no door that takes one.
func TestWeakPasswordsEverywhere(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ann, invited := o.hire("ann@example.com", access.Admin), o.invite("cleo@example.com", access.Viewer)
	before := state(t, o.Store)
	for _, text := range []string{"password1234", "acme-2026-now"} {
		_, _, byOperator := o.Accounts.AddMember(t.Context(), o.Operator(), "acme", access.UserDraft{Email: "dan@example.com"}, access.Viewer,
			func() (secret.Secret, error) { return secret.New(text), nil })
		_, byInvite := o.accept(invited.Token, text)
		_, byOneself := ann.change(testkit.Password, text)
		for how, err := range map[string]error{"operator": byOperator, "invitation": byInvite, "oneself": byOneself} {
			if access.KindOf(err) != access.Invalid || len(fields(err)) != 1 || state(t, o.Store) != before {
				t.Errorf("%q by %s: %v", text, how, err)
			}
		}
	}
}
