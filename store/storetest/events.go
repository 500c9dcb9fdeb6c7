package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"claviger/internal/access"
)

// appendEvent adds an event at the end of the chain, as the domain does.
func appendEvent(tx access.Tx, e access.Event) error {
	head, err := tx.EventHead()
	if err != nil {
		return err
	}
	e.Seq, e.PrevHash = head.Seq+1, head.Hash
	if head.Seq == 0 {
		e.PrevHash = make([]byte, 32)
	}
	e.ID = fmt.Sprintf("evt_%06d", e.Seq)
	if e.At.IsZero() {
		e.At = after(int(e.Seq))
	}
	e.Count = max(e.Count, 1)
	e.Hash = e.ChainHash()
	return tx.InsertEvent(e)
}

func (s *suite) events(f access.EventFilter) []access.Event {
	s.Helper()
	return get(s, func(tx access.ReadTx) ([]access.Event, error) { return tx.Events(f) })
}

func testEvents(t *testing.T, s *suite) {
	s.equal("head of nothing", get(s, access.ReadTx.EventHead), access.EventHead{})
	s.equal("newest of nothing", get(s, access.ReadTx.NewestEventAt), time.Time{})
	s.equal("events of nothing", s.events(access.EventFilter{}), []access.Event(nil))
	full := access.Event{
		At: after(3), OrganizationID: "org_1", ApplicationID: "app_1", Act: access.ActCreateToken, ActorID: "usr_1", ActorName: "Ada",
		TargetID: "tok_1", TargetName: "ci", ElevationID: "elv_1", Reason: "nightly <job> & \"more\"", Address: "10.0.0.1", Agent: "curl/8",
		Count: 3, Detail: map[string]string{"b": "2", "a": "1 <&> ü", "": "empty"},
	}
	s.update(func(tx access.Tx) error {
		return errors.Join(appendEvent(tx, full), appendEvent(tx, access.Event{Act: access.ActSetUp, At: after(9)}))
	})
	all := s.events(access.EventFilter{})
	s.equal("how many", len(all), 2)
	full.Seq, full.ID, full.PrevHash = 1, "evt_000001", make([]byte, 32)
	full.Hash = full.ChainHash()
	s.equal("every field", all[1], full)
	s.equal("no optional field", all[0].Detail, map[string]string(nil))
	s.equal("the chain", all[0].PrevHash, all[1].Hash)
	s.equal("hash of what is read back", all[0].ChainHash(), all[0].Hash)
	s.equal("head", get(s, access.ReadTx.EventHead), access.EventHead{Seq: 2, Hash: all[0].Hash, At: after(9)})
	s.equal("newest", get(s, access.ReadTx.NewestEventAt), after(9))
	again := full
	again.ID = "evt_other"
	s.kind("a number that is taken", s.store.Update(t.Context(), func(tx access.Tx) error { return tx.InsertEvent(again) }), access.Conflict)
}

