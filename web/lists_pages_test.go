package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// labels returns the labels of the live tokens on a page, in their order.
func labels(page *testkit.HTML) []string {
	var out []string
	for _, link := range page.All("#tokens > table th.leads a") {
		out = append(out, link.Text())
	}
	return out
}

// walk follows one way of the pager to its end and returns each page's rows.
func walk(t *testing.T, v *testkit.Visitor, path, rel string, rows func(*testkit.HTML) []string) (pages [][]string, last string) {
	t.Helper()
	for range 20 {
		a := v.Get(path)
		if a.Status != http.StatusOK {
			t.Fatalf("%s: %d", path, a.Status)
		}
		page := a.Page(t)
		pages, last = append(pages, rows(page)), path
		next := page.All(".pager a[rel=" + rel + "]")
		if len(next) == 0 {
			return pages, last
		}
		path = next[0].Attr("href")
	}
	t.Fatalf("%s never ends", rel)
	return nil, ""
}

// TestTokenPages: 120 tokens by pages of 50, forward and back: each once, newest
// first, also those made at the same moment; and what comes meanwhile shifts nothing.
func TestTokenPages(t *testing.T) {
	c, v := elevatedConsole(t)
	var want []string
	for i := range 120 {
		if i%3 == 0 { // three a moment
			c.Clock.Advance(time.Second)
		}
		label := fmt.Sprintf("token %03d", i)
		if i%2 == 0 {
			label += " even"
		}
		c.Token("acme", "orders", label, "")
		want = append(want, label)
	}
	older, last := walk(t, v, managePage, "next", labels)
	if len(older) != 3 || len(older[0]) != 50 || len(older[1]) != 50 || len(older[2]) != 20 {
		t.Fatalf("%d pages", len(older))
	}
	all := slices.Concat(older...)
	if sorted := slices.Sorted(slices.Values(all)); !slices.Equal(sorted, want) {
		t.Error("a token is missing, or there twice")
	}
	for i := 0; i < 120; i += 3 { // within a moment the order is that of the ids
		if moment := slices.Sorted(slices.Values(all[i : i+3])); !slices.Equal(moment, want[117-i:120-i]) {
			t.Errorf("rows %d to %d are %v", i+1, i+3, moment)
		}
	}
	newer, first := walk(t, v, last, "prev", labels)
	slices.Reverse(newer)
	if got := slices.Concat(newer...); !slices.Equal(got[len(got)-50-20:], all[50:]) || !slices.Contains(got, all[0]) {
		t.Errorf("back, the rows are others: %d and %d", len(got), len(all))
	}
	if text := v.Get(first).Page(t).One(".pager").Text(); !strings.Contains(text, "of 120") {
		t.Errorf("the first page says %q", text)
	}
	second := v.Get(managePage).Page(t).One(".pager a[rel=next]").Attr("href")
	c.Token("acme", "orders", "came meanwhile", "")
	if got := labels(v.Get(second).Page(t)); !slices.Equal(got, older[1]) {
		t.Error("a token that came meanwhile shifts the second page")
	}
}

// TestPagesKeepFilters: search and filters stand in the pager's addresses.
func TestPagesKeepFilters(t *testing.T) {
	c, v := elevatedConsole(t)
	for i := range 110 {
		c.Clock.Advance(time.Second)
		kind, scope := "Odd & co", "backend:read"
		if i%2 == 0 {
			kind, scope = "Even 100%", "backend:write"
		}
		c.Token("acme", "orders", fmt.Sprintf("%s %d", kind, i), scope)
	}
	for query, want := range map[string]int{
		"q=even": 55, "q=EVEN+100%25": 55, "q=odd+%26": 55, "q=" + url.QueryEscape("%"): 55, "q=_": 110, "scope=backend:write": 55, "scope=backend:read&q=odd": 55,
		"scope=backend:read&q=even": 0, "state=active": 110, "state=paused": 0, "q=" + url.QueryEscape("' OR 1=1 --"): 0, "state=nonsense": 110, "scope=%00": 110,
	} {
		pages, _ := walk(t, v, managePage+"?"+query, "next", labels)
		all := slices.Concat(pages...)
		if got := len(slices.Compact(slices.Sorted(slices.Values(all)))); got != want || len(all) != want {
			t.Errorf("%s: %d rows, %d different, want %d", query, len(all), got, want)
		}
	}
	page := v.Get(managePage + "?q=even&state=active&scope=backend:write").Page(t)
	filter := page.Form("form[role=search]")
	if filter.Get("q") != "even" || filter.Get("state") != "active" || filter.Get("scope") != "backend:write" {
		t.Errorf("the filter forgets: %v", filter)
	}
	for _, odd := range []string{"q=%00", "q=%ff", "q=" + strings.Repeat("x", 5000), "state=%00", "n=-5", "n=x"} {
		if a := v.Get(managePage + "?" + odd); a.Status != http.StatusOK {
			t.Errorf("%.20s: %d", odd, a.Status)
		}
	}
	for _, bad := range []string{"after=x", "after=1", "before=x.y", "after=99999999999999999999.t", "after=%00.x"} {
		if a := v.Get(managePage + "?" + bad); a.Status != http.StatusUnprocessableEntity || !strings.Contains(a.Body, "damaged") {
			t.Errorf("%s: %d", bad, a.Status)
		}
	}
	if text := page.Text(); !strings.Contains(text, "1–50 of 55") {
		t.Error("no range")
	}
}

