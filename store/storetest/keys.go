package storetest

import (
	"slices"
	"sync"
	"testing"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// under returns a digest by another key.
func under(key, of string) secret.Digest {
	d := digest(of)
	d.KeyID, d.Sum[0] = key, d.Sum[0]^byte(len(key))
	return d
}

func (s *suite) countUnder(key string) (credentials, accessTokens int) {
	s.Helper()
	s.view(func(tx access.ReadTx) error {
		var err error
		credentials, accessTokens, err = tx.CountUnderKey(key, after(50), 1000)
		return err
	})
	return credentials, accessTokens
}

func testRetiredKeys(_ *testing.T, s *suite) {
	retired := func(id string) bool {
		return get(s, func(tx access.ReadTx) (bool, error) { return tx.KeyRetired(id) })
	}
	s.equal("before", retired("key1"), false)
	for range 2 {
		s.update(func(tx access.Tx) error { return tx.RetireKey("key1", epoch) })
		s.equal("retired", []bool{retired("key1"), retired("key2")}, []bool{true, false})
	}
}

func testKeys(t *testing.T, s *suite) {
	s.world()
	s.clients() // cli_1, cli_2
	live, expired, revoked, paused := token("tok_1"), token("tok_2"), token("tok_3"), token("tok_4")
	expired.ExpiresAt, revoked.RevokedAt, paused.PausedAt = after(20), after(20), after(20)
	s.insert(live, expired, revoked, paused)
	over := issuedTo("cli_1", "act_2", -60)
	s.issue(issuedTo("cli_1", "act_1", 1), over)
	own := digest("tok_1").KeyID
	ids := func() []string { return get(s, func(tx access.ReadTx) ([]string, error) { return tx.KeyIDs() }) }
	s.equal("keys", ids(), []string{own})
	before, tokens := s.countUnder(own)
	if tokens != 1 {
		t.Errorf("%d access tokens live, want 1", tokens)
	}
	list := get(s, func(tx access.ReadTx) ([]access.Credential, error) {
		return tx.CredentialsUnderKey(own, after(50), 1000)
	})
	if len(list) != before || !has(list, "tok_1") || !has(list, "tok_4") || has(list, "tok_2") || has(list, "tok_3") {
		t.Errorf("%d are counted; listed: %v", before, list)
	}
	if few := get(s, func(tx access.ReadTx) ([]access.Credential, error) { return tx.CredentialsUnderKey(own, after(50), 1) }); len(few) != 1 {
		t.Errorf("%d listed, want 1", len(few))
	}

	s.redigest(access.Redigest{ID: "tok_1", From: digest("tok_1"), To: under("key9", "tok_1")}, access.Redigest{ID: "act_1", AccessToken: true, From: digest("act_1"), To: under("key9", "act_1")},
		access.Redigest{ID: "tok_4", From: under("key9", "tok_4"), To: under("key9", "other")}) // not its digest any more
	live.Digest = under("key9", "tok_1")
	s.equal("by the new digest", get(s, func(tx access.ReadTx) (access.Credential, error) {
		return tx.CredentialByDigests([]secret.Digest{under("key9", "tok_1")})
	}), live)
	missing(s, "by the old digest", func(tx access.ReadTx) (access.Credential, error) {
		return tx.CredentialByDigests([]secret.Digest{digest("tok_1")})
	})
	s.equal("another one's", get(s, func(tx access.ReadTx) (access.Credential, error) { return tx.Credential("tok_4") }), paused)
	if got := s.issued("act_1").Digest; got.KeyID != "key9" || !slices.Equal(got.Sum, under("key9", "act_1").Sum) {
		t.Errorf("the access token's digest is %v", got)
	}
	s.equal("keys now", ids(), slices.Sorted(slices.Values([]string{own, "key9"})))
	if c, a := s.countUnder("key9"); c != 1 || a != 1 {
		t.Errorf("by the new key live %d and %d", c, a)
	}
	if c, a := s.countUnder(own); c != before-1 || a != 0 {
		t.Errorf("by the old key live %d and %d", c, a)
	}
}

// testFoundWhileMoved looks for a credential and an access token by their digests under two keys, while they are moved
// from one to the other and back: each time they are found, whatever is asked first.
func testFoundWhileMoved(t *testing.T, s *suite) {
	const times = 300
	s.world()
	s.clients()
	s.insert(token("tok_1"))
	s.issue(issuedTo("cli_1", "act_1", 1))
	both := func(id string) []secret.Digest { return []secret.Digest{under("key9", id), digest(id)} }
	ctx, done := t.Context(), make(chan struct{})
	var readers sync.WaitGroup
	for _, reverse := range []bool{false, true} {
		credential, accessToken := both("tok_1"), both("act_1")
		if reverse {
			slices.Reverse(credential)
			slices.Reverse(accessToken)
		}
		readers.Go(func() {
			for {
				err := s.store.Lookup(ctx, func(tx access.ReadTx) error {
					_, err := tx.CredentialByDigests(credential)
					return err
				})
				if err == nil {
					err = s.store.Lookup(ctx, func(tx access.ReadTx) error {
						_, err := tx.AccessTokenByDigests(accessToken)
						return err
					})
				}
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range times {
		var moves []access.Redigest
		for _, id := range []string{"tok_1", "act_1"} {
			ds := both(id)
			moves = append(moves, access.Redigest{ID: id, AccessToken: id == "act_1", From: ds[(i+1)%2], To: ds[i%2]})
		}
		s.redigest(moves...)
	}
	close(done)
	readers.Wait()
}

func has(list []access.Credential, id string) bool {
	return slices.ContainsFunc(list, func(c access.Credential) bool { return c.ID == id })
}

func (s *suite) redigest(changes ...access.Redigest) {
	s.Helper()
	if err := s.store.Note(s.Context(), func(tx access.NoteTx) error { return tx.Redigest(changes) }); err != nil {
		s.Fatalf("redigest: %v", err)
	}
}

func testReseal(t *testing.T, s *suite) {
	s.world()
	basic := token("bas_1")
	basic.Kind, basic.Sealed = access.KindBasic, []byte("sealed by the old key")
	s.insert(basic)
	sealed := func(after string) []access.Credential {
		return get(s, func(tx access.ReadTx) ([]access.Credential, error) { return tx.SealedCredentials(after, 10) })
	}
	s.equal("sealed", sealed(""), []access.Credential{basic})
	if list := sealed(basic.ApplicationID); len(list) != 0 {
		t.Errorf("after the last: %v", list)
	}
	reseal := func(from, to string) (done bool) {
		s.Helper()
		if err := s.store.Note(s.Context(), func(tx access.NoteTx) error {
			var err error
			done, err = tx.Reseal("bas_1", []byte(from), []byte(to))
			return err
		}); err != nil {
			s.Fatalf("reseal: %v", err)
		}
		return done
	}
	if reseal("something else", "x") || !reseal("sealed by the old key", "sealed anew") {
		t.Error("sealed anew from another copy, or not from its own")
	}
	basic.Sealed = []byte("sealed anew")
	s.equal("sealed now", sealed(""), []access.Credential{basic})
	s.update(func(tx access.Tx) error {
		_, err := tx.RevokeCredential("bas_1", after(9), "usr_1", "x")
		return err
	})
	if list := sealed(""); len(list) != 0 || reseal("sealed anew", "x") {
		t.Errorf("disabled, and still sealed: %v", list)
	}
}
