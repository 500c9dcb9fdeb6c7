package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"claviger/internal/access"
)

// sweep sweeps at a moment so many days after midnight, and returns how many rows went.
func (s *suite) sweep(days, limit int) (n int) {
	s.Helper()
	s.update(func(tx access.Tx) (err error) {
		n, err = tx.Sweep(midnight.AddDate(0, 0, days).Add(time.Minute), limit)
		return err
	})
	return n
}

// testUsesAreSwept: minutes go after two days, hours after 32 (callers: two), days after 400.
func testUsesAreSwept(t *testing.T, s *suite) {
	s.world()
	u := called("tok_1", midnight, "10.0.0.1", "curl/8", 1, 1)
	u.Refusals = []access.UseRefusal{{Reason: "expired", Count: 1}}
	s.addUses(u)
	s.equal("of the first day nothing", s.sweep(1, 100), 0)
	s.equal("minutes of credential and application, the caller's hour", s.sweep(2, 100), 3)
	s.equal("nothing for a month", s.sweep(31, 100), 0)
	s.equal("hours: credential, application, refusal", s.sweep(32, 100), 3)
	s.equal("nothing for a year", s.sweep(399, 100), 0)
	s.equal("days", s.sweep(400, 100), 4)
	s.equal("no callers are left", s.callers(access.CallerFilter{CredentialID: "tok_1", Daily: true, From: midnight.AddDate(0, 0, -1)}), []access.UseCaller(nil))
	s.equal("no days are left", s.spans("tok_1", true, midnight.AddDate(0, 0, -1)), []access.UseSpan(nil))
}

// testSweepIsBounded: however much there is, one transaction does no more than it is
// asked for, so that nobody waits long behind it.
func testSweepIsBounded(t *testing.T, s *suite) {
	s.world()
	for i := range 5 {
		s.addUses(called("tok_1", midnight.Add(time.Duration(i)*time.Hour), "10.0.0.1", "curl/8", 1, 0))
	}
	var got []int
	for range 6 {
		got = append(got, s.sweep(33, 7))
	}
	// Five hours of the credential and of its caller; minutes of credential and application; hours of the application.
	s.equal("rows of each transaction", got, []int{7, 7, 7, 4, 0, 0})
}

// days is what is told of a credential by the day, and since a moment.
type days struct {
	spans     []access.UseSpan
	addresses []access.UseCaller
	agents    []access.UseCaller
	calls     int64
}

func (s *suite) days(id string) days {
	s.Helper()
	f := access.CallerFilter{CredentialID: id, Daily: true, From: midnight, By: access.ByAddress}
	d := days{spans: s.spans(id, true, midnight), addresses: s.callers(f)}
	f.By = access.ByAgent
	d.agents = s.callers(f)
	d.calls = get(s, func(tx access.ReadTx) (map[string]int64, error) { return tx.Calls([]string{id}, midnight) })[id]
	return d
}

