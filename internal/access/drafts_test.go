package access_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

func TestParseExpiry(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 27, 22, 30, 0, 0, time.UTC)
	day := 24 * time.Hour
	for _, c := range []struct {
		text    string
		longest time.Duration
		want    time.Time // zero = never
		wrong   string    // part of the message
	}{
		{"90d", 0, now.Add(90 * day), ""},
		{"", 0, now.Add(90 * day), ""},
		{" 1d ", 0, now.Add(day), ""},
		{"36500d", 0, now.Add(36500 * day), ""},
		{"never", 0, time.Time{}, ""},
		{"2026-02-27", 0, time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC), ""},
		{"2028-02-29", 0, time.Date(2028, 3, 1, 0, 0, 0, 0, time.UTC), ""},
		{"9998-12-31", 0, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), ""},
		{"0d", 0, time.Time{}, "number of days"},
		{"-1d", 0, time.Time{}, "number of days"},
		{"36501d", 0, time.Time{}, "number of days"},
		{"99999999999999999999d", 0, time.Time{}, "number of days"},
		{"90", 0, time.Time{}, "number of days"},
		{"90 d", 0, time.Time{}, "number of days"},
		{"1.5d", 0, time.Time{}, "number of days"},
		{"d", 0, time.Time{}, "number of days"},
		{"90D", 0, time.Time{}, "number of days"},
		{"Never", 0, time.Time{}, "number of days"},
		{"2026-02-30", 0, time.Time{}, "number of days"},
		{"27.02.2026", 0, time.Time{}, "number of days"},
		{"2026-02-26", 0, time.Time{}, "over"},
		{"0001-01-01", 0, time.Time{}, "over"},
		{"9999-12-31", 0, time.Time{}, "far away"},
		{"30d", 30 * day, now.Add(30 * day), ""},
		{"", 30 * day, now.Add(30 * day), ""},
		{"", 90 * day, now.Add(90 * day), ""},
		{"", 400 * day, now.Add(90 * day), ""},
		{"31d", 30 * day, time.Time{}, "at most 30 days"},
		{"never", 30 * day, time.Time{}, "at most 30 days"},
		{"2026-03-29", 30 * day, time.Time{}, "at most"},
		{"2026-03-28", 30 * day, time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), ""},
		{"2d", day, time.Time{}, "at most 1 day "},
	} {
		got, err := access.ParseExpiry(c.text, now, c.longest)
		if c.wrong != "" {
			if access.KindOf(err) != access.Invalid || !cmp.Equal(fields(err), []string{"expires"}) || !strings.Contains(err.Error(), c.wrong) || !got.IsZero() {
				t.Errorf("%q, at most %s: %v, %v, want %q", c.text, c.longest, got, err, c.wrong)
			}
			continue
		}
		if err != nil || !got.Equal(c.want) {
			t.Errorf("%q, at most %s: %v, %v, want %v", c.text, c.longest, got, err, c.want)
		}
	}
}

func TestParseAllowed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":         "",
		" ,\n\t, ": "",
		"10.0.0.4": "10.0.0.4/32",
		"10.1.2.3/8, 203.0.113.7\n2001:db8::5/32": "10.0.0.0/8 203.0.113.7/32 2001:db8::/32",
		"2001:db8::1":         "2001:db8::1/128",
		"::ffff:192.0.2.9":    "192.0.2.9/32",
		"::ffff:10.0.0.0/104": "10.0.0.0/8",
		"0.0.0.0/0 ::/0":      "0.0.0.0/0 ::/0",
		"fe80::1%eth0":        "fe80::1/128",
	} {
		got, err := access.ParseAllowed([]string{text})
		var words []string
		for _, p := range got {
			words = append(words, p.String())
		}
		if err != nil || strings.Join(words, " ") != want {
			t.Errorf("ParseAllowed(%q) = %v, %v, want %s", text, got, err, want)
		}
	}
	many := func(n int) []string { return slices.Repeat([]string{"10.0.0.1"}, n) }
	if got, err := access.ParseAllowed(many(100)); err != nil || len(got) != 100 {
		t.Errorf("100 networks: %d, %v", len(got), err)
	}
	for _, texts := range [][]string{
		many(101),
		{"10.0.0.256"},
		{"10.0.0.0/33"},
		{"::/129"},
		{"10.0.0.0/-1"},
		{"10.0.0"},
		{"010.0.0.1"},
		{"localhost"},
		{"10.0.0.1:80"},
		{"[::1]"},
		{"10.0.0.1-10.0.0.9"},
		{"*"},
		{"fe80::%eth0/64"},
		{"10.0.0.1", "x"},
		{"\x00"},
		{"\xff"},
		{strings.Repeat("9", 5000)},
	} {
		got, err := access.ParseAllowed(texts)
		if access.KindOf(err) != access.Invalid || got != nil || !cmp.Equal(fields(err), []string{"allow"}) || len(err.Error()) > 300 {
			t.Errorf("ParseAllowed(%.40q) = %v, %v", texts, got, err)
		}
	}
}

