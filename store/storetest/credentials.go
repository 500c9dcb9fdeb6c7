package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

func testCredential(t *testing.T, s *suite) {
	s.world()
	c, plain := full(), token("tok_plain")
	basic := token("bas_1")
	basic.Kind, basic.Sealed = access.KindBasic, []byte("sealed")
	client := token("cli_1")
	client.Kind, client.ApplicationID = access.KindClient, ""
	s.insert(c, plain, basic, client)
	s.equal("every field", s.credential("tok_full"), c)
	s.equal("no optional field", s.credential("tok_plain"), plain)
	s.equal("an organization's", s.credential("cli_1"), client)
	missing(s, "id", func(tx access.ReadTx) (access.Credential, error) { return tx.Credential("tok_9") })

	basicOf := func(id string) func(access.ReadTx) (access.Credential, error) {
		return func(tx access.ReadTx) (access.Credential, error) { return tx.BasicOf(id) }
	}
	s.equal("basic", get(s, basicOf("app_1")), basic)
	missing(s, "basic", basicOf("app_2"))

	byDigests := func(digests ...secret.Digest) func(access.ReadTx) (access.Credential, error) {
		return func(tx access.ReadTx) (access.Credential, error) { return tx.CredentialByDigests(digests) }
	}
	other := digest("tok_plain")
	other.KeyID = "key2"
	s.equal("by digest", get(s, byDigests(digest("tok_plain"))), plain)
	s.equal("by an older key's digest", get(s, byDigests(other, digest("nothing"), digest("tok_plain"))), plain)
	s.equal("revoked, by digest", get(s, byDigests(digest("tok_full"))), c)
	missing(s, "digest of another key", byDigests(other))
	missing(s, "unknown digest", byDigests(digest("nothing")))
	missing(s, "no digest", byDigests())
	missing(s, "empty digest", byDigests(secret.Digest{}))

	byNonce := func(app, nonce string) func(access.ReadTx) (access.Credential, error) {
		return func(tx access.ReadTx) (access.Credential, error) {
			return tx.CredentialByNonce(access.Whose{OrganizationID: "org_1", ApplicationID: app, UserID: "usr_1"}, nonce)
		}
	}
	s.equal("by nonce", get(s, byNonce("app_1", "nonce")), c)
	missing(s, "nonce of another application", byNonce("app_2", "nonce"))
	missing(s, "no nonce", byNonce("app_1", ""))
}

func testCredentialConflicts(t *testing.T, s *suite) {
	s.world()
	first, basic := token("tok_1"), token("bas_1")
	first.Nonce, basic.Kind = "nonce", access.KindBasic
	s.insert(first, basic)
	for what, change := range map[string]func(c *access.Credential){
		"id":           func(c *access.Credential) { c.ID = "tok_1" },
		"digest":       func(c *access.Credential) { c.Digest = first.Digest },
		"nonce":        func(c *access.Credential) { c.Nonce = "nonce" },
		"second basic": func(c *access.Credential) { c.Kind = access.KindBasic },
	} {
		c := token("tok_2")
		change(&c)
		s.kind(what, s.store.Update(t.Context(), func(tx access.Tx) error { return tx.InsertCredential(c) }), access.Conflict)
	}
	elsewhere, erased := token("tok_3"), token("bas_2")
	elsewhere.ApplicationID, elsewhere.Nonce = "app_2", "nonce"
	erased.ApplicationID, erased.Kind, erased.Digest = "app_2", access.KindBasic, secret.Digest{}
	s.insert(elsewhere, erased, token("tok_4"))
}