// testDaysAreMadeOfHours: what pages tell of days is the same before hours are moved, at
// any point between two steps of it, and after it, with uses that come late, and each
// call is counted once.
func testDaysAreMadeOfHours(t *testing.T, s *suite) {
	s.world()
	var uses []access.Use
	want := days{calls: 0}
	for _, at := range []time.Duration{
		0, time.Second, 59*time.Minute + 59*time.Second, time.Hour, 23*time.Hour + 59*time.Minute + 59*time.Second, // the first day's ends
		24 * time.Hour, 25*time.Hour - time.Second, 47*time.Hour + 59*time.Minute, 49 * time.Hour,
	} {
		uses = append(uses, called("tok_1", midnight.Add(at), fmt.Sprintf("10.0.0.%d", at/(24*time.Hour)), "curl/8", 2, 1))
		want.calls += 2
	}
	s.addUses(uses...)
	before := s.days("tok_1")
	s.equal("by the day", before.spans, []access.UseSpan{
		{Start: midnight, Accepted: 10, Refused: 5}, {Start: midnight.AddDate(0, 0, 1), Accepted: 6, Refused: 3}, {Start: midnight.AddDate(0, 0, 2), Accepted: 2, Refused: 1},
	})
	s.equal("calls", before.calls, want.calls)
	steps := 0
	for steps < 100 && s.sweep(34, 1) > 0 { // one row a transaction
		steps++
		if now := s.days("tok_1"); !slices.Equal(now.spans, before.spans) || !slices.Equal(now.addresses, before.addresses) || !slices.Equal(now.agents, before.agents) {
			t.Fatalf("after %d rows:\n got %+v\nwant %+v", steps, now, before)
		}
	}
	if steps < 10 {
		t.Errorf("only %d rows were swept", steps)
	}
	s.equal("moved: hours of the first two days are gone", s.spans("tok_1", false, midnight), []access.UseSpan{{Start: midnight.Add(49 * time.Hour), Accepted: 2, Refused: 1}})
	after := s.days("tok_1")
	s.equal("after it all", after.spans, before.spans)
	s.equal("addresses after it all", after.addresses, before.addresses)
	s.addUses(called("tok_1", midnight.Add(30*time.Minute), "10.0.0.9", "late", 4, 0)) // from an outage
	late := s.days("tok_1")
	s.equal("late ones count at once", late.spans[0], access.UseSpan{Start: midnight, Accepted: 14, Refused: 5})
	s.sweep(34, 100)
	s.equal("and when they are moved, too", s.days("tok_1"), late)
}

// testMoveIsOneTransaction: what is rolled back has moved nothing.
func testMoveIsOneTransaction(t *testing.T, s *suite) {
	s.world()
	s.addUses(called("tok_1", midnight, "10.0.0.1", "curl/8", 3, 1), called("tok_1", midnight.Add(time.Hour), "10.0.0.2", "curl/8", 1, 0))
	before, hours := s.days("tok_1"), s.spans("tok_1", false, midnight)
	killed := errors.New("killed")
	err := s.store.Update(t.Context(), func(tx access.Tx) error {
		n, err := tx.Sweep(midnight.AddDate(0, 0, 40), 100)
		if n < 4 {
			t.Errorf("%d rows were swept", n)
		}
		return errors.Join(err, killed)
	})
	if !errors.Is(err, killed) {
		t.Fatalf("error %v", err)
	}
	s.equal("days", s.days("tok_1"), before)
	s.equal("hours", s.spans("tok_1", false, midnight), hours)
}

// testMovedCallersAreBounded: of the callers of many hours a day keeps 256.
func testMovedCallersAreBounded(t *testing.T, s *suite) {
	s.world()
	for hour := range 6 {
		var uses []access.Use
		for i := range 70 {
			at := midnight.Add(time.Duration(hour)*time.Hour + time.Duration(i)*time.Second)
			uses = append(uses, called("tok_1", at, fmt.Sprintf("10.0.%d.%d", hour, i), fmt.Sprint("agent ", i), 1, 0))
		}
		s.addUses(uses...)
	}
	for i := 0; i < 100 && s.sweep(3, 100) > 0; i++ { // days meet the same day again and again
		s.equal("calls of all callers", sum(s.days("tok_1").addresses), int64(420))
	}
	d := s.days("tok_1")
	s.equal("callers of the day by name, and the others", len(d.addresses), 257)
	s.equal("the others", d.addresses[0], access.UseCaller{Address: access.OtherCallers, Accepted: 420 - 256, At: midnight.Add(5*time.Hour + 69*time.Second)})
	s.equal("no hours are left", s.callers(access.CallerFilter{CredentialID: "tok_1", From: midnight, By: access.ByAddress}), []access.UseCaller(nil))
}

func sum(callers []access.UseCaller) (n int64) {
	for _, c := range callers {
		n += c.Accepted + c.Refused
	}
	return n
}
