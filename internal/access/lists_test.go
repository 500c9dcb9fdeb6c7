package access_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claviger/internal/access"
)

// TestTotalsAreOfNow: how many there are in all is asked for once and remembered, and is right again after each act, and
// a minute after something has expired. Each filter has a total of its own.
func TestTotalsAreOfNow(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var last access.Issued
	for i := range access.TokensPage + 10 {
		last = o.Token("acme", "orders", fmt.Sprintf("robot %d", i), "")
	}
	live := access.CredentialFilter{Live: true}
	expect := func(when string, f access.CredentialFilter, want int) {
		t.Helper()
		for _, how := range []string{"counted", "remembered"} {
			m, err := o.Registry.ManageAPI(t.Context(), o.Operator(), "acme", "orders", f)
			if err != nil || m.Total != want {
				t.Errorf("%s, %s: %d in all, want %d (%v)", when, how, m.Total, want, err)
			}
		}
	}
	expect("at first", live, access.TokensPage+10)
	expect("of those with a 5", access.CredentialFilter{Live: true, Search: "robot 5"}, 11)
	if _, err := o.Registry.Each(t.Context(), o.Operator(), "acme", "orders", access.RevokeThem, []string{last.Credential.ID}); err != nil {
		t.Fatal(err)
	}
	expect("one revoked", live, access.TokensPage+9)
	expect("revoked or not", access.CredentialFilter{}, access.TokensPage+10)
	if _, err := o.Registry.IssueToken(t.Context(), o.Operator(), "acme", "orders", access.Draft{Label: "brief", Expires: "1d"}); err != nil {
		t.Fatal(err)
	}
	expect("one that expires", live, access.TokensPage+10)
	o.Clock.Advance(24*time.Hour + time.Minute)
	expect("expired", live, access.TokensPage+9)
}

// TestListsAreOfNow: a list that was looked at before shows what a registry that remembers nothing shows, after each act
// and whenever something has expired.
func TestListsAreOfNow(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	var ids []string
	issue := func(label, expires string) {
		t.Helper()
		issued, err := o.Registry.IssueToken(ctx, op, "acme", "orders", access.Draft{Label: label, Expires: expires})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, issued.Credential.ID)
		o.Clock.Advance(time.Second)
	}
	for i := range access.TokensPage + 5 {
		issue(fmt.Sprint("robot ", i), []string{"never", "1d", "2d", "30d"}[i%4])
	}
	soon := func() time.Time { return o.Clock.Now().Add(36 * time.Hour) }
	filters := func() map[string]access.CredentialFilter {
		return map[string]access.CredentialFilter{
			"any": {}, "live": {Live: true}, "active": {State: access.Active}, "paused": {State: access.Paused}, "expired": {State: access.Expired},
			"revoked": {State: access.Revoked}, "ended": {Ended: true}, "soon": {Live: true, ExpiresBefore: soon()}, "search": {Live: true, Search: "ROBOT 1"},
			"long search": {Live: true, Search: "robot" + strings.Repeat(" ", 70)},
		}
	}
	same := func(when string) {
		t.Helper()
		for name, f := range filters() {
			for _, next := range []bool{false, true} {
				want, err := access.NewRegistry(o.Registry.Deps).ManageAPI(ctx, op, "acme", "orders", f)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					got, err := o.Registry.ManageAPI(ctx, op, "acme", "orders", f)
					if err != nil || got.More != want.More || got.Newer != want.Newer || !cmp.Equal(shown(got), shown(want)) {
						t.Errorf("%s, %s: %v\n%s", when, name, err, cmp.Diff(shown(want), shown(got)))
					}
				}
				if !next && len(want.Tokens) > 3 {
					last := want.Tokens[3].Credential
					f.After = access.Cursor{At: last.CreatedAt, ID: last.ID}
				}
			}
		}
	}
	same("at first")
	acts := map[string]func() error{
		"rename": func() error {
			return o.Registry.Rename(ctx, op, "acme", "orders", ids[len(ids)-1], "by another name")
		},
		"pause":  func() error { return second(o.Registry.Each(ctx, op, "acme", "orders", access.PauseThem, ids[45:50])) },
		"resume": func() error { return second(o.Registry.Each(ctx, op, "acme", "orders", access.ResumeThem, ids[45:47])) },
		"revoke": func() error { return second(o.Registry.Each(ctx, op, "acme", "orders", access.RevokeThem, ids[20:22])) },
		"issue":  func() error { issue("one more", "1d"); return nil },
	}
	for _, name := range []string{"rename", "pause", "resume", "revoke", "issue"} {
		if err := acts[name](); err != nil {
			t.Fatal(err)
		}
		same(name)
	}
	for hours := range 60 {
		o.Clock.Advance(time.Hour)
		same(fmt.Sprint(hours+1, " hours later"))
	}
}

// shown is what a list shows of its tokens.
func shown(m access.ManageAPI) (out []string) {
	for _, u := range m.Tokens {
		out = append(out, fmt.Sprint(u.Credential.ID, u.Credential.Label, u.State, u.Credential.ExpiresAt))
	}
	return out
}