func testCredentialChanges(t *testing.T, s *suite) {
	s.world()
	s.insert(token("tok_1"), token("tok_2"))
	want := token("tok_1")
	s.update(func(tx access.Tx) error { return tx.RenameCredential("tok_1", "Other") })
	want.Label = "Other"
	s.equal("renamed", s.credential("tok_1"), want)
	networks, limit := full().Allowed, access.Limit{PerSecond: 2, Burst: 30}
	s.update(func(tx access.Tx) error { return tx.RestrictCredential("tok_1", networks, limit) })
	want.Allowed, want.Limit = networks, limit
	s.equal("restricted", s.credential("tok_1"), want)
	s.update(func(tx access.Tx) error { return tx.RestrictCredential("tok_1", nil, access.Limit{}) })
	want.Allowed, want.Limit = nil, access.Limit{}
	s.equal("without bounds again", s.credential("tok_1"), want)
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("resume what runs", false)(tx.ResumeCredential("tok_1")),
			expect("pause", true)(tx.PauseCredential("tok_1", after(1))),
			expect("pause again", false)(tx.PauseCredential("tok_1", after(2))),
		)
	})
	want.PausedAt = after(1)
	s.equal("paused", s.credential("tok_1"), want)
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("resume", true)(tx.ResumeCredential("tok_1")),
			expect("pause", true)(tx.PauseCredential("tok_1", after(3))),
			expect("revoke", true)(tx.RevokeCredential("tok_1", after(4), "Ada", "it leaked")),
			expect("revoke again", false)(tx.RevokeCredential("tok_1", after(5), "Ben", "really")),
			expect("resume the revoked", false)(tx.ResumeCredential("tok_1")),
			expect("pause the revoked", false)(tx.PauseCredential("tok_1", after(6))),
			expect("revoke nothing", false)(tx.RevokeCredential("tok_9", after(6), "", "")),
			expect("pause nothing", false)(tx.PauseCredential("tok_9", after(6))),
			expect("resume nothing", false)(tx.ResumeCredential("tok_9")),
		)
	})
	want.PausedAt, want.RevokedAt, want.RevokedBy, want.RevokedReason = after(3), after(4), "Ada", "it leaked"
	s.equal("revoked, with its digest", s.credential("tok_1"), want)
	s.equal("the other one", s.credential("tok_2"), token("tok_2"))
	for what, write := range map[string]func(tx access.Tx) error{
		"rename":   func(tx access.Tx) error { return tx.RenameCredential("tok_9", "Other") },
		"restrict": func(tx access.Tx) error { return tx.RestrictCredential("tok_9", networks, limit) },
	} {
		if err := s.store.Update(t.Context(), write); !errors.Is(err, access.ErrNoRow) {
			t.Errorf("%s what is not there: error %v, want ErrNoRow", what, err)
		}
	}
}

func testBasicIsErased(t *testing.T, s *suite) {
	s.world()
	basic := token("bas_1")
	basic.Kind, basic.Sealed = access.KindBasic, []byte("sealed password")
	s.insert(basic)
	s.update(func(tx access.Tx) error {
		return expect("disable", true)(tx.RevokeCredential("bas_1", after(1), "Ada", "nobody needs it"))
	})
	got := s.credential("bas_1")
	s.equal("digest", got.Digest, secret.Digest{})
	s.equal("sealed password", got.Sealed, []byte(nil))
	s.equal("state", got.StateAt(after(1)), access.Disabled)
	missing(s, "by its former digest", func(tx access.ReadTx) (access.Credential, error) {
		return tx.CredentialByDigests([]secret.Digest{basic.Digest})
	})
	s.equal("still found", get(s, func(tx access.ReadTx) (access.Credential, error) { return tx.BasicOf("app_1") }), got)
}

// chosen returns the ids that a filter chooses, each of which must be in the
// state that the filter asks for.
func (s *suite) chosen(f access.CredentialFilter) []string {
	s.Helper()
	if f.ApplicationID == "" {
		f.ApplicationID = "app_1"
	}
	found := get(s, func(tx access.ReadTx) ([]access.Credential, error) { return tx.Credentials(f) })
	for _, c := range found {
		if f.State != "" && c.StateAt(f.Now) != f.State {
			s.Errorf("%s is %s, and was found as %s", c.ID, c.StateAt(f.Now), f.State)
		}
	}
	return ids(found, func(c access.Credential) string { return c.ID })
}

