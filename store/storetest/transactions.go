package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"claviger/internal/access"
)

func testErrors(t *testing.T, s *suite) {
	s.world()
	own := &access.Error{Kind: access.Forbidden, Message: "No."}
	for what, err := range map[string]error{
		"update": s.store.Update(t.Context(), func(access.Tx) error { return fmt.Errorf("act: %w", own) }),
		"view":   s.store.View(t.Context(), func(access.ReadTx) error { return fmt.Errorf("act: %w", own) }),
	} {
		if got, ok := errors.AsType[*access.Error](err); !ok || got != own {
			t.Errorf("%s: error %v, want the closure's own", what, err)
		}
	}
	// References keep nonsense out; that is a fault of ours, not the database's.
	c := token("tok_1")
	c.ApplicationID = "app_9"
	s.kind("a reference to nothing", s.store.Update(t.Context(), func(tx access.Tx) error { return tx.InsertCredential(c) }), access.Internal)
}

func (s *suite) signedIn(id string) time.Time {
	s.Helper()
	return get(s, func(tx access.ReadTx) (access.User, error) { return tx.User(id) }).LastSignInAt
}

func testRollback(t *testing.T, s *suite) {
	s.world()
	stop := errors.New("stop")
	err := s.store.Update(t.Context(), func(tx access.Tx) error {
		if err := errors.Join(tx.SetSignedIn("usr_1", epoch), tx.InsertCredential(token("tok_1")), appendEvent(tx, access.Event{Act: access.ActSignIn})); err != nil {
			return err
		}
		if _, err := tx.Credential("tok_1"); err != nil {
			return fmt.Errorf("what the closure has written is not seen by itself: %w", err)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Fatalf("error %v, want the closure's", err)
	}
	s.equal("user", s.signedIn("usr_1"), time.Time{})
	missing(s, "credential", func(tx access.ReadTx) (access.Credential, error) { return tx.Credential("tok_1") })
	s.equal("events", s.events(access.EventFilter{}), []access.Event(nil))
}

func testPanic(t *testing.T, s *suite) {
	s.world()
	func() {
		defer func() { s.equal("recovered", recover(), "ouch") }()
		_ = s.store.Update(t.Context(), func(tx access.Tx) error {
			if err := tx.SetSignedIn("usr_1", epoch); err != nil {
				return err
			}
			panic("ouch")
		})
	}()
	s.equal("nothing is left", s.signedIn("usr_1"), time.Time{})
	s.update(func(tx access.Tx) error { return tx.SetSignedIn("usr_1", after(1)) })
	s.equal("the store goes on", s.signedIn("usr_1"), after(1))
}

func testReadOnly(t *testing.T, s *suite) {
	s.world()
	err := s.store.View(t.Context(), func(tx access.ReadTx) error {
		return tx.(access.SessionWriter).SetSignedIn("usr_1", epoch)
	})
	if err == nil {
		t.Error("a View could write")
	}
	s.equal("nothing was written", s.signedIn("usr_1"), time.Time{})
}

func testSnapshot(t *testing.T, s *suite) {
	s.world()
	s.view(func(tx access.ReadTx) error {
		before, err := tx.User("usr_1")
		if err != nil {
			return err
		}
		s.update(func(tx access.Tx) error { return tx.SetSignedIn("usr_1", epoch) })
		now, err := tx.User("usr_1")
		s.equal("within one View", now, before)
		return err
	})
	s.equal("in the next View", s.signedIn("usr_1"), epoch)
}

// testLookup: questions without a transaction see what is committed by then, each for
// itself, and what is not there is not there.
func testLookup(t *testing.T, s *suite) {
	s.world()
	lookup := func(read func(tx access.ReadTx) error) {
		s.Helper()
		if err := s.store.Lookup(s.Context(), read); err != nil {
			s.Fatalf("lookup: %v", err)
		}
	}
	lookup(func(tx access.ReadTx) error {
		if _, err := tx.Target("acme", "orders"); err != nil {
			return err
		}
		s.update(func(tx access.Tx) error { return tx.SetSignedIn("usr_1", epoch) })
		now, err := tx.User("usr_1")
		s.equal("after a change, within one Lookup", now.LastSignInAt, epoch)
		return err
	})
	if err := s.store.Lookup(t.Context(), func(tx access.ReadTx) error { _, err := tx.User("usr_9"); return err }); err != access.ErrNoRow {
		t.Errorf("nobody: %v, want ErrNoRow", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.store.Lookup(gone, func(tx access.ReadTx) error { _, err := tx.User("usr_1"); return err }); !errors.Is(err, context.Canceled) {
		t.Errorf("for a caller who has gone: %v, want canceled", err)
	}
}

// concurrently runs do n times at once and reports its errors.
func (s *suite) concurrently(n int, do func(i int) error) {
	s.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		s.Fatal(err)
	}
}

func testLostUpdates(t *testing.T, s *suite) {
	s.world()
	const workers, times = 20, 10
	s.update(func(tx access.Tx) error { return tx.SetSignedIn("usr_1", after(0)) })
	s.concurrently(workers, func(int) error {
		for range times {
			err := s.store.Update(t.Context(), func(tx access.Tx) error {
				u, err := tx.User("usr_1")
				if err != nil {
					return err
				}
				return tx.SetSignedIn("usr_1", u.LastSignInAt.Add(time.Second))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	s.equal("read, changed and written", s.signedIn("usr_1"), after(workers*times))
}

func testOnlyOnce(t *testing.T, s *suite) {
	s.world()
	s.insert(token("tok_1"))
	s.update(func(tx access.Tx) error {
		return errors.Join(
			tx.InsertSession(session("ses_1", "one")),
			tx.PutSetupLink(access.SetupLink{TokenHash: []byte("link"), ExpiresAt: after(100)}),
			tx.InsertInvite(invite("inv_1", "used once")), tx.InsertInvite(invite("inv_2", "used or withdrawn")),
			tx.InsertAccessToken(accessToken("act_1", 1)),
		)
	})
	for what, change := range map[string]func(tx access.Tx, i int) (bool, error){
		"set-up link": func(tx access.Tx, _ int) (bool, error) { return tx.UseSetupLink([]byte("link"), epoch) },
		"rotation": func(tx access.Tx, i int) (bool, error) {
			return tx.RotateSession("ses_1", []byte("one"), fmt.Appendf(nil, "new %d", i), epoch)
		},
		"nonce":        func(tx access.Tx, _ int) (bool, error) { return tx.UseNonce("nonce", epoch) },
		"revocation":   func(tx access.Tx, _ int) (bool, error) { return tx.RevokeCredential("tok_1", epoch, "", "") },
		"invitation":   func(tx access.Tx, _ int) (bool, error) { return tx.UseInvite("inv_1", epoch) },
		"access token": func(tx access.Tx, _ int) (bool, error) { return tx.RevokeAccessToken("act_1", epoch, "", "") },
		"use of an invitation or its withdrawal": func(tx access.Tx, i int) (bool, error) {
			if i%2 == 0 {
				return tx.WithdrawInvite("inv_2", epoch)
			}
			return tx.UseInvite("inv_2", epoch)
		},
		"user": func(tx access.Tx, i int) (bool, error) {
			return tx.InsertUser(user(fmt.Sprint("usr_x", i), "x@example.com", "X"))
		},
	} {
		var mu sync.Mutex
		happened := 0
		s.concurrently(8, func(i int) error {
			var ok bool
			err := s.store.Update(t.Context(), func(tx access.Tx) (err error) {
				ok, err = change(tx, i)
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			if ok {
				happened++
			}
			return err
		})
		s.equal(what+" happened", happened, 1)
	}
}

func testChain(t *testing.T, s *suite) {
	const workers, times = 8, 12
	s.concurrently(workers, func(i int) error {
		for range times {
			err := s.store.Update(t.Context(), func(tx access.Tx) error {
				return appendEvent(tx, access.Event{Act: access.ActSignIn, ActorID: fmt.Sprint("usr_", i), Detail: map[string]string{"worker": fmt.Sprint(i)}})
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	all := s.events(access.EventFilter{})
	s.equal("how many", len(all), workers*times)
	previous := make([]byte, 32)
	for i := range all {
		e := all[len(all)-1-i]
		if e.Seq != int64(i+1) || !bytes.Equal(e.PrevHash, previous) || !bytes.Equal(e.Hash, e.ChainHash()) {
			t.Fatalf("the chain breaks at event %d (number %d)", i+1, e.Seq)
		}
		previous = e.Hash
	}
}

func testContexts(t *testing.T, s *suite) {
	s.world()
	ctx, cancel := context.WithCancel(t.Context())
	err := s.store.Update(ctx, func(tx access.Tx) error {
		if err := tx.SetSignedIn("usr_1", epoch); err != nil {
			return err
		}
		cancel()
		_, err := tx.User("usr_1")
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled within an update: error %v", err)
	}
	s.equal("nothing is left", s.signedIn("usr_1"), time.Time{})
	for what, err := range map[string]error{
		"update": s.store.Update(ctx, func(access.Tx) error { return nil }),
		"view":   s.store.View(ctx, func(access.ReadTx) error { return nil }),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s after it was canceled: error %v", what, err)
		}
	}
	s.update(func(tx access.Tx) error { return tx.SetSignedIn("usr_1", after(1)) })
}
