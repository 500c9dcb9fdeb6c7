package store

import (
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
)

// TestPlansOfUses asserts that what a page tells of a credential's use is read from
// that credential's rows of the span alone. They are few (see mostCallers): adding up
// callers and reasons may sort them.
func TestPlansOfUses(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	now := time.Now()
	const span = " (credential_id=? AND resolution=? AND start>?)"
	callers := func(by access.CallerField) question {
		text, args := selectUseCallers(access.CallerFilter{CredentialID: "tok_1", Daily: true, From: now, By: by, Limit: 10})
		return ask(text, args, "sqlite_autoindex_use_callers_1"+span)
	}
	addresses, addressesArgs := selectUseAddresses([]string{"tok_1", "tok_2"}, now)
	crowded, crowdedArgs := selectCallerCounts([]string{"tok_1", "tok_2"}, 3600, 1)
	calls, callsArgs := selectCalls([]string{"tok_1", "tok_2"}, now)
	hourly, hourlyArgs := selectHourlyCalls([]string{"tok_1", "tok_2"}, spansSince(now)[0], true)
	for name, q := range map[string]question{
		"hours of a list":    ask(hourly, hourlyArgs, "sqlite_autoindex_uses_1"+span),
		"calls of a list":    ask(calls, callsArgs, "sqlite_autoindex_uses_1"+span),
		"spans":              ask(selectUseSpans, []any{"tok_1", 3600, 86400, 1, 1}, "sqlite_autoindex_uses_1"+span),
		"callers by address": callers(access.ByAddress),
		"callers by agent":   callers(access.ByAgent),
		"addresses":          ask(addresses, addressesArgs, "sqlite_autoindex_use_callers_1"+span),
		"refusals":           ask(selectUseRefusals, []any{"tok_1", 3600, 1}, "sqlite_autoindex_use_refusals_1"+span),
		"crowded spans":      ask(crowded, crowdedArgs, "sqlite_autoindex_use_callers_1 (credential_id=? AND resolution=? AND start=?)"),
		"callers of a span":  ask(selectCallers, []any{"tok_1", 3600, 1}, "sqlite_autoindex_use_callers_1 (credential_id=? AND resolution=? AND start=?)"),
	} {
		if got := plan(t, s, q.text, q.args); !strings.Contains(got, q.uses) || strings.Contains(got, "SCAN") {
			t.Errorf("%s is not found by %s:\n%s", name, q.uses, got)
		}
	}
	for _, swept := range append([]sweep{movedUses, movedCallers, movedRefusals}, sweeps...) {
		if text := `SELECT ` + swept.keys + ` FROM ` + swept.table + ` WHERE ` + swept.condition + ` LIMIT $2`; strings.HasPrefix(swept.table, "use") {
			ask(text, []any{1, 100}, swept.table+"_by_age (resolution=? AND start<?)").check(t, s, "sweep of "+swept.table)
		}
	}
}