func testCredentialStates(t *testing.T, s *suite) {
	s.world()
	all := map[string]access.Credential{}
	add := func(id string, change func(c *access.Credential)) {
		c := token(id)
		change(&c)
		all[id] = c
		s.insert(c)
	}
	add("tok_a", func(*access.Credential) {})
	add("tok_b", func(c *access.Credential) { c.ExpiresAt = after(100) })
	add("tok_c", func(c *access.Credential) { c.PausedAt = after(10) })
	add("tok_d", func(c *access.Credential) { c.PausedAt, c.ExpiresAt = after(10), after(100) })
	add("tok_e", func(c *access.Credential) { c.RevokedAt, c.ExpiresAt, c.PausedAt = after(20), after(100), after(10) })
	add("bas_f", func(c *access.Credential) {
		c.Kind, c.RevokedAt, c.Digest = access.KindBasic, after(20), secret.Digest{}
	})
	add("cli_g", func(c *access.Credential) { c.Kind = access.KindClient })
	for _, now := range []time.Time{after(50), after(100).Add(-time.Microsecond), after(100), after(100).Add(time.Microsecond)} {
		for _, state := range []access.State{access.Active, access.Paused, access.Expired, access.Revoked, access.Disabled} {
			want := []string{}
			for _, id := range []string{"tok_e", "tok_d", "tok_c", "tok_b", "tok_a", "cli_g", "bas_f"} {
				if all[id].StateAt(now) == state {
					want = append(want, id)
				}
			}
			s.equal(fmt.Sprintf("%s at %s", state, now), s.chosen(access.CredentialFilter{State: state, Now: now}), want)
		}
	}
	s.equal("live before the end", s.chosen(access.CredentialFilter{Live: true, Now: after(99)}), []string{"tok_d", "tok_c", "tok_b", "tok_a", "cli_g"})
	s.equal("ended before the end", s.chosen(access.CredentialFilter{Ended: true, Now: after(99)}), []string{"tok_e", "bas_f"})
	s.equal("live at the end", s.chosen(access.CredentialFilter{Live: true, Now: after(100)}), []string{"tok_c", "tok_a", "cli_g"})
	s.equal("ended at the end", s.chosen(access.CredentialFilter{Ended: true, Now: after(100)}), []string{"tok_e", "tok_d", "tok_b", "bas_f"})
	s.equal("by kind", s.chosen(access.CredentialFilter{Kind: access.KindClient}), []string{"cli_g"})
	s.equal("all", s.chosen(access.CredentialFilter{}), []string{"tok_e", "tok_d", "tok_c", "tok_b", "tok_a", "cli_g", "bas_f"})
	s.equal("of another application", s.chosen(access.CredentialFilter{Whose: access.Whose{ApplicationID: "app_2"}}), []string{})
	soon := access.CredentialFilter{Live: true, Now: after(50), ExpiresBefore: after(100)}
	s.equal("expires before its end", s.chosen(soon), []string{})
	soon.ExpiresBefore = after(101)
	s.equal("expires soon", s.chosen(soon), []string{"tok_d", "tok_b"})
	soon.Kind, soon.State = access.KindToken, access.Active
	s.equal("all at once", s.chosen(soon), []string{"tok_b"})
	err := s.store.View(t.Context(), func(tx access.ReadTx) error {
		_, err := tx.Credentials(access.CredentialFilter{Whose: access.Whose{ApplicationID: "app_1"}, State: "strange"})
		return err
	})
	if err == nil {
		t.Error("an unknown state was accepted")
	}
}

func testCredentialSearch(t *testing.T, s *suite) {
	s.world()
	for id, label := range map[string]string{"tok_1": "Nightly ÄRGER job", "tok_2": "50% off_peak", "tok_3": `back\slash`, "tok_4": "500 off-peak"} {
		c := token(id)
		c.Label, c.Prefix = label, "clavt_"+id[4:]+"Zz"
		s.insert(c)
	}
	for search, want := range map[string][]string{
		"NIGHTLY": {"tok_1"}, "ärger": {"tok_1"}, "0%": {"tok_2"}, "off_": {"tok_2"}, "off": {"tok_4", "tok_2"}, `k\s`: {"tok_3"},
		"clavt_3z": {"tok_3"}, "X9QA": {"tok_4", "tok_3", "tok_2", "tok_1"}, "1Zz…x9Qa": {"tok_1"}, "nothing": {},
	} {
		s.equal("search for "+search, s.chosen(access.CredentialFilter{Search: search}), want)
	}
	s.update(func(tx access.Tx) error { return tx.RenameCredential("tok_1", "Daily") })
	s.equal("the former label", s.chosen(access.CredentialFilter{Search: "nightly"}), []string{})
	s.equal("the new label", s.chosen(access.CredentialFilter{Search: "daily"}), []string{"tok_1"})
}

func testCredentialScopes(t *testing.T, s *suite) {
	s.world()
	for id, text := range map[string]string{
		"tok_1": "", "tok_2": "*:read", "tok_3": "backend:read backend:write", "tok_4": "a-backend:read", "tok_5": "backend:write oplog:read zebra:read",
	} {
		c := token(id)
		restriction, err := access.ParseScopes(text)
		if err != nil {
			t.Fatal(err)
		}
		c.Restriction = restriction
		s.insert(c)
	}
	for _, scope := range []access.Scope{
		{API: "backend", Action: access.Read},
		{API: "backend", Action: access.Write},
		{API: "oplog", Action: access.Read},
		{API: "zebra", Action: access.Read},
		{API: access.AnyAPI, Action: access.Read},
		{API: access.AnyAPI, Action: access.Write},
		{API: "back", Action: access.Read},
	} {
		want := []string{}
		for _, id := range []string{"tok_5", "tok_4", "tok_3", "tok_2", "tok_1"} {
			if s.credential(id).Restriction.Effective().Allow(scope.API, scope.Action) {
				want = append(want, id)
			}
		}
		s.equal("scope "+scope.String(), s.chosen(access.CredentialFilter{Scope: scope}), want)
	}
}

