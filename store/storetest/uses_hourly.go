package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"claviger/internal/access"
)

// testHourlyCalls asks again and again while time goes by and calls come, most of them now and some late: each answer
// is what the spans of the credential add up to, whatever the store remembers of answers before.
func testHourlyCalls(t *testing.T, s *suite) {
	s.world()
	s.insert(token("tok_1"), token("tok_2"), token("tok_3"))
	ids := []string{"tok_1", "tok_2", "tok_3"}
	chance := rand.New(rand.NewPCG(1, 2))
	now := epoch.Add(17 * time.Minute)
	for round := range 200 {
		now = now.Add(time.Duration(max(0, chance.IntN(80)-40)) * time.Minute) // half of the time no minute goes by
		at := now
		if chance.IntN(3) == 0 { // from a node that could not write for long
			at = now.Add(-time.Duration(chance.IntN(25*60)) * time.Minute)
			if chance.IntN(2) == 0 { // into the hour of which only a part is asked for
				at = now.Add(-24*time.Hour + time.Duration(chance.IntN(60))*time.Minute)
			}
		}
		if chance.IntN(3) > 0 {
			s.addUses(use(ids[chance.IntN(len(ids))], []string{"app_1", "app_2"}[chance.IntN(2)], at, int64(chance.IntN(3)), 1))
		}
		since := now.Add(-24 * time.Hour)
		some := ids[:1+chance.IntN(len(ids))]
		got := get(s, func(tx access.ReadTx) (map[string]access.HourlyCalls, error) { return tx.HourlyCalls(some, since) })
		totals := get(s, func(tx access.ReadTx) (map[string]int64, error) { return tx.Calls(some, since) })
		for _, id := range some {
			s.equal(fmt.Sprintf("round %d: hours of %s", round, id), got[id].Hours, acceptedSpans(s, id, since))
			s.equal(fmt.Sprintf("round %d: calls of %s", round, id), got[id].Total, totals[id])
		}
	}
}

// acceptedSpans are a credential's full hours since a moment in which it was accepted.
func acceptedSpans(s *suite, id string, since time.Time) []access.HourCalls {
	s.Helper()
	spans := get(s, func(tx access.ReadTx) ([]access.UseSpan, error) {
		return tx.UseSpans(id, false, since.Add(time.Hour-time.Minute).Truncate(time.Hour))
	})
	var out []access.HourCalls
	for _, span := range spans {
		if span.Accepted > 0 {
			out = append(out, access.HourCalls{Hour: access.HourOf(span.Start), Accepted: span.Accepted})
		}
	}
	return out
}

// testLastUsesAgain asks again and again while calls come, some late, several at once and at the same moment: each
// answer is the latest that was written, whatever the store remembers of answers before.
func testLastUsesAgain(t *testing.T, s *suite) {
	s.world()
	s.insert(token("tok_1"), token("tok_2"), token("tok_3"))
	ids := []string{"tok_1", "tok_2", "tok_3"}
	chance := rand.New(rand.NewPCG(3, 4))
	want := map[string]access.LastUse{}
	for round := range 200 {
		var uses []access.Use
		for range chance.IntN(4) {
			// Within microseconds, which is how exactly times are kept, and less.
			u := use(ids[chance.IntN(len(ids))], "app_1", epoch.Add(time.Duration(round+chance.IntN(40))*700*time.Nanosecond), int64(chance.IntN(2)), 1)
			u.Address = fmt.Sprint("10.0.0.", round, " ", len(uses))
			uses = append(uses, u)
		}
		s.addUses(uses...)
		for _, u := range uses {
			if u.At.IsZero() {
				continue
			}
			u.At = u.At.Truncate(time.Microsecond)
			if last, ok := want[u.CredentialID]; !ok || !u.At.Before(last.At) {
				want[u.CredentialID] = lastOf(u)
			}
		}
		some := ids[:1+chance.IntN(len(ids))]
		got := get(s, func(tx access.ReadTx) (map[string]access.LastUse, error) { return tx.LastUses(some) })
		for _, id := range some {
			s.equal(fmt.Sprintf("round %d: last use of %s", round, id), got[id], want[id])
		}
	}
}

// testUsesOfAnOldState asks within a transaction that began before an hour that is over was written to: what it
// sees is of the state that it began with, and nobody else is told of that afterwards.
func testUsesOfAnOldState(t *testing.T, s *suite) {
	s.world()
	s.insert(token("tok_1"))
	now := epoch.Add(30*time.Hour + 20*time.Minute)
	early := now.Add(-5 * time.Hour)
	s.addUses(use("tok_1", "app_1", early, 1, 0))
	calls := func(tx access.ReadTx) (int64, error) {
		all, err := tx.HourlyCalls([]string{"tok_1"}, now.Add(-24*time.Hour))
		return all["tok_1"].Total, err
	}
	s.equal("at first", get(s, calls), int64(1))
	last := func(tx access.ReadTx) (time.Time, error) {
		all, err := tx.LastUses([]string{"tok_1"})
		return all["tok_1"].At, err
	}
	s.equal("last use at first", get(s, last), early)
	err := s.store.View(t.Context(), func(tx access.ReadTx) error {
		if _, err := tx.LatestUse("app_1"); err != nil { // from here on the state is fixed
			return err
		}
		s.addUses(use("tok_1", "app_1", early, 10, 0))
		s.addUses(use("tok_1", "app_1", early.Add(time.Second), 0, 1), use("tok_1", "app_1", early.Add(time.Minute), 1, 0))
		n, err := calls(tx)
		s.equal("in the old state", n, int64(1))
		if err != nil {
			return err
		}
		at, err := last(tx)
		s.equal("last use in the old state", at, early)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.equal("afterwards", get(s, calls), int64(12))
	s.equal("last use afterwards", get(s, last), early.Add(time.Minute))
	s.addUses(use("tok_1", "app_1", now.Add(-24*time.Hour+time.Minute), 100, 0))
	s.equal("with late ones, in the minutes before the first full hour", get(s, calls), int64(112))
}
