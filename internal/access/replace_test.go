package access_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claviger/internal/access"
)

func (o *office) replace(app, id string, d access.ReplaceDraft) access.Issued {
	o.t.Helper()
	issued, err := o.Registry.Replace(o.t.Context(), o.Operator(), "acme", app, id, d)
	if err != nil {
		o.t.Fatalf("replace by %+v: %v", d, err)
	}
	return issued
}

// TestReplace: label, scopes, limits and lifetime are kept, both work until the end
// of the old one, and only the new one after.
func TestReplace(t *testing.T) {
	t.Parallel()
	for end, after := range map[string]time.Duration{"now": 0, "24h": 24 * time.Hour, "": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "a date": 0} {
		t.Run("end_"+end, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			draft := access.Draft{Label: "nightly", Scopes: access.Scopes{{API: "backend", Action: access.Read}}, Expires: "90d", Allow: []string{"192.0.2.0/24"}}
			old, err := o.Registry.IssueToken(t.Context(), o.Operator(), "acme", "orders", draft)
			if err != nil {
				t.Fatal(err)
			}
			o.Clock.Advance(10 * 24 * time.Hour)
			if end == "a date" { // until the end of that day
				end = o.Clock.Now().AddDate(0, 0, 2).Format(time.DateOnly)
				after = o.Clock.Now().Truncate(24*time.Hour).AddDate(0, 0, 3).Sub(o.Clock.Now())
			}
			fresh := o.replace("orders", old.Credential.ID, access.ReplaceDraft{End: end})
			was, is := old.Credential, fresh.Credential
			if is.Label != was.Label || !cmp.Equal(is.Restriction, was.Restriction) || fmt.Sprint(is.Allowed) != fmt.Sprint(was.Allowed) || is.Replaces != was.ID ||
				!is.ExpiresAt.Equal(o.Clock.Now().Add(90*24*time.Hour)) || fresh.Secret.IsZero() {
				t.Errorf("replaced by %+v", is)
			}
			if after > 0 {
				o.opens("the old one", "acme", "orders", "GET", old.Secret, access.Accepted)
				o.opens("the new one", "acme", "orders", "GET", fresh.Secret, access.Accepted)
				if !fresh.Old.Credential.ExpiresAt.Equal(o.Clock.Now().Add(after)) || fresh.Old.State != access.Active {
					t.Errorf("the old one, as shown: %s until %s", fresh.Old.State, fresh.Old.Credential.ExpiresAt)
				}
				o.Clock.Advance(after - time.Microsecond)
				o.opens("the old one, just before its end", "acme", "orders", "GET", old.Secret, access.Accepted)
				o.Clock.Advance(time.Microsecond)
				o.opens("the old one, at its end", "acme", "orders", "GET", old.Secret, access.CredentialExpired)
			} else {
				o.opens("the old one", "acme", "orders", "GET", old.Secret, access.CredentialRevoked)
				if fresh.Old.State != access.Revoked {
					t.Errorf("the old one, as shown: %s", fresh.Old.State)
				}
			}
			o.opens("the new one", "acme", "orders", "GET", fresh.Secret, access.Accepted)
			o.opens("the new one, beyond its scope", "acme", "orders", "POST", fresh.Secret, access.InsufficientScope)
		})
	}
}

