package storetest

import (
	"errors"
	"testing"
	"time"

	"claviger/internal/access"
)

func testUsers(t *testing.T, s *suite) {
	s.equal("nobody", get(s, access.ReadTx.Users), []access.User(nil))
	s.world()
	full := user("usr_3", "Cleo@Example.com", "Cleo")
	full.DisabledAt, full.LastSignInAt = after(1), after(2)
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("insert", true)(tx.InsertUser(full)),
			expect("email taken", false)(tx.InsertUser(user("usr_4", "CLEO@example.com", "Other"))),
		)
	})
	byID := func(id string) func(access.ReadTx) (access.User, error) {
		return func(tx access.ReadTx) (access.User, error) { return tx.User(id) }
	}
	s.equal("every field", get(s, byID("usr_3")), full)
	s.equal("by email", get(s, func(tx access.ReadTx) (access.User, error) { return tx.UserByEmail("cleo@example.com") }), full)
	missing(s, "id", byID("usr_4"))
	missing(s, "email that is not folded", func(tx access.ReadTx) (access.User, error) { return tx.UserByEmail("Cleo@Example.com") })
	s.equal("by email", ids(get(s, access.ReadTx.Users), func(u access.User) string { return u.ID }), []string{"usr_1", "usr_2", "usr_3"})

	s.update(func(tx access.Tx) error {
		return errors.Join(
			tx.SetPassword("usr_1", "another hash"), tx.SetSignedIn("usr_1", after(5)),
			expect("disable", true)(tx.DisableUser("usr_1", after(6))),
			expect("disable again", false)(tx.DisableUser("usr_1", after(7))),
			expect("disable nobody", false)(tx.DisableUser("usr_9", after(7))),
		)
	})
	want := user("usr_1", "Ada@example.com", "Ada")
	want.PasswordHash, want.LastSignInAt, want.DisabledAt = "another hash", after(5), after(6)
	s.equal("after changes", get(s, byID("usr_1")), want)
	s.update(func(tx access.Tx) error {
		return errors.Join(expect("enable", true)(tx.EnableUser("usr_1")), expect("enable again", false)(tx.EnableUser("usr_1")), expect("enable nobody", false)(tx.EnableUser("usr_9")))
	})
	want.DisabledAt = time.Time{}
	s.equal("enabled", get(s, byID("usr_1")), want)
	s.equal("the others", get(s, byID("usr_2")), user("usr_2", "ben@example.com", "Ben"))
	for what, change := range map[string]func(tx access.Tx) error{
		"password": func(tx access.Tx) error { return tx.SetPassword("usr_9", "hash") },
		"sign-in":  func(tx access.Tx) error { return tx.SetSignedIn("usr_9", epoch) },
	} {
		if err := s.store.Update(t.Context(), change); !errors.Is(err, access.ErrNoRow) {
			t.Errorf("%s of nobody: error %v, want ErrNoRow", what, err)
		}
	}
	s.equal("only an admin", get(s, access.ReadTx.HasOwner), false)
	s.update(func(tx access.Tx) error {
		return expect("owner", true)(tx.InsertMembership(access.Membership{OrganizationID: "org_1", UserID: "usr_2", Role: access.Owner, CreatedAt: epoch}))
	})
	s.equal("an owner", get(s, access.ReadTx.HasOwner), true)
}

func testSetupLink(t *testing.T, s *suite) {
	missing(s, "set-up link", access.ReadTx.SetupLink)
	first := access.SetupLink{TokenHash: []byte("first"), ExpiresAt: after(100)}
	second := access.SetupLink{TokenHash: []byte("second"), ExpiresAt: after(200)}
	put := func(l access.SetupLink) { s.update(func(tx access.Tx) error { return tx.PutSetupLink(l) }) }
	use := func(hash string, at time.Time) bool {
		return did(s, func(tx access.Tx) (bool, error) { return tx.UseSetupLink([]byte(hash), at) })
	}
	s.equal("none", use("first", epoch), false)
	put(first)
	s.equal("read back", get(s, access.ReadTx.SetupLink), first)
	put(second)
	s.equal("replaced", get(s, access.ReadTx.SetupLink), second)
	s.equal("the former one", use("first", after(1)), false)
	s.equal("no hash", use("", after(1)), false)
	s.equal("at its end", use("second", after(200)), false)
	s.equal("just before its end", use("second", after(200).Add(-time.Microsecond)), true)
	s.equal("again", use("second", after(1)), false)
	s.equal("when it was used", get(s, access.ReadTx.SetupLink).UsedAt, after(200).Add(-time.Microsecond))
	put(first)
	s.equal("a new one is unused", use("first", after(1)), true)
}

