package storetest

import (
	"fmt"
	"testing"
	"time"

	"claviger/internal/access"
)

// called returns a use with one caller.
func called(credentialID string, at time.Time, address, agent string, accepted, refused int64) access.Use {
	u := use(credentialID, "app_1", at, accepted, refused)
	u.Callers = []access.UseCaller{{Address: address, Agent: agent, Accepted: accepted, Refused: refused, At: at}}
	return u
}

func (s *suite) spans(id string, daily bool, from time.Time) []access.UseSpan {
	s.Helper()
	return get(s, func(tx access.ReadTx) ([]access.UseSpan, error) { return tx.UseSpans(id, daily, from) })
}

func (s *suite) callers(f access.CallerFilter) []access.UseCaller {
	s.Helper()
	return get(s, func(tx access.ReadTx) ([]access.UseCaller, error) { return tx.UseCallers(f) })
}

// The night on which uses over the ends of hours, a day and a month fall.
var midnight = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func testUseSpans(t *testing.T, s *suite) {
	s.world()
	s.equal("before any call", s.spans("tok_1", false, midnight), []access.UseSpan(nil))
	before, first, later := midnight.Add(-time.Second), midnight, midnight.Add(59*time.Minute+59*time.Second)
	other := use("tok_1", "app_2", later, 5, 1) // as with an organization's client
	s.addUses(use("tok_1", "app_1", before, 2, 1), use("tok_1", "app_1", first, 3, 0), other, use("tok_2", "app_1", later, 7, 7))
	s.addUses(use("tok_1", "app_1", midnight.Add(time.Hour), 0, 4))
	s.equal("by the hour", s.spans("tok_1", false, midnight.Add(-time.Hour)), []access.UseSpan{
		{Start: midnight.Add(-time.Hour), Accepted: 2, Refused: 1}, {Start: midnight, Accepted: 8, Refused: 1}, {Start: midnight.Add(time.Hour), Refused: 4},
	})
	s.equal("by the day", s.spans("tok_1", true, midnight.AddDate(0, 0, -29)), []access.UseSpan{
		{Start: midnight.AddDate(0, 0, -1), Accepted: 2, Refused: 1}, {Start: midnight, Accepted: 8, Refused: 5},
	})
	s.equal("from the hour on", s.spans("tok_1", false, midnight.Add(time.Hour)), []access.UseSpan{{Start: midnight.Add(time.Hour), Refused: 4}})
}

func testUseCallers(t *testing.T, s *suite) {
	s.world()
	day := func(by access.CallerField, most int) []access.UseCaller {
		return s.callers(access.CallerFilter{CredentialID: "tok_1", Daily: true, From: midnight, By: by, Limit: most})
	}
	s.equal("before any call", day(access.ByAddress, 10), []access.UseCaller(nil))
	at := func(minutes int) time.Time { return midnight.Add(time.Duration(minutes) * time.Minute) }
	s.addUses(
		called("tok_1", at(-1), "10.0.0.9", "curl/8", 100, 0),
		called("tok_1", at(1), "10.0.0.1", "curl/8", 3, 1), called("tok_1", at(2), "10.0.0.1", "go/1", 1, 0),
		called("tok_1", at(90), "10.0.0.2", "curl/8", 0, 9), called("tok_2", at(3), "10.0.0.3", "curl/8", 50, 0),
	)
	s.addUses(called("tok_1", at(3), "10.0.0.1", "curl/8", 1, 0))
	s.equal("by address", day(access.ByAddress, 10), []access.UseCaller{
		{Address: "10.0.0.2", Refused: 9, At: at(90)}, {Address: "10.0.0.1", Accepted: 5, Refused: 1, At: at(3)},
	})
	s.equal("by agent", day(access.ByAgent, 10), []access.UseCaller{
		{Agent: "curl/8", Accepted: 4, Refused: 10, At: at(90)}, {Agent: "go/1", Accepted: 1, At: at(2)},
	})
	s.equal("as many as are asked for", len(day(access.ByAddress, 1)), 1)
	hours := s.callers(access.CallerFilter{CredentialID: "tok_1", From: midnight.Add(time.Hour), By: access.ByAddress})
	s.equal("by the hour", hours, []access.UseCaller{{Address: "10.0.0.2", Refused: 9, At: at(90)}})
	addresses := get(s, func(tx access.ReadTx) (map[string]access.Addresses, error) {
		return tx.UseAddresses([]string{"tok_1", "tok_2", "tok_3"}, at(7))
	})
	s.equal("addresses of accepted calls, since the hour", addresses, map[string]access.Addresses{"tok_1": {Count: 1}, "tok_2": {Count: 1}})
}

// testUseCallersAreBounded: whoever comes from ever new addresses fills no database.
func testUseCallersAreBounded(t *testing.T, s *suite) {
	s.world()
	var uses []access.Use
	for i := range 800 { // 400 in each of two hours
		at := midnight.Add(time.Duration(i/400)*time.Hour + time.Duration(i%400)*time.Second)
		uses = append(uses, called("tok_1", at, fmt.Sprintf("10.0.%d.%d", i/200, i%200), fmt.Sprint("agent ", i), 1, 1))
	}
	s.addUses(uses...)
	s.addUses(uses[400:410]...) // which are known
	hour := midnight.Add(time.Hour)
	got := s.callers(access.CallerFilter{CredentialID: "tok_1", From: hour, By: access.ByAddress})
	s.equal("rows", len(got), 65)
	s.equal("the others first: they have the most calls", got[0], access.UseCaller{
		Address: access.OtherCallers, Accepted: 336, Refused: 336, At: hour.Add(399 * time.Second),
	})
	s.equal("a known one goes on", got[1].Accepted, int64(2))
	agents := s.callers(access.CallerFilter{CredentialID: "tok_1", From: hour, By: access.ByAgent})
	s.equal("agents, without the others", len(agents), 64)
	s.equal("hours of a day that stand", len(s.callers(access.CallerFilter{CredentialID: "tok_1", Daily: true, From: midnight, By: access.ByAddress})), 129)
	addresses := get(s, func(tx access.ReadTx) (map[string]access.Addresses, error) {
		return tx.UseAddresses([]string{"tok_1"}, hour)
	})
	s.equal("addresses", addresses, map[string]access.Addresses{"tok_1": {Count: 64, More: true}})
}

func testUseRefusals(t *testing.T, s *suite) {
	s.world()
	refused := func(at time.Time, reasons ...access.UseRefusal) access.Use {
		u := use("tok_1", "app_1", at, 0, 1)
		u.Refusals = reasons
		return u
	}
	why := func(since time.Time) []access.UseRefusal {
		return get(s, func(tx access.ReadTx) ([]access.UseRefusal, error) { return tx.UseRefusals("tok_1", since) })
	}
	s.equal("before any", why(midnight), []access.UseRefusal(nil))
	expired, paused := access.UseRefusal{Reason: "expired", Count: 2}, access.UseRefusal{Reason: "paused", Count: 3}
	s.addUses(refused(midnight.Add(-time.Minute), expired), refused(midnight.Add(time.Minute), expired, paused))
	s.addUses(refused(midnight.Add(2*time.Hour), expired))
	night, two := midnight, midnight.Add(2*time.Hour)
	s.equal("all", why(midnight.Add(-time.Second)), []access.UseRefusal{{Reason: "expired", Count: 6, Hour: two}, {Reason: "paused", Count: 3, Hour: night}})
	s.equal("since midnight", why(midnight.Add(59*time.Minute)), []access.UseRefusal{{Reason: "expired", Count: 4, Hour: two}, {Reason: "paused", Count: 3, Hour: night}})
}