// TestReplaceRefuses: an end that is none, and what has ended already.
func TestReplaceRefuses(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.Token("acme", "orders", "t", "").Credential.ID
	before := state(t, o.Store)
	for _, end := range []string{"never", "soon", "0d", "-1d", "2001-01-01", "48h", "36501d"} {
		if _, err := o.Registry.Replace(t.Context(), o.Operator(), "acme", "orders", id, access.ReplaceDraft{End: end}); access.KindOf(err) != access.Invalid || fields(err)[0] != "end" {
			t.Errorf("end %q: %v", end, err)
		}
	}
	for name, c := range map[string][2]string{"of another application": {"billing", id}, "unknown": {"orders", "tok_x"}, "of the organization": {"", id}} {
		if _, err := o.Registry.Replace(t.Context(), o.Operator(), "acme", c[0], c[1], access.ReplaceDraft{End: "now"}); access.KindOf(err) != access.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if state(t, o.Store) != before {
		t.Error("a refused replacement changed something")
	}
	o.replace("orders", id, access.ReplaceDraft{End: "now"})
	if _, err := o.Registry.Replace(t.Context(), o.Operator(), "acme", "orders", id, access.ReplaceDraft{End: "now"}); access.KindOf(err) != access.Conflict {
		t.Errorf("revoked: %v", err)
	}
}

// TestReplaceAgain: a form sent twice makes one, an end is never put off, and what
// replaced can be replaced.
func TestReplaceAgain(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	client := o.client("", access.Draft{Label: "wide"})
	first := o.replace("", client.Credential.ID, access.ReplaceDraft{End: "24h", Nonce: "n"})
	before := state(t, o.Store)
	again := o.replace("", client.Credential.ID, access.ReplaceDraft{End: "now", Nonce: "n"})
	if !again.Already || !again.Secret.IsZero() || again.Credential.ID != first.Credential.ID || state(t, o.Store) != before {
		t.Errorf("the same form again: %+v", again)
	}
	events := o.count()
	second := o.replace("", first.Credential.ID, access.ReplaceDraft{End: "24h", Nonce: "m"})
	if second.Already || second.Credential.Replaces != first.Credential.ID {
		t.Errorf("replaced once more: %+v", second.Credential)
	}
	made := o.since(events)
	if len(made) != 1 || made[0].Act != access.ActReplaceClient || made[0].TargetID != second.Credential.ID || made[0].Detail["replaces"] != first.Credential.ID ||
		made[0].Detail["old ends"] != o.Clock.Now().Add(24*time.Hour).Format(time.RFC3339) {
		t.Errorf("recorded %+v", made)
	}
	for name, c := range map[string]access.Issued{"the first": client, "the second": first, "the third": second} {
		if got := o.refused(as(c)); got != "granted" {
			t.Errorf("%s: %s", name, got)
		}
	}
	page, err := o.Registry.Token(t.Context(), o.Operator(), "acme", "", first.Credential.ID)
	if err != nil || page.Old.Credential.ID != client.Credential.ID || page.New.Credential.ID != second.Credential.ID {
		t.Errorf("neighbours %+v and %+v, %v", page.Old, page.New, err)
	}
	late := o.replace("", first.Credential.ID, access.ReplaceDraft{End: "7d"})
	if !late.Old.Credential.ExpiresAt.Equal(o.Clock.Now().Add(24 * time.Hour)) {
		t.Errorf("its end was put off to %s", late.Old.Credential.ExpiresAt)
	}
	o.Clock.Advance(24 * time.Hour)
	if got := o.refused(as(first)); got != access.InvalidClient {
		t.Errorf("after its end: %s", got)
	}
}

// TestReplaceWithinMaxLifetime: a limit that came later holds for replacements.
func TestReplaceWithinMaxLifetime(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	never, year := o.client("orders", access.Draft{Expires: "never"}), o.client("orders", access.Draft{Expires: "365d"})
	d := o.Registry.Deps
	d.Limits.MaxLifetime = 30 * 24 * time.Hour
	limited := access.NewRegistry(d)
	for name, c := range map[string]access.Issued{"never": never, "a year": year} {
		fresh, err := limited.Replace(t.Context(), o.Operator(), "acme", "orders", c.Credential.ID, access.ReplaceDraft{End: "24h"})
		if err != nil || !fresh.Credential.ExpiresAt.Equal(o.Clock.Now().Add(30*24*time.Hour)) {
			t.Errorf("%s: until %s, %v", name, fresh.Credential.ExpiresAt, err)
		}
	}
	fresh, err := limited.IssueClient(t.Context(), o.Operator(), "acme", "orders", access.Draft{Label: "x"})
	if err != nil || !fresh.Credential.ExpiresAt.Equal(o.Clock.Now().Add(30*24*time.Hour)) {
		t.Errorf("a new client: until %s, %v", fresh.Credential.ExpiresAt, err)
	}
}