func testThrottles(t *testing.T, s *suite) {
	spend := func(key string, at time.Time, want int, wantSince time.Time) {
		s.Helper()
		s.update(func(tx access.Tx) error {
			n, since, err := tx.Spend(key, at, 10*time.Second)
			s.equal("attempts of "+key+" at "+at.String(), n, want)
			s.equal("window of "+key+" at "+at.String(), since, wantSince)
			return err
		})
	}
	refund := func(key string) { s.update(func(tx access.Tx) error { return tx.Refund(key) }) }
	spend("a", after(0), 1, after(0))
	spend("a", after(1), 2, after(0))
	spend("b", after(2), 1, after(2))
	spend("a", after(9), 3, after(0))
	refund("a")
	spend("a", after(10).Add(-time.Microsecond), 3, after(0))
	spend("a", after(10), 1, after(10))
	spend("b", after(11), 2, after(2))
	refund("a")
	refund("a")
	spend("a", after(11), 1, after(10))
	refund("nothing")
}

func session(id, token string) access.Session {
	return access.Session{
		ID: id, UserID: "usr_1", TokenHash: []byte(token), CreatedAt: after(1), SeenAt: after(2), ExpiresAt: after(1000),
		Address: "10.0.0.1", Agent: "curl/8",
	}
}

func testSessions(t *testing.T, s *suite) {
	s.world()
	full := session("ses_1", "one")
	full.PreviousHash, full.RotatedAt, full.PasswordAt, full.EndedAt = []byte("zero"), after(3), after(4), after(5)
	full.Data = `{"flash":"hello"}`
	second, third := session("ses_2", "two"), session("ses_3", "three")
	third.UserID = "usr_2"
	s.update(func(tx access.Tx) error {
		return errors.Join(tx.InsertSession(full), tx.InsertSession(second), tx.InsertSession(third))
	})
	byID := func(id string) func(access.ReadTx) (access.Session, error) {
		return func(tx access.ReadTx) (access.Session, error) { return tx.Session(id) }
	}
	s.equal("every field", get(s, byID("ses_1")), full)
	s.equal("counted, the ended one left out", get(s, func(tx access.ReadTx) (int, error) { return tx.CountSessions(after(6)) }), 2)
	s.equal("no optional field", get(s, byID("ses_2")), second)
	missing(s, "id", byID("ses_9"))
	s.update(func(tx access.Tx) error {
		return errors.Join(
			tx.TouchSession("ses_2", after(50)), tx.SetSessionPassword("ses_2", after(51)),
			expect("save", true)(tx.SaveSessionData("ses_2", "draft")),
			expect("save in the ended", false)(tx.SaveSessionData("ses_1", "draft")),
			expect("save in nothing", false)(tx.SaveSessionData("ses_9", "draft")),
		)
	})
	second.SeenAt, second.PasswordAt, second.Data = after(50), after(51), "draft"
	s.equal("after changes", get(s, byID("ses_2")), second)
	s.equal("the ended one", get(s, byID("ses_1")), full)
	for what, change := range map[string]func(tx access.Tx) error{
		"touch":    func(tx access.Tx) error { return tx.TouchSession("ses_9", epoch) },
		"password": func(tx access.Tx) error { return tx.SetSessionPassword("ses_9", epoch) },
	} {
		if err := s.store.Update(t.Context(), change); !errors.Is(err, access.ErrNoRow) {
			t.Errorf("%s of nothing: error %v, want ErrNoRow", what, err)
		}
	}
	of := func(user string, now time.Time) []string {
		var ids []string
		for _, one := range get(s, func(tx access.ReadTx) ([]access.Session, error) { return tx.SessionsOf(user, now) }) {
			ids = append(ids, one.ID)
		}
		return ids
	}
	s.equal("that still count", of(second.UserID, epoch), []string{"ses_2"})
	s.equal("that still count when they are over", of(second.UserID, second.ExpiresAt), []string(nil))
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("end", true)(tx.EndSession("ses_3", after(60))), expect("end again", false)(tx.EndSession("ses_3", after(61))),
			tx.EndSessionsOf("usr_1", after(70)), tx.EndSessionsOf("usr_2", after(71)), tx.EndSessionsOf("usr_9", after(72)),
		)
	})
	s.equal("ended before", get(s, byID("ses_1")).EndedAt, after(5))
	s.equal("ended with the user's", get(s, byID("ses_2")).EndedAt, after(70))
	s.equal("ended on its own", get(s, byID("ses_3")).EndedAt, after(60))
}

