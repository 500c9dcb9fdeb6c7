package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// accessToken returns an access token of usr_1 that was issued at a second and
// lives for a hundred more, and whose other properties follow its id.
func accessToken(id string, issued int) access.AccessToken {
	return access.AccessToken{
		ID: id, UserID: "usr_1", Grant: access.PasswordGrant, Prefix: "clava_Ab1", Last4: "x9Qa", Digest: digest(id),
		IssuedAt: after(issued), ExpiresAt: after(issued + 100),
	}
}

// clients makes one client of app_1 and one of org_1.
func (s *suite) clients() {
	s.Helper()
	one, wide := token("cli_1"), token("cli_2")
	one.Kind, wide.Kind, wide.ApplicationID = access.KindClient, access.KindClient, ""
	s.insert(one, wide)
}

// issuedTo is an access token of a client.
func issuedTo(client, id string, issued int) access.AccessToken {
	a := accessToken(id, issued)
	a.UserID, a.CredentialID, a.Grant, a.OrganizationID = "", client, access.ClientCredentials, "org_1"
	return a
}

func (s *suite) issue(tokens ...access.AccessToken) {
	s.Helper()
	s.update(func(tx access.Tx) error {
		for _, a := range tokens {
			if err := tx.InsertAccessToken(a); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *suite) issued(id string) access.AccessToken {
	s.Helper()
	return get(s, func(tx access.ReadTx) (access.AccessToken, error) { return tx.AccessToken(id) })
}

func testAccessTokens(t *testing.T, s *suite) {
	s.world()
	s.clients()
	full, bare := issuedTo("cli_1", "act_1", 1), accessToken("act_2", 2)
	full.ApplicationID = "app_1"
	full.Scopes = access.Scopes{{API: "backend", Action: access.Read}, {API: "oplog", Action: access.Write}}
	full.RevokedAt, full.LastUsedAt = after(30), after(20)
	s.issue(full, bare)
	s.equal("every field", s.issued("act_1"), full)
	s.equal("no optional field", s.issued("act_2"), bare)
	missing(s, "id", func(tx access.ReadTx) (access.AccessToken, error) { return tx.AccessToken("act_9") })
	missing(s, "no id", func(tx access.ReadTx) (access.AccessToken, error) { return tx.AccessToken("") })

	byDigests := func(digests ...secret.Digest) func(access.ReadTx) (access.AccessToken, error) {
		return func(tx access.ReadTx) (access.AccessToken, error) { return tx.AccessTokenByDigests(digests) }
	}
	other := digest("act_2")
	other.KeyID = "key2"
	s.equal("by digest", get(s, byDigests(digest("act_2"))), bare)
	s.equal("by an older key's digest", get(s, byDigests(other, digest("nothing"), digest("act_2"))), bare)
	s.equal("revoked, by digest", get(s, byDigests(digest("act_1"))), full)
	missing(s, "digest of another key", byDigests(other))
	missing(s, "no digest", byDigests())
	missing(s, "empty digest", byDigests(secret.Digest{}))
	missing(s, "a credential's digest", byDigests(digest("cli_1")))

	for what, change := range map[string]func(a *access.AccessToken){
		"id":     func(a *access.AccessToken) { a.ID = "act_2" },
		"digest": func(a *access.AccessToken) { a.Digest = bare.Digest },
	} {
		again := accessToken("act_3", 3)
		change(&again)
		s.kind(what, s.store.Update(t.Context(), func(tx access.Tx) error { return tx.InsertAccessToken(again) }), access.Conflict)
	}

	used := map[string]time.Time{"act_1": after(19), "act_2": after(40), "act_9": after(50)}
	s.update(func(tx access.Tx) error { return errors.Join(tx.UsedAccessTokens(nil), tx.UsedAccessTokens(used)) })
	s.equal("an earlier use", s.issued("act_1").LastUsedAt, after(20))
	s.equal("the first use", s.issued("act_2").LastUsedAt, after(40))
	s.update(func(tx access.Tx) error { return tx.UsedAccessTokens(map[string]time.Time{"act_2": after(41)}) })
	bare.LastUsedAt = after(41)
	s.equal("a later use, and nothing else", s.issued("act_2"), bare)
}

func testAccessTokenLists(_ *testing.T, s *suite) {
	s.world()
	s.clients()
	revoked := issuedTo("cli_1", "act_r", 4)
	revoked.RevokedAt = after(5)
	others := accessToken("act_o", 1)
	others.UserID = "usr_2"
	s.issue(issuedTo("cli_1", "act_1", 1), issuedTo("cli_1", "act_2", 3), issuedTo("cli_1", "act_3", 3), revoked, issuedTo("cli_2", "act_4", 9),
		accessToken("act_5", 7), accessToken("act_6", 2), others)
	chosen := func(f access.AccessTokenFilter) []string {
		found := get(s, func(tx access.ReadTx) ([]access.AccessToken, error) { return tx.AccessTokens(f) })
		for _, a := range found {
			if a.StateAt(f.Now) != access.Active {
				s.Errorf("%s is %s at %s", a.ID, a.StateAt(f.Now), f.Now)
			}
		}
		return ids(found, func(a access.AccessToken) string { return a.ID })
	}
	now := after(50)
	s.equal("of a client, the latest first", chosen(access.AccessTokenFilter{CredentialID: "cli_1", Now: now}), []string{"act_3", "act_2", "act_1"})
	s.equal("no more than asked for", chosen(access.AccessTokenFilter{CredentialID: "cli_1", Now: now, Limit: 2}), []string{"act_3", "act_2"})
	s.equal("just before the end of one", chosen(access.AccessTokenFilter{CredentialID: "cli_1", Now: after(101).Add(-time.Microsecond)}), []string{"act_3", "act_2", "act_1"})
	s.equal("at its end", chosen(access.AccessTokenFilter{CredentialID: "cli_1", Now: after(101)}), []string{"act_3", "act_2"})
	s.equal("of a user", chosen(access.AccessTokenFilter{UserID: "usr_1", Now: now}), []string{"act_5", "act_6"})
	s.equal("of nobody", chosen(access.AccessTokenFilter{UserID: "usr_9", Now: now}), []string{})
	s.equal("of none", chosen(access.AccessTokenFilter{Now: now}), []string{})

	count := func(now time.Time, of ...string) map[string]int {
		return get(s, func(tx access.ReadTx) (map[string]int, error) { return tx.CountAccessTokens(of, "", now) })
	}
	s.equal("counts", count(now, "cli_1", "cli_2", "usr_1", "usr_2", "usr_9"), map[string]int{"cli_1": 3, "cli_2": 1, "usr_1": 2, "usr_2": 1})
	s.equal("counts of some", count(now, "usr_1"), map[string]int{"usr_1": 2})
	s.equal("counts at an end", count(after(102), "cli_1", "usr_1"), map[string]int{"cli_1": 2, "usr_1": 1})
	s.equal("counts of none", count(now), map[string]int{})
	many := []string{"usr_1", "cli_1"}
	for i := range 3000 {
		many = append(many, fmt.Sprintf("usr_x%d", i))
	}
	s.equal("counts of many", count(now, many...), map[string]int{"cli_1": 3, "usr_1": 2})
}

// testAccessTokensByOrganization: a filter with an organization leaves out what is
// bound to another one; what is bound to none is everybody's.
func testAccessTokensByOrganization(_ *testing.T, s *suite) {
	s.world()
	s.clients()
	s.update(func(tx access.Tx) error {
		return expect("organization", true)(tx.InsertOrganization(organization("org_2", "beta", "Beta")))
	})
	bound := func(id, organization string, issued int) access.AccessToken {
		a := accessToken(id, issued)
		a.OrganizationID = organization
		return a
	}
	other := bound("act_4", "org_1", 4)
	other.UserID = "usr_2"
	asked := bound("act_5", "org_1", 5)
	asked.AskedBy = "cli_1"
	s.issue(bound("act_1", "org_1", 1), bound("act_2", "org_2", 2), bound("act_3", "", 3), other, asked, issuedTo("cli_1", "act_6", 6))
	s.equal("asked for by a client", s.issued("act_5"), asked)
	now := after(50)
	for organization, want := range map[string][]string{"": {"act_5", "act_3", "act_2", "act_1"}, "org_1": {"act_5", "act_3", "act_1"}, "org_2": {"act_3", "act_2"}, "org_9": {"act_3"}} {
		f := access.AccessTokenFilter{UserID: "usr_1", OrganizationID: organization, Now: now}
		found := get(s, func(tx access.ReadTx) ([]access.AccessToken, error) { return tx.AccessTokens(f) })
		s.equal("of a user in "+organization, ids(found, func(a access.AccessToken) string { return a.ID }), want)
		counts := get(s, func(tx access.ReadTx) (map[string]int, error) {
			return tx.CountAccessTokens([]string{"usr_1"}, organization, now)
		})
		s.equal("counts in "+organization, counts, map[string]int{"usr_1": len(want)})
	}
	counts := get(s, func(tx access.ReadTx) (map[string]int, error) {
		return tx.CountAccessTokens([]string{"usr_1", "usr_2", "cli_1", "cli_2"}, "org_2", now)
	})
	s.equal("counts of several", counts, map[string]int{"usr_1": 2})
	revoke := func(f access.AccessTokenFilter) (n int) {
		f.Now = now
		s.update(func(tx access.Tx) (err error) {
			n, err = tx.RevokeAccessTokens(f, "Ada", "all of them here")
			return err
		})
		return n
	}
	s.equal("revoked of a client elsewhere", revoke(access.AccessTokenFilter{CredentialID: "cli_1", OrganizationID: "org_2"}), 0)
	s.equal("revoked of a user", revoke(access.AccessTokenFilter{UserID: "usr_1", OrganizationID: "org_1"}), 3)
	for id, want := range map[string]time.Time{"act_1": now, "act_2": {}, "act_3": now, "act_4": {}, "act_5": now, "act_6": {}} {
		s.equal("when "+id+" was revoked", s.issued(id).RevokedAt, want)
	}
	s.equal("revoked everywhere", revoke(access.AccessTokenFilter{UserID: "usr_1"}), 1)
}

func testAccessTokenRevocation(_ *testing.T, s *suite) {
	s.world()
	s.clients()
	s.issue(issuedTo("cli_1", "act_1", 1), issuedTo("cli_1", "act_2", 2), issuedTo("cli_1", "act_3", 3), issuedTo("cli_2", "act_4", 1), accessToken("act_5", 1), accessToken("act_6", 50))
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("revoke", true)(tx.RevokeAccessToken("act_1", after(10), "Ada", "it leaked")),
			expect("revoke again", false)(tx.RevokeAccessToken("act_1", after(11), "Ben", "really")),
			expect("revoke nothing", false)(tx.RevokeAccessToken("act_9", after(11), "", "")),
		)
	})
	s.equal("when it was revoked", s.issued("act_1").RevokedAt, after(10))
	s.equal("still found", get(s, func(tx access.ReadTx) (access.AccessToken, error) {
		return tx.AccessTokenByDigests([]secret.Digest{digest("act_1")})
	}).ID, "act_1")
	all := func(client, user string, at time.Time) int {
		var n int
		s.update(func(tx access.Tx) (err error) {
			n, err = tx.RevokeAccessTokens(access.AccessTokenFilter{CredentialID: client, UserID: user, Now: at}, "Ada", "all of them")
			return err
		})
		return n
	}
	s.equal("all of a client", all("cli_1", "", after(20)), 2)
	s.equal("all of a client again", all("cli_1", "", after(21)), 0)
	s.equal("the one revoked before", s.issued("act_1").RevokedAt, after(10))
	s.equal("revoked with the others", s.issued("act_3").RevokedAt, after(20))
	s.equal("of another client", s.issued("act_4").RevokedAt, time.Time{})
	s.equal("of a user", s.issued("act_5").RevokedAt, time.Time{})
	s.equal("all of a user, but what is over", all("", "usr_1", after(110)), 1)
	s.equal("over before", s.issued("act_5").RevokedAt, time.Time{})
	s.equal("revoked", s.issued("act_6").RevokedAt, after(110))
	s.equal("of nobody", all("", "usr_9", after(111)), 0)
	s.equal("of none", all("", "", after(111)), 0)
	s.equal("another client's is left", s.issued("act_4").RevokedAt, time.Time{})
}

