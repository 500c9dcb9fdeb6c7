package templates

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/net/html"
)

func drawn(t *testing.T, c templ.Component) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// nasty are texts that would be markup, and addresses that would run a script.
var nasty = []string{
	`plain`, `"><script>alert(1)</script>`, `' onclick='x`, `a & b &amp; c`, "\x00\xff\u2028", `]]>--><!--`,
	`javascript:alert("1")`, `JaVaScRiPt:alert(1)`, `data:text/html,<script>`, `/a?b="c"&d=e'f'<g>`, `//evil.example/:x`, `https://ok.example/?a&b`,
}

// TestRowsEscapeAsTemplatesDo: what is written in Go is what a template gives, which
// escapes by itself.
func TestRowsEscapeAsTemplatesDo(t *testing.T) {
	for _, text := range nasty {
		for _, locked := range []bool{false, true} {
			link := func(class string, dialog bool, symbol icon, verb string) string {
				var b bytes.Buffer
				if err := act(class, text, locked, dialog, symbol).Render(templ.WithChildren(t.Context(), templ.Raw(verb)), &b); err != nil {
					t.Fatal(err)
				}
				return b.String()
			}
			post := func(symbol icon, verb string) string {
				if locked {
					symbol = iconLock()
				}
				return `<form method="post" action="` + templ.EscapeString(templ.URL(text)) + `"><button class="menu-item">` + drawn(t, symbol) + verb + `</button></form>`
			}
			row := &TokenRow{ID: text, Label: text, Href: text, RenameURL: text, ConfirmAction: text, PauseAction: text, ResumeAction: text, ReplaceURL: text, RevokeURL: text}
			want := drawn(t, menuButton(text, text)) + ` <div id="menu-` + templ.EscapeString(text) + `" class="menu row-menu" popover>` +
				`<a class="menu-item" href="` + templ.EscapeString(templ.URL(text)) + `">` + drawn(t, iconOpen()) + `Open</a> ` +
				link("menu-item", true, iconPencil(), "Rename…") + post(iconCheck(), "Confirm") + post(iconPause(), "Pause") + post(iconPlay(), "Resume") +
				link("menu-item", false, iconReplace(), "Replace…") + link("menu-item danger", true, iconBan(), "Revoke…") + `</div>`
			if got := drawn(t, tokenMenu(row, locked)); got != want {
				t.Errorf("the menu of %q, locked %v, is\n%s\nwant\n%s", text, locked, got, want)
			}
		}
	}
}

// TestNoTextOfARowIsMarkup goes by what a browser would make of it: whatever the texts, the
// elements and attributes are the same, and no address runs a script.
func TestNoTextOfARowIsMarkup(t *testing.T) {
	const plain = "plain"
	parts := func(text string) map[string]templ.Component {
		when := When{At: time.Date(2026, 11, 21, 14, 8, 0, 0, time.FixedZone(text, 3600)), Text: text}
		row := &TokenRow{
			ID: text, Label: text, CreatedBy: text, Created: when, Masked: text, Scopes: text, Calls: text, Spark: []int64{0, 5, 300}, State: StatePaused, Replaced: true, Unconfirmed: true,
			LastUsed: when, LastFrom: text, LastAgent: text, Expires: when, ExpiresSoon: true, Href: text, ConfirmAction: text, ResumeAction: text, RenameURL: text, PauseAction: text, ReplaceURL: text, RevokeURL: text,
		}
		return map[string]templ.Component{
			"moment": moment(when), "never": moment(When{Text: text}), "use": lastUse(when, text, text), "expiry": expiry(when, true),
			"box": selectRow(row), "created": createdCell(row), "menu": tokenMenu(row, false),
			"label": labelCell(row), "rows": tokenRows([]TokenRow{*row, *row}, true), "folded": tokenRows([]TokenRow{*row}, false),
		}
	}
	for _, text := range nasty {
		for name, part := range parts(text) {
			got, want := drawn(t, part), drawn(t, parts(plain)[name])
			if got, want := shape(t, got), shape(t, want); got != want {
				t.Errorf("%s of %q is\n%s\nwant\n%s", name, text, got, want)
			}
			for _, scheme := range []string{"javascript:", "data:"} {
				for _, attribute := range []string{`href="`, `action="`} {
					if strings.Contains(strings.ToLower(got), attribute+scheme) {
						t.Errorf("%s of %q leads to a script:\n%s", name, text, got)
					}
				}
			}
		}
	}
}

// TestAPartThatCannotBeWrittenSaysSo: half a row is no page.
func TestAPartThatCannotBeWrittenSaysSo(t *testing.T) {
	r, w := io.Pipe()
	gone := errors.New("gone")
	r.CloseWithError(gone)
	row := &TokenRow{ID: "01", Label: "CI", Href: "/"}
	for name, part := range map[string]templ.Component{"menu": tokenMenu(row, false), "never": moment(When{Text: "never"}), "icon": iconKey()} {
		if err := part.Render(t.Context(), w); !errors.Is(err, gone) {
			t.Errorf("%s: %v, want %v", name, err, gone)
		}
	}
}

// shape is a piece of a page without its texts.
func shape(t *testing.T, piece string) string {
	t.Helper()
	var b strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(piece))
	for {
		switch kind := tokens.Next(); kind {
		case html.ErrorToken:
			if err := tokens.Err(); !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return b.String()
		case html.TextToken:
		default:
			token := tokens.Token()
			b.WriteString(kind.String() + " " + token.Data)
			for _, a := range token.Attr {
				b.WriteString(" " + a.Key)
			}
			b.WriteString("\n")
		}
	}
}
