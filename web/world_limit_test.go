package web_test

import (
	"strings"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// limit gives the credential of a cell a limit of one request.
func (w *world) limit(c cell, m *made) {
	if c.matter == spent {
		m.credential.Limit = access.Limit{PerSecond: 1, Burst: 1}
	}
}

// spend uses that limit up. The clock stands still, so it stays so.
func (w *world) spend(c cell, m made) {
	w.t.Helper()
	if c.matter != spent {
		return
	}
	query, header := w.present(c, m)
	headers := []string{"X-Forwarded-Method", read, "X-Forwarded-Uri", "/?" + query, "X-Forwarded-For", callersAddress}
	for _, h := range header {
		headers = append(headers, "Authorization", h)
	}
	if a := w.site.Call(read, w.site.ConsoleURL+"/verify/"+w.org.Slug+"/"+m.app.Slug, headers...); a.Status != 200 {
		w.t.Fatalf("%s: the request before was answered %d: %s", c, a.Status, a.Body)
	}
}

// checkReason compares the reason that /verify tells, and what is told of a limit.
func (w *world) checkReason(c cell, a testkit.Answer, want outcome) {
	w.t.Helper()
	reason := ""
	if c.endpoint != gateway {
		reason = reasonOf(want)
	}
	if got := a.Header.Get("X-Auth-Reason"); got != reason || len(a.Header.Values("X-Auth-Reason")) > 1 {
		w.t.Errorf("%s: reason %q, want %q", c, got, reason)
	}
	limit, again := "", ""
	if c.matter == spent {
		limit, again = `"credential";r=0;t=1`, "1"
	}
	if got := a.Header.Get("RateLimit"); got != limit || a.Header.Get("Retry-After") != again {
		w.t.Errorf("%s: RateLimit %q, Retry-After %q", c, got, a.Header.Get("Retry-After"))
	}
}

// reasonOf is the name of the reason of a refusal: of those who must not be told apart
// the same one.
func reasonOf(want outcome) string {
	if want.problemType != "invalid-token" {
		return strings.Replace(want.problemType, "credential-needed", "no-credential", 1)
	}
	for _, r := range [][2]string{
		{"expired", "expired"},
		{"revoked", "revoked"},
		{"paused", "paused"},
		{"Basic is disabled", "basic-disabled"},
		{"switched off", "way-off"},
		{"user of this token", "user-gone"},
		{"no longer a member", "user-gone"},
	} {
		if strings.Contains(want.detail, r[0]) {
			return r[1]
		}
	}
	return "invalid"
}