func invite(id, token string) access.Invite {
	return access.Invite{
		ID: id, OrganizationID: "org_1", Email: "Cleo@Example.com", Role: access.Member, TokenHash: []byte(token), CreatedAt: epoch, CreatedBy: "Ada", ExpiresAt: after(100),
	}
}

func testInvites(t *testing.T, s *suite) {
	s.world()
	s.update(func(tx access.Tx) error {
		late, foreign := invite("inv_4", "four"), invite("inv_5", "five")
		late.CreatedAt, late.ExpiresAt = after(-5), after(50)
		foreign.OrganizationID = "org_2"
		return errors.Join(
			expect("organization", true)(tx.InsertOrganization(organization("org_2", "beta", "Beta"))),
			tx.InsertInvite(invite("inv_1", "one")), tx.InsertInvite(invite("inv_2", "two")), tx.InsertInvite(invite("inv_3", "three")),
			tx.InsertInvite(late), tx.InsertInvite(foreign),
		)
	})
	byID := func(id string) func(access.ReadTx) (access.Invite, error) {
		return func(tx access.ReadTx) (access.Invite, error) { return tx.Invite(id) }
	}
	byToken := func(token string) func(access.ReadTx) (access.Invite, error) {
		return func(tx access.ReadTx) (access.Invite, error) { return tx.InviteByToken([]byte(token)) }
	}
	open := func(now time.Time) []string {
		list := get(s, func(tx access.ReadTx) ([]access.Invite, error) { return tx.OpenInvites("org_1", now) })
		return ids(list, func(i access.Invite) string { return i.ID })
	}
	s.equal("every field", get(s, byID("inv_1")), invite("inv_1", "one"))
	s.equal("by token", get(s, byToken("two")), invite("inv_2", "two"))
	missing(s, "id", byID("inv_9"))
	missing(s, "token", byToken("nine"))
	missing(s, "no token", byToken(""))
	s.equal("open, the oldest first", open(after(1)), []string{"inv_4", "inv_1", "inv_2", "inv_3"})
	s.equal("open at an end", open(after(50)), []string{"inv_1", "inv_2", "inv_3"})
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("use", true)(tx.UseInvite("inv_1", after(10))),
			expect("use again", false)(tx.UseInvite("inv_1", after(11))),
			expect("withdraw the used", false)(tx.WithdrawInvite("inv_1", after(11))),
			expect("withdraw", true)(tx.WithdrawInvite("inv_2", after(12))),
			expect("withdraw again", false)(tx.WithdrawInvite("inv_2", after(13))),
			expect("use the withdrawn", false)(tx.UseInvite("inv_2", after(13))),
			expect("use at its end", false)(tx.UseInvite("inv_4", after(50))),
			expect("withdraw what is over", true)(tx.WithdrawInvite("inv_4", after(51))),
			expect("use nothing", false)(tx.UseInvite("inv_9", after(13))),
			expect("withdraw nothing", false)(tx.WithdrawInvite("inv_9", after(13))),
		)
	})
	used, withdrawn := invite("inv_1", "one"), invite("inv_2", "two")
	used.UsedAt, withdrawn.WithdrawnAt = after(10), after(12)
	s.equal("used", get(s, byID("inv_1")), used)
	s.equal("withdrawn, by token", get(s, byToken("two")), withdrawn)
	s.equal("open are the others", open(after(20)), []string{"inv_3"})
	s.equal("just before its end", did(s, func(tx access.Tx) (bool, error) { return tx.UseInvite("inv_3", after(100).Add(-time.Microsecond)) }), true)
	s.kind("a token twice", s.store.Update(t.Context(), func(tx access.Tx) error { return tx.InsertInvite(invite("inv_6", "one")) }), access.Conflict)
}