func testCredentialPaging(t *testing.T, s *suite) {
	s.world()
	var want []string // newest first: three moments, three credentials each
	for i := 8; i >= 0; i-- {
		c := token(fmt.Sprintf("tok_%d", i))
		c.CreatedAt = after(i / 3)
		s.insert(c)
		want = append(want, c.ID)
	}
	cursor := func(i int) access.Cursor {
		c := s.credential(want[i])
		return access.Cursor{At: c.CreatedAt, ID: c.ID}
	}
	for size := 1; size <= 10; size++ {
		for _, live := range []bool{false, true} {
			f := access.CredentialFilter{Limit: size, Live: live, Now: epoch}
			seen := []string{}
			for page := s.chosen(f); len(page) > 0 && len(seen) <= len(want); page = s.chosen(f) {
				seen = append(seen, page...)
				f.After = cursor(len(seen) - 1)
			}
			s.equal(fmt.Sprintf("onwards by %d", size), seen, want)
		}
	}
	s.equal("the nearest newer ones", s.chosen(access.CredentialFilter{Limit: 2, Before: cursor(5)}), want[3:5])
	s.equal("fewer newer ones than asked for", s.chosen(access.CredentialFilter{Limit: 4, Before: cursor(2)}), want[:2])
	s.equal("nothing newer", s.chosen(access.CredentialFilter{Limit: 2, Before: cursor(0)}), []string{})
	s.equal("nothing older", s.chosen(access.CredentialFilter{Limit: 2, After: cursor(8)}), []string{})
	s.equal("between", s.chosen(access.CredentialFilter{Limit: 9, After: cursor(1), Before: cursor(6)}), want[2:6])
	s.equal("without a limit", s.chosen(access.CredentialFilter{}), want)
}

func testCredentialCount(t *testing.T, s *suite) {
	s.world()
	for i := range 5 {
		c := token(fmt.Sprintf("tok_%d", i))
		if i > 2 {
			c.ExpiresAt = after(10)
		}
		s.insert(c)
	}
	count := func(f access.CredentialFilter, most int) int {
		f.ApplicationID = "app_1"
		return get(s, func(tx access.ReadTx) (int, error) { return tx.CountCredentials(f, most) })
	}
	s.equal("all", count(access.CredentialFilter{}, 100), 5)
	s.equal("up to most", count(access.CredentialFilter{}, 3), 3)
	s.equal("of a state", count(access.CredentialFilter{State: access.Expired, Now: after(10)}, 100), 2)
	s.equal("whatever cursors and limit are", count(access.CredentialFilter{Limit: 1, After: access.Cursor{At: epoch, ID: "tok_2"}}, 100), 5)
	s.equal("none", count(access.CredentialFilter{Search: "nothing"}, 100), 0)
}

func testEnded(t *testing.T, s *suite) {
	s.world()
	for i, c := range []struct{ expires, revoked int }{{0, 0}, {20, 0}, {0, 30}, {40, 10}, {90, 0}, {25, 0}, {0, 26}} {
		one := token(fmt.Sprintf("tok_%d", i))
		if c.expires > 0 {
			one.ExpiresAt = after(c.expires)
		}
		if c.revoked > 0 {
			one.RevokedAt = after(c.revoked)
		}
		s.insert(one)
	}
	client := token("cli_1")
	client.Kind, client.RevokedAt = access.KindClient, after(1)
	s.insert(client)
	ended := func(limit int) []string {
		ids := []string{}
		for _, c := range get(s, func(tx access.ReadTx) ([]access.Credential, error) {
			return tx.EndedCredentials("app_1", access.KindToken, after(50), limit)
		}) {
			ids = append(ids, c.ID)
		}
		return ids
	}
	count := func(app string, most int) int {
		return get(s, func(tx access.ReadTx) (int, error) { return tx.CountEnded(app, access.KindToken, after(50), most) })
	}
	want := []string{"tok_2", "tok_6", "tok_5", "tok_1", "tok_3"}
	s.equal("the latest ended first", ended(100), want)
	s.equal("no more than asked for", ended(3), want[:3])
	s.equal("counted", []int{count("app_1", 100), count("app_1", 4), count("app_9", 4)}, []int{5, 4, 0})
}

func testNonces(t *testing.T, s *suite) {
	use := func(nonce string, at time.Time) bool {
		return did(s, func(tx access.Tx) (bool, error) { return tx.UseNonce(nonce, at) })
	}
	s.equal("first", use("a", epoch), true)
	s.equal("again", use("a", after(1)), false)
	s.equal("another one", use("b", after(1)), true)
	s.equal("after a day", use("a", epoch.AddDate(0, 0, 1)), false)
	s.equal("long forgotten", use("a", epoch.AddDate(0, 0, 60)), true)
}
