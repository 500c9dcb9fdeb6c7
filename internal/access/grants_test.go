package access_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// answer is all that a caller learns from a refusal.
func (o *office) answer(ask access.Ask) string {
	o.t.Helper()
	_, err := o.Authority.Grant(o.t.Context(), ask)
	e := access.AsOAuthError(err)
	if e == nil {
		return fmt.Sprint(err)
	}
	return fmt.Sprint(e.Code, " ", e.Description, " ", e.RetryAfter)
}

// TestPasswordGrantOffJudgesNoPassword: where it is off everywhere the answer is one
// for right and wrong passwords, and none is tallied or counted.
func TestPasswordGrantOffJudgesNoPassword(t *testing.T) {
	t.Parallel()
	o := newOffice(t, testkit.Limits(func(l *access.Limits) { l.PasswordAttempts = 2 }))
	o.User("ann@example.com", "acme", access.Member)
	events, client := o.count(), o.client("orders", access.Draft{})
	events++ // the client's
	for i := range 4 {
		for _, target := range []access.TokenTarget{{}, {Organization: "acme", Application: "orders"}, {Management: true}} {
			wrong, right := by("ann@example.com", "wrong"), by("ann@example.com", testkit.Password)
			wrong.Target, right.Target = target, target
			if i%2 == 1 && !target.Management {
				wrong.ClientID, wrong.ClientSecret = client.Credential.ID, client.Secret
				right.ClientID, right.ClientSecret = client.Credential.ID, client.Secret
			}
			want := "unauthorized_client the password grant is switched off 0s"
			if a, b := o.answer(wrong), o.answer(right); a != want || b != want {
				t.Errorf("%+v: wrong: %s, right: %s", target, a, b)
			}
		}
	}
	o.Clock.Advance(time.Minute)
	if err := o.Accounts.SealTallies(t.Context()); err != nil {
		t.Fatal(err)
	}
	if made := o.since(events); len(made) != 0 {
		t.Errorf("recorded %v", made)
	}
	if err := o.attempt("ann@example.com", "wrong", "", ""); access.KindOf(err) != access.Unauthenticated {
		t.Errorf("the first attempt: %v", err)
	}
	if err := o.attempt("ann@example.com", testkit.Password, "", ""); err != nil {
		t.Errorf("the second attempt: %v", err)
	}
}

// TestRightPasswordForNothing: a right password that reaches nothing is answered,
// tallied and counted exactly as a wrong one.
func TestRightPasswordForNothing(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]access.TokenTarget{
		"off in all of theirs": {}, "no member there": {Organization: "acme", Application: "orders"}, "manages nothing": {Management: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := map[string]string{}
			for _, password := range []string{"wrong", testkit.Password} {
				o := newOffice(t, testkit.Limits(func(l *access.Limits) { l.PasswordAttempts = 2 }))
				o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
				o.User("bob@example.com", "beta", access.Member)
				if target.Management {
					o.User("bob@example.com", "acme", access.Member)
				}
				events, ask := o.count(), by("bob@example.com", password)
				ask.Target = target
				var got []string
				for range 3 {
					got = append(got, o.answer(ask))
				}
				o.Clock.Advance(time.Minute)
				if err := o.Accounts.SealTallies(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, e := range o.since(events) {
					got = append(got, fmt.Sprint(e.Act, " ", e.ActorName, " ", e.Count))
				}
				answers[password] = strings.Join(got, "\n")
			}
			wrong := "invalid_grant the username or the password is wrong 0s\n"
			want := wrong + wrong + "invalid_grant too many attempts for this account; try again later 15m0s\nsession.sign-in-failed bob@example.com 2"
			for password, got := range answers {
				if got != want {
					t.Errorf("%s:\n%s\nwant\n%s", password, got, want)
				}
			}
		})
	}
}

// TestUserTokenDiesWithItsClient: a user's token that a client asked for follows that
// client's state, and opens from its addresses alone.
func TestUserTokenDiesWithItsClient(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	o.User("ann@example.com", "acme", access.Member)
	through := func(d access.Draft) (access.Issued, access.Granted) {
		t.Helper()
		c, ask := o.client("orders", d), by("ann@example.com", testkit.Password)
		ask.ClientID, ask.ClientSecret = c.Credential.ID, c.Secret
		g := o.granted(ask)
		if g.Token.AskedBy != c.Credential.ID || g.Token.UserID == "" || g.Token.CredentialID != "" {
			t.Errorf("granted %+v", g.Token)
		}
		o.opens("at first", "acme", "orders", "POST", g.Secret, access.Accepted)
		return c, g
	}
	c, g := through(access.Draft{})
	_, brief := through(access.Draft{Expires: "1d"})
	_, listed := through(access.Draft{Allow: []string{desk.Address.String()}})
	each := func(verb access.Verb) {
		t.Helper()
		if _, err := o.Registry.Each(ctx, op, "acme", "orders", verb, []string{c.Credential.ID}); err != nil {
			t.Fatal(err)
		}
	}
	each(access.PauseThem)
	o.opens("paused", "acme", "orders", "GET", g.Secret, access.CredentialPaused)
	each(access.ResumeThem)
	o.opens("resumed", "acme", "orders", "GET", g.Secret, access.Accepted)
	each(access.RevokeThem)
	o.opens("revoked", "acme", "orders", "GET", g.Secret, access.CredentialRevoked)
	for address, want := range map[string]access.Reason{desk.Address.String(): access.Accepted, "203.0.113.1": access.AddressNotAllowed, "": access.AddressNotAllowed} {
		r := bearer(access.Issued{Secret: listed.Secret})
		r.Organization, r.Application, r.Caller = "acme", "orders", access.Caller{Through: netip.MustParseAddr("127.0.0.1")}
		if address != "" {
			r.Caller = access.Caller{Address: netip.MustParseAddr(address)}
		}
		if got := verify(t, o.Site, r); got != want {
			t.Errorf("from %q: reason %d, want %d", address, got, want)
		}
	}
	o.Clock.Advance(24*time.Hour - time.Microsecond)
	o.opens("just before the end", "acme", "orders", "GET", brief.Secret, access.Accepted)
	o.Clock.Advance(time.Microsecond)
	o.opens("expired", "acme", "orders", "GET", brief.Secret, access.CredentialExpired)
}