// testInvitesWithdrawn: all open ones of an email to an organization, however the
// email is written, and no others.
func testInvitesWithdrawn(_ *testing.T, s *suite) {
	s.world()
	s.update(func(tx access.Tx) error {
		shouted, foreign, someone, over := invite("inv_2", "two"), invite("inv_3", "three"), invite("inv_4", "four"), invite("inv_5", "five")
		shouted.Email, shouted.CreatedByID = "CLEO@EXAMPLE.COM", "usr_1"
		foreign.OrganizationID, someone.Email, over.ExpiresAt = "org_2", "cleo2@example.com", after(10)
		return errors.Join(
			expect("organization", true)(tx.InsertOrganization(organization("org_2", "beta", "Beta"))),
			tx.InsertInvite(invite("inv_1", "one")), tx.InsertInvite(shouted), tx.InsertInvite(foreign), tx.InsertInvite(someone), tx.InsertInvite(over),
			tx.InsertInvite(invite("inv_6", "six")), tx.InsertInvite(invite("inv_7", "seven")),
			expect("use", true)(tx.UseInvite("inv_6", after(5))),
			expect("withdraw", true)(tx.WithdrawInvite("inv_7", after(6))),
		)
	})
	withdraw := func(organization, email string, at time.Time) (n int) {
		s.update(func(tx access.Tx) (err error) { n, err = tx.WithdrawInvites(organization, email, at); return err })
		return n
	}
	s.equal("an email that is not folded", withdraw("org_1", "Cleo@Example.com", after(10)), 0)
	s.equal("of nobody", withdraw("org_1", "", after(10)), 0)
	s.equal("elsewhere", withdraw("org_9", "cleo@example.com", after(10)), 0)
	s.equal("withdrawn", withdraw("org_1", "cleo@example.com", after(10)), 2)
	s.equal("withdrawn again", withdraw("org_1", "cleo@example.com", after(11)), 0)
	for id, want := range map[string]time.Time{"inv_1": after(10), "inv_2": after(10), "inv_3": {}, "inv_4": {}, "inv_5": {}, "inv_6": {}, "inv_7": after(6)} {
		i := get(s, func(tx access.ReadTx) (access.Invite, error) { return tx.Invite(id) })
		s.equal("when "+id+" was withdrawn", i.WithdrawnAt, want)
		s.equal("who made "+id, i.CreatedByID, map[bool]string{true: "usr_1"}[id == "inv_2"])
	}
	s.equal("a withdrawn one is not used", did(s, func(tx access.Tx) (bool, error) { return tx.UseInvite("inv_1", after(12)) }), false)
}
