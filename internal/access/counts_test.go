package access_test

import (
	"fmt"
	"testing"
	"time"

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