func FuzzParseAllowed(f *testing.F) {
	f.Add("10.0.0.0/8,::1 \n fe80::1%eth0")
	f.Add("::ffff:10.0.0.0/96")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := access.ParseAllowed([]string{text})
		if err != nil {
			return
		}
		for _, p := range got {
			if !p.IsValid() || p != p.Masked() || p.Addr().Zone() != "" {
				t.Errorf("%q holds %v", text, p)
			}
			if again, err := netip.ParsePrefix(p.String()); err != nil || again != p {
				t.Errorf("%v does not read back: %v", p, err)
			}
		}
	})
}

// badLines are texts that no name and no label may be.
var badLines = map[string]string{
	"NUL": "a\x00b", "newline": "a\nb", "tab": "a\tb", "escape": "a\x1b[31mb", "delete": "a\x7fb", "invalid UTF-8": "a\xffb",
	"line separator": "a\u2028b", "turned around": "a\u202eb", "zero width": "a\u200bb", "empty": "", "white space": " \u00a0 ",
	"private use": "a\ue000b",
}

var goodLines = []string{"a", "CI smoke test", "Müller & Söhne <b>", "夜间任务", "🦊 fox", "x'; DROP TABLE credentials; --", `"quoted" \ back`, "e\u0301"}

func TestLabelsAndNames(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	id := o.Token("acme", "orders", "t", "").Credential.ID
	label := func(text string) error { return o.Registry.Rename(ctx, op, "acme", "orders", id, text) }
	name := func(text string) error { return o.Registry.RenameApplication(ctx, op, "acme", "orders", text) }
	issue := func(text string) error {
		_, err := o.Registry.IssueToken(ctx, op, "acme", "orders", access.Draft{Label: text})
		return err
	}
	pasted := secret.Generate(secret.Token).Expose()
	before := state(t, o.Store)
	for why, text := range badLines {
		for what, err := range map[string]error{"label": label(text), "draft": issue(text), "name": name(text)} {
			if why == "empty" && what == "draft" {
				continue
			}
			if access.KindOf(err) != access.Invalid || len(fields(err)) != 1 {
				t.Errorf("%s as %s: %v", why, what, err)
			}
		}
	}
	for why, err := range map[string]error{
		"label of 101": label(strings.Repeat("ü", 101)), "name of 81": name(strings.Repeat("ü", 81)), "a megabyte": label(strings.Repeat("x", 1<<20)),
		"a secret": label(pasted), "a secret among words": issue("clav TOKEN=" + pasted + ", of CI"), "a secret as a name": name(pasted[:4] + pasted),
		"a secret as a reason": o.Registry.DisableBasic(ctx, access.Operator("tester", "it leaked: "+pasted), "acme", "orders", "orders"), "an empty draft": issue(""),
	} {
		if access.KindOf(err) != access.Invalid {
			t.Errorf("%s: %v", why, err)
		} else if strings.Contains(err.Error(), pasted) {
			t.Errorf("%s: the error repeats the secret", why)
		}
	}
	if state(t, o.Store) != before {
		t.Error("something was changed by a draft that was refused")
	}
	for _, text := range append(goodLines, strings.Repeat("ü", 80)) {
		for what, err := range map[string]error{"label": label("  " + text + " "), "name": name(text)} {
			if err != nil {
				t.Errorf("%q as %s: %v", text, what, err)
			}
		}
	}
	if err := label(strings.Repeat("ü", 100)); err != nil {
		t.Errorf("label of 100: %v", err)
	}
}

