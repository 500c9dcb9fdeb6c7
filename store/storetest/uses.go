package storetest

import (
	"slices"
	"testing"
	"time"

	"claviger/internal/access"
)

func use(credentialID, applicationID string, at time.Time, accepted, refused int64) access.Use {
	u := access.Use{CredentialID: credentialID, ApplicationID: applicationID, Own: true, Minute: at.Truncate(time.Minute), Accepted: accepted, Refused: refused}
	if accepted > 0 {
		u.At, u.Address, u.Agent, u.API, u.Method = at, "10.0.0.1", "curl/8", "backend", "GET"
	}
	return u
}

func lastOf(u access.Use) access.LastUse {
	return access.LastUse{CredentialID: u.CredentialID, At: u.At, Address: u.Address, Agent: u.Agent, API: u.API, Method: u.Method}
}

func (s *suite) addUses(uses ...access.Use) {
	s.Helper()
	s.update(func(tx access.Tx) error { return tx.AddUses(uses) })
}

func testUses(t *testing.T, s *suite) {
	s.world()
	client := token("cli_1")
	client.Kind, client.ApplicationID = access.KindClient, ""
	s.insert(token("tok_1"), token("tok_2"), token("tok_3"), client)
	latest := func(id string) func(access.ReadTx) (access.LastUse, error) {
		return func(tx access.ReadTx) (access.LastUse, error) { return tx.LatestUse(id) }
	}
	missing(s, "latest use", latest("app_1"))
	s.addUses()
	one, older, refused := use("tok_1", "app_1", after(100), 3, 1), use("tok_1", "app_1", after(95), 2, 0), use("tok_2", "app_1", after(200), 0, 5)
	older.Address, older.Method = "10.9.9.9", "POST"
	s.addUses(one, refused)
	s.addUses(older)
	lasts := func(ids ...string) map[string]access.LastUse {
		return get(s, func(tx access.ReadTx) (map[string]access.LastUse, error) { return tx.LastUses(ids) })
	}
	s.equal("an older call does not become the last", lasts("tok_1", "tok_2", "tok_3"), map[string]access.LastUse{"tok_1": lastOf(one)})
	s.equal("of none", lasts(), map[string]access.LastUse{})
	s.equal("latest", get(s, latest("app_1")), lastOf(one))
	foreign := use("cli_1", "app_1", after(300), 1, 0)
	foreign.Own = false
	s.addUses(foreign)
	s.equal("not with a credential of its own", get(s, latest("app_1")), lastOf(one))
	s.equal("the organization's client", lasts("cli_1")["cli_1"], lastOf(foreign))
	newer := use("tok_2", "app_1", after(201), 1, 0)
	s.addUses(newer)
	s.equal("newer", get(s, latest("app_1")), lastOf(newer))
	missing(s, "latest use elsewhere", latest("app_2"))
	calls := get(s, func(tx access.ReadTx) (map[string]int64, error) {
		return tx.Calls([]string{"tok_1", "tok_2", "tok_3"}, epoch)
	})
	s.equal("accepted calls are added up", calls, map[string]int64{"tok_1": 5, "tok_2": 1})
}

func testUsesOverTime(t *testing.T, s *suite) {
	s.world()
	start := time.Date(2026, 2, 27, 22, 58, 0, 0, time.UTC)
	var uses []access.Use
	for i := range 400 { // a call each 11 minutes for three days, over the ends of hours, days and a month
		uses = append(uses, use("tok_1", "app_1", start.Add(time.Duration(i)*11*time.Minute), 1, 1))
	}
	s.addUses(uses...)
	s.addUses(uses[10:20]...)
	for _, since := range []time.Time{
		start, start.Add(-time.Hour), start.Add(time.Minute), start.Add(2 * time.Minute), start.Add(62 * time.Minute), start.Add(25 * time.Hour),
		start.Add(26*time.Hour + 37*time.Minute), start.Add(49*time.Hour + 2*time.Minute), start.Add(400 * 11 * time.Minute),
	} {
		want := map[string]int64{}
		for i, u := range uses {
			if u.Minute.Before(since) {
				continue
			}
			want["tok_1"]++
			if i >= 10 && i < 20 {
				want["tok_1"]++
			}
		}
		got := get(s, func(tx access.ReadTx) (map[string]int64, error) { return tx.Calls([]string{"tok_1", "tok_2"}, since) })
		s.equal("calls since "+since.String(), got, want)
		s.equal("hours since "+since.String(), hourly(s, since), wantHours(append(uses, uses[10:20]...), since))
		sums := get(s, func(tx access.ReadTx) (map[string]access.ApplicationUse, error) {
			return tx.ApplicationUses("org_1", since, since)
		})
		s.equal("calls of the application since "+since.String(), sums["app_1"].Calls, want["tok_1"])
	}
}

// hourly returns tok_1's calls.
func hourly(s *suite, since time.Time) access.HourlyCalls {
	s.Helper()
	all := get(s, func(tx access.ReadTx) (map[string]access.HourlyCalls, error) {
		return tx.HourlyCalls([]string{"tok_1", "tok_2"}, since)
	})
	calls := all["tok_1"]
	return calls
}

func wantHours(uses []access.Use, since time.Time) (want access.HourlyCalls) {
	uses = slices.SortedFunc(slices.Values(uses), func(a, b access.Use) int { return a.Minute.Compare(b.Minute) })
	for _, u := range uses {
		hour := u.Minute.Truncate(time.Hour)
		if u.Minute.Before(since) {
			continue
		}
		want.Total++
		if hour.Before(since) {
			continue // of the hour that is not full
		}
		if n := len(want.Hours); n == 0 || want.Hours[n-1].Hour != access.HourOf(hour) {
			want.Hours = append(want.Hours, access.HourCalls{Hour: access.HourOf(hour)})
		}
		want.Hours[len(want.Hours)-1].Accepted++
	}
	return want
}

func testApplicationUses(t *testing.T, s *suite) {
	s.world()
	expiring, revoked, paused := token("tok_2"), token("tok_3"), token("tok_4")
	expiring.ExpiresAt, revoked.RevokedAt, paused.PausedAt = after(100), after(1), after(1)
	s.insert(token("tok_1"), expiring, revoked, paused)
	sum := func(organizationID string, now time.Time) map[string]access.ApplicationUse {
		return get(s, func(tx access.ReadTx) (map[string]access.ApplicationUse, error) {
			return tx.ApplicationUses(organizationID, epoch.Add(-time.Hour), now)
		})
	}
	s.equal("before any call", sum("org_1", after(99)), map[string]access.ApplicationUse{"app_1": {Credentials: 3}, "app_2": {}})
	s.equal("when one has expired", sum("org_1", after(100))["app_1"].Credentials, 2)
	s.addUses(use("tok_1", "app_1", after(50), 4, 1), use("tok_2", "app_1", after(70), 5, 0), use("tok_1", "app_1", after(200), 0, 9))
	s.addUses(use("", "app_2", after(5), 7, 0)) // without a credential: the application is open
	s.equal("calls", sum("org_1", after(99)), map[string]access.ApplicationUse{
		"app_1": {Credentials: 3, Calls: 9, LastAt: after(70)}, "app_2": {Calls: 7, LastAt: after(5)},
	})
	s.equal("of another organization", sum("org_2", after(99)), map[string]access.ApplicationUse{})
}