func testEventFilters(t *testing.T, s *suite) {
	s.world()
	s.update(func(tx access.Tx) error {
		for _, e := range []access.Event{
			1: {OrganizationID: "org_1", ApplicationID: "app_1", Act: access.ActCreateToken, ActorID: "usr_1", TargetID: "tok_1"},
			2: {OrganizationID: "org_1", Act: access.ActElevate, ActorID: "usr_1"},
			3: {Act: access.ActSignIn, ActorID: "usr_1"},
			4: {Act: access.ActSignIn, ActorID: "usr_2"},
			5: {OrganizationID: "org_2", ApplicationID: "app_9", Act: access.ActRevokeToken, ActorID: "usr_1", TargetID: "tok_9"},
			6: {OrganizationID: "org_1", ApplicationID: "app_1", Act: access.ActRevokeToken, TargetID: "tok_1"},
			7: {Act: access.ActCreateUser, TargetID: "usr_1"},
			8: {OrganizationID: "org_1", ApplicationID: "app_2", Act: access.ActCreateToken, ActorID: "usr_2", TargetID: "tok_2"},
		}[1:] {
			if err := appendEvent(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	for what, c := range map[string]struct {
		filter access.EventFilter
		want   []int64
	}{
		"all":                          {access.EventFilter{}, []int64{8, 7, 6, 5, 4, 3, 2, 1}},
		"of an organization":           {access.EventFilter{OrganizationID: "org_1"}, []int64{8, 6, 3, 2, 1}},
		"of one without members":       {access.EventFilter{OrganizationID: "org_2"}, []int64{5}},
		"of an application":            {access.EventFilter{OrganizationID: "org_1", ApplicationID: "app_1"}, []int64{6, 1}},
		"of another's application":     {access.EventFilter{OrganizationID: "org_1", ApplicationID: "app_9"}, nil},
		"by an actor":                  {access.EventFilter{OrganizationID: "org_1", ActorID: "usr_1"}, []int64{3, 2, 1}},
		"by who is no member":          {access.EventFilter{OrganizationID: "org_1", ActorID: "usr_2"}, []int64{8}},
		"by operators":                 {access.EventFilter{OrganizationID: "org_1", Operators: true}, []int64{6}},
		"by operators, everywhere":     {access.EventFilter{Operators: true}, []int64{7, 6}},
		"of an act":                    {access.EventFilter{OrganizationID: "org_1", Act: access.ActSignIn}, []int64{3}},
		"on a target":                  {access.EventFilter{OrganizationID: "org_1", TargetID: "tok_1"}, []int64{6, 1}},
		"on a target, everywhere":      {access.EventFilter{TargetID: "usr_1"}, []int64{7}},
		"from":                         {access.EventFilter{From: after(7)}, []int64{8, 7}},
		"to, which is exclusive":       {access.EventFilter{To: after(3)}, []int64{2, 1}},
		"from and to":                  {access.EventFilter{OrganizationID: "org_1", From: after(2), To: after(6)}, []int64{3, 2}},
		"all at once":                  {access.EventFilter{OrganizationID: "org_1", ApplicationID: "app_1", ActorID: "usr_1", Act: access.ActCreateToken, TargetID: "tok_1", From: after(1), To: after(2), Limit: 5}, []int64{1}},
		"older than":                   {access.EventFilter{OrganizationID: "org_1", AfterSeq: 6, Limit: 2}, []int64{3, 2}},
		"newer than, the nearest":      {access.EventFilter{OrganizationID: "org_1", BeforeSeq: 2, Limit: 2}, []int64{6, 3}},
		"newer than, fewer than asked": {access.EventFilter{OrganizationID: "org_1", BeforeSeq: 3, Limit: 9}, []int64{8, 6}},
		"newer than the newest":        {access.EventFilter{OrganizationID: "org_1", BeforeSeq: 8, Limit: 9}, nil},
	} {
		var got []int64
		for _, e := range s.events(c.filter) {
			got = append(got, e.Seq)
		}
		s.equal(what, got, c.want)
	}
	s.update(func(tx access.Tx) error {
		return expect("member", true)(tx.InsertMembership(access.Membership{OrganizationID: "org_1", UserID: "usr_2", Role: access.Viewer, CreatedAt: epoch}))
	})
	s.equal("sign-ins of who is a member now", len(s.events(access.EventFilter{OrganizationID: "org_1", Act: access.ActSignIn})), 2)
}

func testEventPaging(t *testing.T, s *suite) {
	s.world()
	var want []int64
	s.update(func(tx access.Tx) error {
		for i := range 20 {
			e := access.Event{OrganizationID: "org_1", Act: access.ActElevate, ActorID: "usr_1", At: epoch}
			switch i % 3 {
			case 1:
				e.OrganizationID = ""
			case 2:
				e.OrganizationID = "org_2"
			}
			if err := appendEvent(tx, e); err != nil {
				return err
			}
			if i%3 != 2 {
				want = append(want, int64(i+1))
			}
		}
		return nil
	})
	slices.Reverse(want)
	for size := 1; size <= 15; size++ {
		f := access.EventFilter{OrganizationID: "org_1", Limit: size}
		var seen []int64
		for page := s.events(f); len(page) > 0 && len(seen) <= len(want); page = s.events(f) {
			for _, e := range page {
				seen = append(seen, e.Seq)
			}
			f.AfterSeq = page[len(page)-1].Seq
		}
		s.equal(fmt.Sprintf("onwards by %d", size), seen, want)
	}
}

func testTallies(t *testing.T, s *suite) {
	minute := epoch.Truncate(time.Minute)
	first := access.Tally{Minute: minute, Act: access.ActSignInFailed, Subject: "ada@example.com", ActorID: "usr_1", Address: "10.0.0.1", Agent: "curl/8", Count: 2}
	latest := first
	latest.Address, latest.Agent, latest.Count = "10.0.0.2", "curl/9", 3
	other, next := first, first
	other.Subject, other.ActorID = "ben@example.com", ""
	next.Minute = minute.Add(time.Minute)
	s.update(func(tx access.Tx) error {
		return errors.Join(tx.AddTally(other), tx.AddTally(first), tx.AddTally(next), tx.AddTally(latest))
	})
	take := func(before time.Time) (out []access.Tally) {
		s.update(func(tx access.Tx) (err error) {
			out, err = tx.TakeTallies(before)
			return err
		})
		return out
	}
	sum := latest
	sum.Count = 5
	s.equal("before the first minute", take(minute), []access.Tally(nil))
	s.equal("of the first minute", take(minute.Add(time.Minute)), []access.Tally{sum, other})
	s.equal("taken already", take(minute.Add(time.Minute)), []access.Tally(nil))
	s.equal("of the next minute", take(minute.Add(time.Hour)), []access.Tally{next})
}
