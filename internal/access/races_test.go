package access_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// lateStore is a real store in which something else happens before one of the notes.
type lateStore struct {
	access.Store
	left    int // notes until then
	happens func()
}

// Note is the store's, after what happens before it.
func (s *lateStore) Note(ctx context.Context, write func(access.NoteTx) error) error {
	if s.left--; s.left == 0 {
		s.happens()
	}
	return s.Store.Note(ctx, write)
}

// TestPasswordChangedWhileJudged: a password takes a while to be judged. What was changed
// meanwhile opens neither a session nor buys an access token with the old one, which the
// change could not end any more.
func TestPasswordChangedWhileJudged(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	reset := func(email string) error {
		_, err := o.Accounts.ResetPassword(t.Context(), o.Operator(), email, func() (secret.Secret, error) { return secret.New("another good one 9876"), nil })
		return err
	}
	disable := func(email string) error {
		_, err := o.Accounts.DisableUser(t.Context(), o.Operator(), email)
		return err
	}
	for what, change := range map[string]func(email string) error{"reset": reset, "disabled": disable} {
		email := what + "@example.com"
		o.User(email, "acme", access.Member)
		late := &lateStore{Store: o.Store}
		deps := o.Accounts.Deps
		deps.Store = late
		accounts := access.NewAccounts(deps)
		during := func() {
			if err := change(email); err != nil {
				t.Error(err)
			}
		}
		late.left, late.happens = 2, during // the first one counts the attempt
		if in, err := accounts.SignIn(t.Context(), credentials(email, testkit.Password)); access.KindOf(err) != access.Unauthenticated || !in.Token.IsZero() {
			t.Errorf("%s: signed in: %v", what, err)
		}
		email = "grant-" + email
		o.User(email, "acme", access.Member)
		late.left = 2
		got, err := access.NewAuthority(deps, accounts, o.Verifier).Grant(t.Context(), by(email, testkit.Password))
		if e := access.AsOAuthError(err); e == nil || e.Code != access.InvalidGrant || !got.Secret.IsZero() {
			t.Errorf("%s: granted %v", what, err)
		}
	}
}

// slowStore is a real store that answers only when several ask at a time.
type slowStore struct {
	access.Store
	slow     atomic.Bool
	asking   atomic.Int64
	together chan struct{} // closed when so many ask at a time
	once     sync.Once
}

const askTogether = 4

// Lookup waits for others to ask, too.
func (s *slowStore) Lookup(ctx context.Context, read func(access.ReadTx) error) error {
	if s.slow.Load() {
		if s.asking.Add(1) == askTogether {
			s.once.Do(func() { close(s.together) })
		}
		defer s.asking.Add(-1)
		select {
		case <-s.together:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.Store.Lookup(ctx, read)
}

// TestWatchJudgesSeveralAtATime: streams of many credentials, about each of which the
// database has to be asked, do not wait for each other.
func TestWatchJudgesSeveralAtATime(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	slow := &slowStore{Store: o.Store, together: make(chan struct{})}
	deps := o.Registry.Deps
	deps.Store = slow
	verifier := access.NewVerifier(deps, o.Uses)
	var streams [2 * askTogether]access.Stream
	cut := make(chan *access.Cut, len(streams))
	var last access.Issued
	for i := range streams {
		last = o.Token("acme", "orders", fmt.Sprint("stream ", i), "")
		request := bearer(last)
		verdict, err := verifier.Verify(t.Context(), request)
		if err != nil || !verdict.Accepted() {
			t.Fatalf("%+v, %v", verdict, err)
		}
		verifier.Attend(&streams[i], &request, &verdict, func(c *access.Cut) { cut <- c })
	}
	if _, err := o.Registry.Each(t.Context(), o.Operator(), "acme", "orders", access.RevokeThem, []string{last.Credential.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(t.Context(), access.Request{Organization: "acme", Application: "orders"}); err != nil {
		t.Fatal(err) // the application is remembered again: one question is left for each stream
	}
	slow.slow.Store(true)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); verifier.Watch(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	select {
	case c := <-cut:
		if c.Verdict.Reason != access.CredentialRevoked {
			t.Errorf("cut because of %v, want the revocation", c)
		}
	case <-time.After(20 * time.Second):
		t.Error("each stream waits for the one before it")
	}
}

// TestReinstateEndsAccessTokens: where nobody knows which access tokens had been revoked,
// none works; where it is known, the others go on.
func TestReinstateEndsAccessTokens(t *testing.T) {
	t.Parallel()
	for known, want := range map[bool]access.Reason{true: access.Accepted, false: access.CredentialRevoked} {
		o := newOffice(t)
		g := o.granted(as(o.client("orders", access.Draft{})))
		o.opens("before", "acme", "orders", "POST", g.Secret, access.Accepted)
		out, err := access.NewAuditor(o.Registry.Deps).Reinstate(t.Context(), o.Operator(), access.Gap{Act: access.ActRestore, Known: known})
		if err != nil || out.AccessTokens != map[bool]int{false: 1}[known] {
			t.Errorf("endings known %v: %d access tokens, %v", known, out.AccessTokens, err)
		}
		o.opens("after", "acme", "orders", "POST", g.Secret, want)
	}
}

// rotatingStore is a real store in which something happens between the making of a secret's digests and the question for
// them.
type rotatingStore struct {
	access.Store
	happens func() // once
}

type rotatingTx struct {
	access.ReadTx
	store *rotatingStore
}

// Lookup is the store's.
func (s *rotatingStore) Lookup(ctx context.Context, read func(access.ReadTx) error) error {
	return s.Store.Lookup(ctx, func(tx access.ReadTx) error { return read(rotatingTx{tx, s}) })
}

// CredentialByDigests is the transaction's, after what happens before it.
func (tx rotatingTx) CredentialByDigests(digests []secret.Digest) (access.Credential, error) {
	if happens := tx.store.happens; happens != nil {
		tx.store.happens = nil
		happens()
	}
	return tx.ReadTx.CredentialByDigests(digests)
}

// TestRotatedWhileLookedUp: a token is looked up under the keys that there were a moment ago; meanwhile the key is
// rotated, and the token moves to the new one. It is good all the same.
func TestRotatedWhileLookedUp(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	token := o.Token("acme", "orders", "busy", "")
	rotating := &rotatingStore{Store: o.Store}
	deps := o.Registry.Deps
	deps.Store = rotating
	verifier := access.NewVerifier(deps, access.NewUseLog(rotating, slog.New(slog.DiscardHandler)))
	request := access.Request{
		Organization: "acme", Application: "orders", API: "backend", WantAPI: true, Method: "GET", Caller: desk,
		Presented: access.Presented{Way: access.WayBearer, Secret: secret.New("clavt_00000000000000000000000000000000000000000000")},
	}
	if _, err := verifier.Verify(t.Context(), request); err != nil { // the application is in memory from now on
		t.Fatal(err)
	}
	request.Presented.Secret = token.Secret
	rotating.happens = func() {
		now, before := o.rotate()
		o.opens("meanwhile", "acme", "orders", "GET", token.Secret, access.Accepted)
		o.FlushUses()
		if key := o.keyOf(token.Credential.ID); key != now || key == before {
			t.Errorf("it lives by %s, want %s", key, now)
		}
	}
	if v, err := verifier.Verify(t.Context(), request); err != nil || v.Reason != access.Accepted || rotating.happens != nil {
		t.Errorf("reason %d (%s), %v", v.Reason, v.Description, err)
	}
}