func TestSlugs(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	org := func(slug string) error {
		_, err := o.Registry.CreateOrganization(ctx, op, access.OrganizationDraft{Slug: slug, Name: "N"})
		return err
	}
	app := func(slug string) error {
		_, err := o.Registry.CreateApplication(ctx, op, "acme", access.ApplicationDraft{Slug: slug, Name: "N"})
		return err
	}
	api := func(slug string) error {
		_, err := o.Registry.CreateAPI(ctx, op, "acme", "orders", access.APIDraft{Slug: slug, Name: "N", Upstream: access.EchoUpstream})
		return err
	}
	before := state(t, o.Store)
	for _, slug := range []string{
		"", "-a", "A", "a_b", "a b", "ä", "a/b", "a.b", "..", "a%2fb", strings.Repeat("a", 64), "a\x00", "a\n", " a", "*", "\xff",
	} {
		for what, err := range map[string]error{"organization": org(slug), "application": app(slug), "API": api(slug)} {
			if access.KindOf(err) != access.Invalid || !slices.Contains(fields(err), "slug") {
				t.Errorf("%q as %s: %v", slug, what, err)
			}
		}
	}
	reserved := []string{
		"verify", "oauth", "management", "authorization", "orgs", "setup", "sign-in", "sign-out", "elevate", "elevation", "profile", "static",
		"healthz", "readyz", "metrics", ".well-known",
	}
	for _, slug := range reserved {
		if err := org(slug); access.KindOf(err) != access.Invalid {
			t.Errorf("organization %q: %v", slug, err)
		}
	}
	if got := access.ReservedSlugs(); !cmp.Equal(got, reserved) {
		t.Errorf("reserved: %v", got)
	}
	if err := api("token"); access.KindOf(err) != access.Invalid {
		t.Errorf("API token: %v", err)
	}
	if state(t, o.Store) != before {
		t.Error("something was made")
	}
	for _, slug := range []string{"a", "0", "a-", "a--b", strings.Repeat("a", 63), "token-2"} {
		for what, err := range map[string]error{"organization": org(slug), "application": app(slug), "API": api(slug)} {
			if err != nil {
				t.Errorf("%q as %s: %v", slug, what, err)
			}
		}
	}
	if err := app("token"); err != nil { // reserved for APIs only
		t.Errorf("application token: %v", err)
	}
	for what, err := range map[string]error{"organization": org("a"), "application": app("a"), "API": api("a")} {
		if access.KindOf(err) != access.Conflict || !cmp.Equal(fields(err), []string{"slug"}) {
			t.Errorf("%s a again: %v", what, err)
		}
	}
}

func TestUpstreams(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	try := func(upstream string) error {
		return o.Registry.UpdateAPI(t.Context(), o.Operator(), "acme", "orders", "backend", access.APIDraft{Name: "N", Upstream: upstream})
	}
	for _, good := range []string{
		"http://127.0.0.1:3000", "https://api.example.com", "https://[2001:db8::1]:8443/base/", "builtin:echo", " http://a/ ", "HTTP://a",
	} {
		if err := try(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	before := state(t, o.Store)
	for _, bad := range []string{
		"", "example.com", "//example.com", "ftp://a", "javascript:alert(1)", "file:///etc/passwd", "http://", "http:///x", "http://u:p@a",
		"http://u@a", "http://a?x=1", "http://a?", "http://a#f", "builtin:other", "http://a b", "http://a\nHost: x", "http://a\x00", "http://ü",
		"http://a/$x", "http://a/;x", "http://a/{x}", `http://a/\x`, "unix:/run/x", "http://" + strings.Repeat("a", 500),
	} {
		if err := try(bad); access.KindOf(err) != access.Invalid || !cmp.Equal(fields(err), []string{"upstream"}) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if state(t, o.Store) != before {
		t.Error("an upstream that was refused is there")
	}
}

func TestEmails(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	add := func(email, password string) error {
		_, _, err := o.Accounts.AddMember(t.Context(), o.Operator(), "acme", access.UserDraft{Email: email, Name: "N"}, access.Viewer,
			func() (secret.Secret, error) { return secret.New(password), nil })
		return err
	}
	before := state(t, o.Store)
	for _, bad := range []string{
		"", "ann", "@example.com", "ann@", "Ann <ann@example.com>", "ann@example.com, bob@example.com", "ann@exa mple.com", "ann\x00@example.com",
		"ann@example.com\r\nBcc: x@example.com", "ann\xff@example.com", strings.Repeat("a", 250) + "@example.com",
	} {
		if err := add(bad, testkit.Password); access.KindOf(err) != access.Invalid || !slices.Contains(fields(err), "email") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, password := range []string{"", "short", strings.Repeat("ü", 11), strings.Repeat("x", 257), strings.Repeat("\xff", 20)} {
		if err := add("ann@example.com", password); access.KindOf(err) != access.Invalid || !cmp.Equal(fields(err), []string{"password"}) {
			t.Errorf("a password of %d bytes: %v", len(password), err)
		}
	}
	if state(t, o.Store) != before {
		t.Error("somebody was made")
	}
	if err := add(" Ann+x@Example.com ", "üäößéèêîôâñç"); err != nil {
		t.Fatal(err)
	}
	if err := add("ANN+X@example.COM", ""); access.KindOf(err) != access.Conflict { // known: no password is asked for
		t.Errorf("the same email in other letters: %v", err)
	}
	if got := access.FoldEmail(" Ann+x@Example.com "); got != "ann+x@example.com" {
		t.Errorf("folded: %q", got)
	}
}
