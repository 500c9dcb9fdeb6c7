package templates

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestRelative(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, time.November, 21, 14, 8, 0, 0, time.UTC)
	for _, test := range []struct {
		ago  time.Duration
		want string
	}{
		{0, "just now"},
		{4 * time.Second, "just now"},
		{5 * time.Second, "5 s ago"},
		{59 * time.Second, "59 s ago"},
		{time.Minute, "1 min ago"},
		{59 * time.Minute, "59 min ago"},
		{23 * time.Hour, "23 h ago"},
		{day, "1 day ago"},
		{59 * day, "59 days ago"},
		{250 * day, "8 months ago"},
		{800 * day, "2 years ago"},
		{-2 * time.Second, "in a moment"},
		{-6*day - time.Hour, "in 6 days"},
	} {
		if got := Relative(now.Add(-test.ago), now); got != test.want {
			t.Errorf("Relative(%v ago) = %q, want %q", test.ago, got, test.want)
		}
	}
	if got := Ago(time.Time{}, now).Text; got != "never" {
		t.Errorf("Ago(zero) = %q, want never", got)
	}
}

func TestPiecesColourAndLoseNothing(t *testing.T) {
	for _, test := range []struct{ code, want string }{
		{``, ``},
		{`curl -H "Authorization: Bearer $TOKEN" \`, `[curl -H ]str["Authorization: Bearer ]var[$TOKEN]str["][ \]`},
		{`--user "$USER_NAME:$PASSWORD"`, `[--user ]str["]var[$USER_NAME]str[:]var[$PASSWORD]str["]`},
		{`$request_uri costs $5`, `[$request_uri costs $5]`},
		{"open \"quote\nnext", "[open ][\"quote\nnext]"},
		{`"" x`, `str[""][ x]`},
		{`"`, `["]`},
	} {
		var joined, shown strings.Builder
		for _, p := range pieces(test.code) {
			joined.WriteString(p.text)
			shown.WriteString(p.class + "[" + p.text + "]")
		}
		if joined.String() != test.code {
			t.Errorf("pieces(%q) join to %q", test.code, joined.String())
		}
		if shown.String() != test.want {
			t.Errorf("pieces(%q) = %s, want %s", test.code, shown.String(), test.want)
		}
	}
}

func TestColouredEscapes(t *testing.T) {
	got := coloured(`<b> "<i> $TOKEN"`)
	want := `&lt;b&gt; <span class="str">&#34;&lt;i&gt; </span><span class="var">$TOKEN</span><span class="str">&#34;</span>`
	if got != want {
		t.Errorf("coloured = %s, want %s", got, want)
	}
}

func FuzzPieces(f *testing.F) {
	f.Add(`a "b $C" $D"`)
	f.Add("\"\n\"$")
	f.Fuzz(func(t *testing.T, code string) {
		var joined strings.Builder
		for _, p := range pieces(code) {
			joined.WriteString(p.text)
		}
		if joined.String() != code {
			t.Errorf("pieces(%q) join to %q", code, joined.String())
		}
	})
}

func TestThemeIsOneOfThree(t *testing.T) {
	for chosen, want := range map[string]string{"": "auto", "light": "light", "dark": "dark", `"><script>`: "auto"} {
		if got := theme(chosen); got != want {
			t.Errorf("theme(%q) = %q, want %q", chosen, got, want)
		}
	}
}

func TestFromIsNotSaidTwice(t *testing.T) {
	for address, want := range map[string]string{
		"10.0.0.4":          "Called 2 s ago from 10.0.0.4",
		"through 127.0.0.1": "Called 2 s ago through 127.0.0.1",
	} {
		var page strings.Builder
		view := FirstCallView{Seen: true, At: When{At: time.Unix(0, 0), Text: "2 s ago"}, From: address}
		if err := FirstCall(view).Render(t.Context(), &page); err != nil {
			t.Fatal(err)
		}
		text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page.String(), "")
		if got := strings.Join(strings.Fields(text), " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestConfirmationsNameActObjectAndConsequence(t *testing.T) {
	one, two := []RevokeRow{{Label: "CI"}}, []RevokeRow{{Label: "CI"}, {Label: "Nightly"}}
	for _, test := range []struct {
		view              RevokeConfirmView
		verb, consequence string
	}{
		{RevokeConfirmView{Tokens: one}, "Revoke token “CI”", "with it is refused. This cannot be undone"},
		{RevokeConfirmView{Tokens: two}, "Revoke 2 tokens", "with them is refused. This cannot be undone"},
		{RevokeConfirmView{Tokens: two, Noun: "client"}, "Revoke 2 clients", "so are the access tokens that were issued to them"},
		{RevokeConfirmView{Tokens: one, Noun: "access token"}, "Revoke access token “CI”", "has to ask for another"},
		{RevokeConfirmView{Tokens: two, Act: ActPause}, "Pause 2 tokens", "refused, until you resume them"},
		{RevokeConfirmView{Tokens: one, Act: ActResume, Noun: "client"}, "Resume client “CI”", "judged again as before the pause"},
	} {
		if got := test.view.verb(); got != test.verb {
			t.Errorf("verb() = %q, want %q", got, test.verb)
		}
		if got := test.view.consequence(); !strings.Contains(got, test.consequence) {
			t.Errorf("%s: consequence() = %q, want it to say %q", test.verb, got, test.consequence)
		}
	}
}

// TestOnlyAnOwnerCanChooseOpen: what is open already can stay so.
func TestOnlyAnOwnerCanChooseOpen(t *testing.T) {
	for _, test := range []struct{ open, mayOpen, want bool }{{false, false, true}, {false, true, false}, {true, false, false}, {true, true, false}} {
		list := accessList(SettingsView{Open: test.open, MayOpen: test.mayOpen})
		if got := list[1].Disabled; got != test.want || list[1].Checked != test.open || list[0].Checked == test.open {
			t.Errorf("%+v: open is disabled %v; choices %+v", test, got, list)
		}
	}
}

// TestAbsoluteIsAsFormatted: what is written by hand is what the layout gives, at any time and anywhere.
func TestAbsoluteIsAsFormatted(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	zones := []*time.Location{time.UTC, time.FixedZone("CEST", 7200), time.FixedZone("", -12600), time.FixedZone("<&>", 60)}
	for range 5000 {
		at := time.Unix(chance.Int64N(400e9)-70e9, 0).In(zones[chance.IntN(len(zones))])
		if got, want := absolute(at), at.Format(absoluteLayout); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}