func testSessionTokens(t *testing.T, s *suite) {
	s.world()
	s.update(func(tx access.Tx) error { return tx.InsertSession(session("ses_1", "one")) })
	byToken := func(token string) func(access.ReadTx) (access.Session, error) {
		return func(tx access.ReadTx) (access.Session, error) { return tx.SessionByToken([]byte(token)) }
	}
	rotate := func(from, to string, at time.Time) bool {
		return did(s, func(tx access.Tx) (bool, error) { return tx.RotateSession("ses_1", []byte(from), []byte(to), at) })
	}
	s.equal("by its token", get(s, byToken("one")), session("ses_1", "one"))
	missing(s, "no token", byToken(""))
	s.equal("rotate", rotate("one", "two", after(10)), true)
	s.equal("rotate the former one", rotate("one", "three", after(11)), false)
	want := session("ses_1", "two")
	want.PreviousHash, want.RotatedAt = []byte("one"), after(10)
	s.equal("by its token", get(s, byToken("two")), want)
	s.equal("by the one before", get(s, byToken("one")), want)
	s.equal("rotate again", rotate("two", "three", after(12)), true)
	missing(s, "the one before the last", byToken("one"))
	s.update(func(tx access.Tx) error { return expect("end", true)(tx.EndSession("ses_1", after(13))) })
	missing(s, "an ended one", byToken("three"))
	missing(s, "an ended one by the token before", byToken("two"))
	s.equal("rotate the ended", rotate("three", "four", after(14)), false)
}

func testElevations(t *testing.T, s *suite) {
	s.world()
	elevation := func(id, sessionID, reason string, started int) access.Elevation {
		return access.Elevation{
			ID: id, SessionID: sessionID, UserID: "usr_1", OrganizationID: "org_1", ApplicationID: "app_1",
			Reason: reason, StartedAt: after(started), Until: after(started + 1800),
		}
	}
	current := func(id string) func(access.ReadTx) (access.Elevation, error) {
		return func(tx access.ReadTx) (access.Elevation, error) { return tx.CurrentElevation(id) }
	}
	missing(s, "elevation", current("ses_1"))
	first, second, whole := elevation("elv_1", "ses_1", "first reason", 10), elevation("elv_2", "ses_1", "second reason", 20), elevation("elv_3", "ses_2", "first reason", 30)
	whole.ApplicationID = ""
	s.update(func(tx access.Tx) error {
		return errors.Join(tx.InsertElevation(second), tx.InsertElevation(first), tx.InsertElevation(whole))
	})
	s.equal("the latest", get(s, current("ses_1")), second)
	s.equal("of the whole organization", get(s, current("ses_2")), whole)
	end := func(at time.Time) bool {
		return did(s, func(tx access.Tx) (bool, error) { return tx.EndElevations("ses_1", at) })
	}
	s.equal("drop", end(after(40)), true)
	s.equal("drop again", end(after(41)), false)
	missing(s, "a dropped one", current("ses_1"))
	s.equal("of another session", get(s, current("ses_2")), whole)
	ended := elevation("elv_4", "ses_1", "third reason", 15)
	ended.EndedAt = after(16)
	s.update(func(tx access.Tx) error { return tx.InsertElevation(ended) })
	missing(s, "one that was dropped at once", current("ses_1"))
	reasons := func(id string, most int) []string {
		return get(s, func(tx access.ReadTx) ([]string, error) { return tx.RecentReasons(id, most) })
	}
	s.equal("latest first, each once", reasons("usr_1", 3), []string{"first reason", "second reason", "third reason"})
	s.equal("no more than asked for", reasons("usr_1", 2), []string{"first reason", "second reason"})
	s.equal("of nobody", reasons("usr_2", 3), []string(nil))
}