// TestTokenStatesOnThePage: paused ones are listed with the word, expired and
// revoked ones kept but folded away, and each can be filtered for.
func TestTokenStatesOnThePage(t *testing.T) {
	c, v := elevatedConsole(t)
	ids := map[string]string{}
	for _, label := range []string{"living", "resting", "dead"} {
		ids[label] = c.Token("acme", "orders", label, "").Credential.ID
	}
	issued, err := c.Registry.IssueToken(t.Context(), c.Operator(), "acme", "orders", access.Draft{Label: "short-lived", Expires: "1d"})
	if err != nil {
		t.Fatal(err)
	}
	for path, form := range map[string][]string{
		managePage + "/tokens/" + ids["resting"] + "/pause": nil, managePage + "/tokens/revoke": {"id", ids["dead"]},
	} {
		if a := v.Post(path, form...); a.Status != http.StatusSeeOther {
			t.Fatalf("%s: %d", path, a.Status)
		}
	}
	if got := labels(v.Get(managePage + "?state=expiring").Page(t)); !slices.Equal(got, []string{"short-lived"}) {
		t.Errorf("expiring soon: %v", got)
	}
	c.Clock.Advance(24 * time.Hour)
	v = c.Elevated("ann@example.com", "acme/orders")
	page := v.Get(managePage).Page(t)
	if got := slices.Sorted(slices.Values(labels(page))); !slices.Equal(got, []string{"living", "resting"}) {
		t.Errorf("live: %v", got)
	}
	folded := page.One("details.folded")
	if text := folded.Text(); !strings.Contains(text, "2 revoked and expired") || !strings.Contains(text, "dead Revoked") || !strings.Contains(text, "short-lived Expired") {
		t.Errorf("folded: %s", text)
	}
	for state, want := range map[string]string{"active": "living", "paused": "resting", "expired": "short-lived", "revoked": "dead"} {
		if got := labels(v.Get(managePage + "?state=" + state).Page(t)); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v", state, got)
		}
	}
	for _, id := range []string{ids["dead"], issued.Credential.ID} {
		page := v.Get(managePage + "/tokens/" + id).Page(t)
		if page.Has("form[action$='/pause'], form[action$='/resume']") {
			t.Errorf("%s can be paused or resumed", id)
		}
		if a := v.Post(managePage + "/tokens/" + id + "/pause"); a.Status != http.StatusConflict {
			t.Errorf("pausing what is over: %d", a.Status)
		}
	}
	if a := v.Get(managePage + "/tokens/" + ids["dead"]); !strings.Contains(a.Body, testkit.Reason) {
		t.Error("the revoked token's page does not say why")
	}
}

// acts returns the acts on a page of Activity, in their order.
func acts(page *testkit.HTML) []string {
	var out []string
	for _, row := range page.All("main tbody tr") {
		out = append(out, row.Text())
	}
	return out
}

// TestActivityPages: every act once, newest first, forward and back, under filters.
func TestActivityPages(t *testing.T) {
	c, v := elevatedConsole(t)
	for i := range 120 {
		c.Clock.Advance(time.Second)
		c.Token("acme", "orders", fmt.Sprintf("token %03d", i), "")
	}
	const path = "/orgs/acme/activity"
	all := len(c.Events("acme"))
	pages, last := walk(t, v, path, "next", acts)
	if rows := slices.Concat(pages...); len(rows) != all || !strings.Contains(rows[0], "token 119") {
		t.Errorf("%d rows of %d acts, the first %q", len(rows), all, rows[0])
	}
	back, _ := walk(t, v, last, "prev", acts)
	slices.Reverse(back)
	if got, want := slices.Concat(back...), slices.Concat(pages...); !slices.Equal(got[len(got)-70:], want[len(want)-70:]) {
		t.Error("back, the rows are others")
	}
	ann := v.Get(path).Page(t)
	var annID string
	for _, option := range ann.All("select[name=actor] option") {
		if option.Text() == "ann" {
			annID = option.Attr("value")
		}
	}
	today, tomorrow := c.Clock.Now().UTC().Format(time.DateOnly), c.Clock.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	for query, want := range map[string]int{
		"action=token.create": 120, "action=elevation.start": 1, "actor=" + annID: 2, "actor=command-line&action=token.create": 120, "app=orders&action=token.create": 120,
		"app=sandbox&action=token.create": 0, "from=" + tomorrow: 0, "to=2001-01-01": 0, "from=2001-01-01&to=" + today: all, "action=nonsense": 0, "actor=%00": 0,
	} {
		pages, _ := walk(t, v, path+"?"+query, "next", acts)
		if got := len(slices.Concat(pages...)); got != want {
			t.Errorf("%s: %d acts, want %d", query, got, want)
		}
	}
	for query, want := range map[string]int{"from=x": 422, "to=2026-02-30": 422, "after=-1": 422, "before=x": 422, "app=none": 404} {
		if a := v.Get(path + "?" + query); a.Status != want {
			t.Errorf("%s: %d, want %d", query, a.Status, want)
		}
	}
}
