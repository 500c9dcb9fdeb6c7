package access_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// faultyStore is a real store that can be kept from answering, and from telling
// whether something has changed.
type faultyStore struct {
	access.Store
	unsure, broken atomic.Bool
	views          atomic.Int64
}

// Epoch says nothing where the store is unsure.
func (f *faultyStore) Epoch() (uint64, bool) {
	epoch, ok := f.Store.Epoch()
	return epoch, ok && !f.unsure.Load()
}

// View fails where the store is broken.
func (f *faultyStore) View(ctx context.Context, read func(access.ReadTx) error) error {
	f.views.Add(1)
	if f.broken.Load() {
		return &access.Error{Kind: access.Unavailable, Message: "The database cannot be reached."}
	}
	return f.Store.View(ctx, read)
}

// watchedStream is a stream that is judged again over a faulty store.
type watchedStream struct {
	*testkit.Site
	store    *faultyStore
	verifier *access.Verifier
	token    access.Issued
	cut      chan *access.Cut
	stream   access.Stream
}

func newWatchedStream(t *testing.T) *watchedStream {
	s := &watchedStream{Site: testkit.Server(t), cut: make(chan *access.Cut, 1)}
	s.Organization("acme")
	s.Application("acme", "orders")
	s.token = s.Token("acme", "orders", "stream", "")
	s.store = &faultyStore{Store: s.Store}
	deps := s.Registry.Deps
	deps.Store = s.store
	s.verifier = access.NewVerifier(deps, s.Uses)
	verdict, err := s.verifier.Verify(t.Context(), bearer(s.token))
	if err != nil || !verdict.Accepted() {
		t.Fatalf("%+v, %v", verdict, err)
	}
	request := bearer(s.token)
	s.verifier.Attend(&s.stream, &request, &verdict, func(c *access.Cut) { s.cut <- c })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.verifier.Watch(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	return s
}

// wasCut waits until the stream is cut.
func (s *watchedStream) wasCut(t *testing.T) *access.Cut {
	t.Helper()
	select {
	case c := <-s.cut:
		return c
	case <-time.After(20 * time.Second):
		t.Fatal("the stream runs on")
		return nil
	}
}

// asked waits until the store was asked once more.
func (s *watchedStream) asked(t *testing.T) {
	t.Helper()
	for before, deadline := s.store.views.Load(), time.Now().Add(20*time.Second); s.store.views.Load() == before; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the store is not asked")
		}
	}
}

// TestWatchUnsure: where the store cannot tell whether something has changed it is
// asked each second, and only what is said then counts.
func TestWatchUnsure(t *testing.T) {
	s := newWatchedStream(t)
	s.store.unsure.Store(true)
	s.asked(t)
	for range 10 { // ten seconds that the store answers are no reason to cut
		s.Clock.Advance(time.Second)
		s.asked(t)
	}
	if len(s.cut) != 0 {
		t.Fatal("the stream was cut although the store answers")
	}
	if _, err := s.Registry.Each(t.Context(), s.Operator(), "acme", "orders", access.RevokeThem, []string{s.token.Credential.ID}); err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(time.Second)
	if c := s.wasCut(t); c.Verdict.Reason != access.CredentialRevoked {
		t.Errorf("cut because of %v, want the revocation", c)
	}
}

// TestWatchWithoutAnswer: five seconds without an answer are the most.
func TestWatchWithoutAnswer(t *testing.T) {
	s := newWatchedStream(t)
	s.store.broken.Store(true)
	s.Token("acme", "orders", "other", "") // what is remembered counts no longer
	s.asked(t)
	for range 4 {
		s.Clock.Advance(time.Second)
		s.asked(t)
	}
	if len(s.cut) != 0 {
		t.Fatal("cut within five seconds")
	}
	s.Clock.Advance(time.Second)
	if c := s.wasCut(t); access.KindOf(c.Err) != access.Unavailable {
		t.Errorf("cut because of %v, want that nobody could tell", c)
	}
	if running, cut := s.verifier.Streams(); running != 0 || cut != 1 {
		t.Errorf("%d run and %d were cut, want 0 and 1", running, cut)
	}
}

// TestWatchGetsAnAnswerAgain: an answer in time begins the five seconds anew.
func TestWatchGetsAnAnswerAgain(t *testing.T) {
	s := newWatchedStream(t)
	s.store.unsure.Store(true)
	for range 3 {
		s.store.broken.Store(true)
		s.Clock.Advance(time.Second)
		s.asked(t)
		for range 3 {
			s.Clock.Advance(time.Second)
			s.asked(t)
		}
		s.store.broken.Store(false)
		s.Clock.Advance(time.Second)
		s.asked(t)
	}
	if len(s.cut) != 0 {
		t.Errorf("cut: %v", <-s.cut)
	}
}

// TestWatchLeave: what has ended is cut no more, and cannot be cut twice.
func TestWatchLeave(t *testing.T) {
	s := newWatchedStream(t)
	s.verifier.Leave(&s.stream)
	s.verifier.Leave(&s.stream)
	if running, _ := s.verifier.Streams(); running != 0 {
		t.Errorf("%d streams run", running)
	}
	if _, err := s.Registry.Each(t.Context(), s.Operator(), "acme", "orders", access.RevokeThem, []string{s.token.Credential.ID}); err != nil {
		t.Fatal(err)
	}
	verdict, err := s.verifier.Verify(t.Context(), bearer(s.token))
	if err != nil || verdict.Accepted() {
		t.Fatalf("%+v, %v", verdict, err)
	}
	second := make(chan *access.Cut, 1)
	request := bearer(s.token)
	s.verifier.Attend(&s.stream, &request, &access.Verdict{}, func(c *access.Cut) { second <- c })
	if c := <-second; c.Verdict.Reason != access.CredentialRevoked || len(s.cut) != 0 {
		t.Errorf("the second stream was cut because of %v, the first one %d times", c, len(s.cut))
	}
	if !errors.Is(&access.Cut{Err: context.Canceled}, context.Canceled) {
		t.Error("a cut hides its error")
	}
}

// BenchmarkWatch is what it costs a request to be watched.
func BenchmarkWatch(b *testing.B) {
	s := testkit.Server(b)
	s.Organization("acme")
	s.Application("acme", "orders")
	r := bearer(s.Token("acme", "orders", "stream", ""))
	verdict, err := s.Verifier.Verify(b.Context(), r)
	if err != nil {
		b.Fatal(err)
	}
	cut := func(*access.Cut) {}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			stream := &access.Stream{}
			s.Verifier.Attend(stream, &r, &verdict, cut)
			s.Verifier.Leave(stream)
		}
	})
}
