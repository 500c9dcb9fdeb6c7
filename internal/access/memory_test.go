package access_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// bearer is a request with a token.
func bearer(token access.Issued) access.Request {
	return access.Request{
		Organization: "acme", Application: "orders", API: "backend", WantAPI: true, Method: http.MethodGet,
		Presented: access.Presented{Way: access.WayBearer, Secret: token.Secret},
	}
}

func verify(t testing.TB, s *testkit.Site, r access.Request) access.Reason {
	t.Helper()
	v, err := s.Verifier.Verify(t.Context(), r)
	if err != nil {
		t.Errorf("verify: %v", err)
	}
	return v.Reason
}

// TestMemoryOutlivesTheDatabase: what was judged is judged again with the database
// gone; what was not is unavailable, and never let in or refused as unknown.
func TestMemoryOutlivesTheDatabase(t *testing.T) {
	if testkit.OnPostgres() {
		t.Skip("where others may revoke, nothing is trusted without the database")
	}
	s := testkit.Server(t)
	s.Organization("acme")
	s.Application("acme", "orders")
	known, fresh := s.Token("acme", "orders", "known", ""), s.Token("acme", "orders", "fresh", "")
	if got := verify(t, s, bearer(known)); got != access.Accepted {
		t.Fatalf("with the database: reason %d, want accepted", got)
	}
	if err := s.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if got := verify(t, s, bearer(known)); got != access.Accepted {
		t.Errorf("remembered, without the database: reason %d, want accepted", got)
	}
	if _, err := s.Verifier.Verify(t.Context(), bearer(fresh)); access.KindOf(err) != access.Unavailable {
		t.Errorf("not remembered, without the database: %v, want unavailable", err)
	}
}

// TestMemoryTellsTargetsApart: what is remembered of a token where it is genuine says
// nothing of it elsewhere, nor the other way round, in whatever order it is presented:
// applications of several organizations have the same slug.
func TestMemoryTellsTargetsApart(t *testing.T) {
	s := testkit.Server(t)
	for _, org := range []string{"acme", "rival"} {
		s.Organization(org)
		s.Application(org, "orders")
		s.Application(org, "billing")
	}
	token := s.Token("acme", "orders", "ci", "")
	for round := range 3 {
		for _, org := range []string{"rival", "acme"} {
			for _, app := range []string{"orders", "billing"} {
				want := access.InvalidCredential
				if org == "acme" && app == "orders" {
					want = access.Accepted
				}
				r := bearer(token)
				r.Organization, r.Application, r.WantAPI = org, app, false
				v, err := s.Verifier.Verify(t.Context(), r)
				if err != nil || v.Reason != want {
					t.Errorf("round %d, %s/%s: %s, %v, want %s", round, org, app, v.Reason, err, want)
				}
				if v.Accepted() && (v.Principal.Organization != org || v.Principal.Application != app) {
					t.Errorf("round %d, %s/%s: let in as one of %s/%s", round, org, app, v.Principal.Organization, v.Principal.Application)
				}
			}
		}
	}
}

// TestMemoryForgetsAtOnce: each change is felt by the request after it, hundreds of
// times, while others keep loading the same credential into memory. Thousands of times,
// over HTTP, is web's TestCutOffUnderLoad.
func TestMemoryForgetsAtOnce(t *testing.T) {
	s := testkit.Server(t)
	s.Organization("acme")
	s.Application("acme", "orders")
	var token atomic.Pointer[access.Issued]
	first := s.Token("acme", "orders", "0", "")
	token.Store(&first)
	var stop atomic.Bool
	var load sync.WaitGroup
	for range 2 {
		load.Go(func() {
			for !stop.Load() {
				verify(t, s, bearer(*token.Load()))
			}
		})
	}
	accepted := 0
	for i := range 300 {
		issued := s.Token("acme", "orders", fmt.Sprint(i), "")
		token.Store(&issued)
		if got := verify(t, s, bearer(issued)); got != access.Accepted {
			t.Fatalf("a new token: reason %d, want accepted", got)
		}
		ids := []string{issued.Credential.ID}
		verb, want := access.RevokeThem, access.CredentialRevoked
		if i%2 == 0 {
			verb, want = access.PauseThem, access.CredentialPaused
		}
		if _, err := s.Registry.Each(t.Context(), s.Operator(), "acme", "orders", verb, ids); err != nil {
			t.Fatal(err)
		}
		if got := verify(t, s, bearer(issued)); got != want {
			accepted++
		}
		if i%2 == 0 {
			if _, err := s.Registry.Each(t.Context(), s.Operator(), "acme", "orders", access.ResumeThem, ids); err != nil {
				t.Fatal(err)
			}
			if got := verify(t, s, bearer(issued)); got != access.Accepted {
				t.Fatalf("a resumed token: reason %d, want accepted", got)
			}
		}
	}
	stop.Store(true)
	load.Wait()
	if accepted != 0 {
		t.Errorf("%d of 300 were not refused by the request after the act, want 0", accepted)
	}
}

// BenchmarkVerify is one decision on a credential that is in memory.
func BenchmarkVerify(b *testing.B) {
	s := testkit.Server(b)
	s.Organization("acme")
	s.Application("acme", "orders")
	r := bearer(s.Token("acme", "orders", "bench", ""))
	verify(b, s, r)
	b.ReportAllocs()
	for b.Loop() {
		if v, err := s.Verifier.Verify(b.Context(), r); err != nil || !v.Accepted() {
			b.Fatal(v, err)
		}
	}
}

// BenchmarkVerifyLookup is one decision on a credential that is not in memory, of an
// application that is.
func BenchmarkVerifyLookup(b *testing.B) {
	s := testkit.Server(b, testkit.Limits(func(l *access.Limits) { l.Remembered = 64 })) // one a shard
	s.Organization("acme")
	s.Application("acme", "orders")
	requests := make([]access.Request, 500)
	for i := range requests {
		requests[i] = bearer(s.Token("acme", "orders", fmt.Sprint(i), ""))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if v, err := s.Verifier.Verify(b.Context(), requests[i%len(requests)]); err != nil || !v.Accepted() {
			b.Fatal(v, err)
		}
	}
}