// TestUnknownEmailsMakeOneEvent a minute, however many there are; those of users stay
// theirs.
func TestUnknownEmailsMakeOneEvent(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	o.User("ann@example.com", "acme", access.Member)
	o.Clock.Advance(o.Clock.Now().Truncate(time.Minute).Add(time.Minute).Sub(o.Clock.Now())) // to where one begins
	events := o.count()
	for minute := range 2 {
		for i := range 4 + minute {
			if err := o.attempt(fmt.Sprintf("nobody%d@example.com", i), "wrong", "", ""); access.KindOf(err) != access.Unauthenticated {
				t.Fatal(err)
			}
			if got := o.refused(by(fmt.Sprintf("no%d@example.com", i), "wrong")); got != access.InvalidGrant {
				t.Fatal(got)
			}
		}
		if err := o.attempt("ann@example.com", "wrong", "", ""); access.KindOf(err) != access.Unauthenticated {
			t.Fatal(err)
		}
		o.Clock.Advance(time.Minute)
	}
	if err := o.Accounts.SealTallies(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, e := range o.since(events) {
		got[fmt.Sprint(e.ActorName, " ", e.Count)]++
	}
	if want := map[string]int{"unknown email 8": 1, "unknown email 10": 1, "ann@example.com 1": 2}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("recorded %v, want %v", got, want)
	}
}

// TestSigningInAgain ends the session that the browser had, and no other one; a wrong
// password ends none.
func TestSigningInAgain(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	before, other := o.hire("ann@example.com", access.Admin), o.signIn("ann@example.com")
	again := func(password string) (*person, error) {
		c := credentials("ann@example.com", password)
		c.Previous = before.visit().Session.ID
		in, err := o.Accounts.SignIn(t.Context(), c)
		return &person{o, before.email, in.Token, in.Device}, err
	}
	if _, err := again("wrong"); access.KindOf(err) != access.Unauthenticated {
		t.Errorf("a wrong password: %v", err)
	}
	before.visit()
	after, err := again(testkit.Password)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.with(before.token); access.KindOf(err) != access.Unauthenticated {
		t.Errorf("the session before: %v", err)
	}
	after.visit()
	other.visit()
}

// TestUnknownMethodsAreKeptAsOther: what is none of HTTP's may be anything.
func TestUnknownMethodsAreKeptAsOther(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	token := o.Token("acme", "orders", "t", "")
	for method, want := range map[string]string{
		"GET": "GET", "HEAD": "HEAD", "OPTIONS": "OPTIONS", "POST": "POST", "PUT": "PUT", "PATCH": "PATCH", "DELETE": "DELETE", "TRACE": "TRACE", "CONNECT": "CONNECT", "": "",
		"PROPFIND": "OTHER", "get": "OTHER", strings.Repeat("X", 1<<16): "OTHER", "<b>": "OTHER",
	} {
		o.Clock.Advance(time.Second)
		o.opens("any method", "acme", "orders", method, token.Secret, access.Accepted)
		o.FlushUses()
		err := o.Store.View(t.Context(), func(tx access.ReadTx) error {
			uses, err := tx.LastUses([]string{token.Credential.ID})
			if got := uses[token.Credential.ID].Method; got != want {
				t.Errorf("%.20q is kept as %.20q, want %q", method, got, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestIntrospectionOfAddressLists: whoever asks cannot tell us from where the token
// came, so that one with an address list is not active.
func TestIntrospectionOfAddressLists(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	o.User("ann@example.com", "acme", access.Member)
	asker := o.client("orders", access.Draft{})
	for _, allow := range [][]string{nil, {"0.0.0.0/0", "::/0"}} {
		token, err := o.Registry.IssueToken(t.Context(), o.Operator(), "acme", "orders", access.Draft{Label: "t", Allow: allow})
		if err != nil {
			t.Fatal(err)
		}
		c, ask := o.client("orders", access.Draft{Allow: allow}), by("ann@example.com", testkit.Password)
		ask.ClientID, ask.ClientSecret = c.Credential.ID, c.Secret
		for what, text := range map[string]secret.Secret{"token": token.Secret, "client's": o.granted(as(c)).Secret, "user's": o.granted(ask).Secret} {
			o.opens(what, "acme", "orders", "GET", text, access.Accepted)
			if i, err := o.Authority.Introspect(t.Context(), asker.Credential, text); err != nil || i.Active != (allow == nil) || !i.Active && (i.Token.ID != "" || i.Reason != access.AddressNotAllowed) {
				t.Errorf("%s, allowed from %v: %+v, %v", what, allow, i, err)
			}
		}
	}
}
