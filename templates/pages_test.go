package templates_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

var update = flag.Bool("update", false, "write the golden pages anew")

// fingerprint changes with every touch of the style sheet, which is no matter
// of the pages.
var fingerprint = regexp.MustCompile(`(/static/[a-z]+)\.[0-9a-f]{8}\.`)

func render(t *testing.T, s sample) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.page.Render(context.Background(), &b); err != nil {
		t.Fatalf("render: %v", err)
	}
	return b.String()
}

func TestPagesAreAsTheGoldenOnes(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			got := fingerprint.ReplaceAllString(render(t, s), "$1.FINGERPRINT.")
			got = strings.ReplaceAll(got, "><", ">\n<") + "\n"
			file := filepath.Join("testdata", s.name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v (go test ./templates -update makes it)", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("the page differs from %s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// TestPagesKeepTheContentSecurityPolicy: the policy lets neither inline styles
// nor inline scripts through, so none may be there.
func TestPagesKeepTheContentSecurityPolicy(t *testing.T) {
	eachElement(t, func(t *testing.T, s sample, n *html.Node) {
		if n.Data == "style" || n.Data == "script" && attr(n, "src") == "" {
			t.Errorf("an inline <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s> has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	})
}

func TestEveryFieldHasALabel(t *testing.T) {
	labelled := map[string]map[string]bool{}
	eachElement(t, func(t *testing.T, s sample, n *html.Node) {
		if n.Data != "label" {
			return
		}
		if labelled[s.name] == nil {
			labelled[s.name] = map[string]bool{}
		}
		labelled[s.name][attr(n, "for")] = true
	})
	fields := 0
	eachElement(t, func(t *testing.T, s sample, n *html.Node) {
		field := n.Data == "select" || n.Data == "textarea" || n.Data == "input" && attr(n, "type") != "hidden"
		if !field {
			return
		}
		fields++
		if attr(n, "aria-label") == "" && !labelled[s.name][attr(n, "id")] && !inside(n, "label") {
			t.Errorf("<%s name=%q id=%q> has no label", n.Data, attr(n, "name"), attr(n, "id"))
		}
	})
	if fields < 50 {
		t.Errorf("only %d fields were looked at", fields)
	}
}

// TestEveryButtonAndLinkHasAName: an icon alone says nothing.
func TestEveryButtonAndLinkHasAName(t *testing.T) {
	eachElement(t, func(t *testing.T, s sample, n *html.Node) {
		if n.Data != "button" && n.Data != "a" {
			return
		}
		if attr(n, "aria-label") == "" && strings.TrimSpace(text(n)) == "" {
			t.Errorf("<%s> has no text", n.Data)
		}
		if href := attr(n, "href"); n.Data == "a" && href == "" {
			t.Errorf("the link %q leads nowhere", text(n))
		}
	})
}

func TestIDsAreUniqueAndReferencesLead(t *testing.T) {
	ids := map[string]map[string]bool{}
	eachElement(t, func(t *testing.T, s sample, n *html.Node) {
		id := attr(n, "id")
		if id == "" {
			return
		}
		if ids[s.name] == nil {
			ids[s.name] = map[string]bool{}
		}
		if ids[s.name][id] {
			t.Errorf("the id %q is there twice", id)
		}
		ids[s.name][id] = true
	})
	eachElement(t, func(t *testing.T, s sample, n *html.Node) {
		refs := strings.Fields(attr(n, "aria-describedby") + " " + attr(n, "aria-labelledby"))
		refs = append(refs, attr(n, "for"), attr(n, "form"), attr(n, "list"), attr(n, "popovertarget"))
		for _, key := range []string{"href", "data-copy", "data-copy-with-secret", "data-needs-match", "data-fill", "data-live-filter"} {
			if ref, ok := strings.CutPrefix(attr(n, key), "#"); ok {
				refs = append(refs, ref)
			}
		}
		for _, ref := range refs {
			if ref != "" && !ids[s.name][ref] {
				t.Errorf("<%s> refers to #%s, which is not there", n.Data, ref)
			}
		}
	})
}

// TestASecretStandsOnceInAReadOnlyField is the contract of every page that
// shows one.
func TestASecretStandsOnceInAReadOnlyField(t *testing.T) {
	shown := 0
	for _, s := range samples() {
		page := render(t, s)
		for _, secret := range []string{sampleToken, samplePassword, sampleInvite, samplePersonal, sampleClientSecret} {
			want := 0
			if s.secret == secret {
				want = 1
			}
			if got := strings.Count(page, secret); got != want {
				t.Errorf("%s: the secret is there %d times, want %d", s.name, got, want)
			}
		}
	}
	eachElement(t, func(t *testing.T, s sample, n *html.Node) {
		if !has(n, "data-secret") {
			return
		}
		shown++
		if n.Data != "input" || !has(n, "readonly") || attr(n, "value") != s.secret {
			t.Errorf("data-secret is on <%s> with the value %q", n.Data, attr(n, "value"))
		}
	})
	if shown != 6 {
		t.Errorf("%d pages show a secret, want 6", shown)
	}
}

func TestPagesHaveOneHeadingAndAtMostOnePrimaryButton(t *testing.T) {
	headings, primaries := map[string]int{}, map[string]int{}
	eachElement(t, func(t *testing.T, s sample, n *html.Node) {
		if n.Data == "h1" {
			headings[s.name]++
		}
		for _, class := range strings.Fields(attr(n, "class")) {
			if class == "primary" || class == "fatal" {
				primaries[s.name]++
			}
		}
	})
	for _, s := range samples() {
		if whole := strings.HasPrefix(render(t, s), "<!doctype html>"); whole && headings[s.name] != 1 {
			t.Errorf("%s has %d headings of the first level, want 1", s.name, headings[s.name])
		}
		if primaries[s.name] > 1 {
			t.Errorf("%s has %d primary buttons", s.name, primaries[s.name])
		}
	}
}

// TestWrongFieldsAreMarked: each error leads from the summary to its field, and
// the field says so itself.
func TestWrongFieldsAreMarked(t *testing.T) {
	for name, want := range map[string]int{
		"token-form-wrong": 5, "restrict-wrong": 3, "elevate-wrong": 2, "setup": 1, "disable-basic": 1, "application-new": 1,
		"invite-form": 1, "invite-accept-known": 1, "personal-form-wrong": 3, "replace": 1, "settings-wrong": 3, "inspect-wrong": 1,
	} {
		got := 0
		eachElement(t, func(t *testing.T, s sample, n *html.Node) {
			if s.name != name || attr(n, "aria-invalid") != "true" {
				return
			}
			got++
			if attr(n, "aria-describedby") == "" {
				t.Errorf("the wrong field %q is not described", attr(n, "name"))
			}
		})
		if got != want {
			t.Errorf("%s: %d fields are marked as wrong, want %d", name, got, want)
		}
	}
}

// TestWhatEndsSomethingHasCancelFocused: a press of Enter in a hurry must not be
// the end of somebody's access.
func TestWhatEndsSomethingHasCancelFocused(t *testing.T) {
	dangerous, focused := map[string]bool{}, map[string]string{}
	eachElement(t, func(t *testing.T, s sample, n *html.Node) {
		if n.Data == "button" && attr(n, "class") == "fatal" {
			dangerous[s.name] = true
		}
		if has(n, "autofocus") {
			focused[s.name] += strings.TrimSpace(text(n))
		}
	})
	if len(dangerous) < 7 {
		t.Errorf("only %d pages end something", len(dangerous))
	}
	for name := range dangerous {
		if focused[name] != "Cancel" {
			t.Errorf("%s has the focus on %q, want Cancel", name, focused[name])
		}
	}
}

// TestWhatIsLockedLeadsThroughADialog: the elevation comes up above the list
// that one was looking at.
func TestWhatIsLockedLeadsThroughADialog(t *testing.T) {
	locked := 0
	eachElement(t, func(t *testing.T, s sample, n *html.Node) {
		if n.Data != "a" || !strings.Contains(text(n), "asks for an elevation first") {
			return
		}
		locked++
		if !has(n, "data-dialog") {
			t.Errorf("%s: %q is locked and opens as a page", s.name, text(n))
		}
	})
	if locked < 20 {
		t.Errorf("only %d links are locked", locked)
	}
}

// TestEverySnippetCanBeChosen: each tab has a rule of the style sheet, which
// knows so many of them.
func TestEverySnippetCanBeChosen(t *testing.T) {
	const most = 6
	eachElement(t, func(t *testing.T, s sample, n *html.Node) {
		for _, key := range []string{"data-language", "data-method"} {
			if i, err := strconv.Atoi(attr(n, key)); has(n, key) && (err != nil || i >= most) {
				t.Errorf("%s: %s=%q has no rule", s.name, key, attr(n, key))
			}
		}
	})
}

// eachElement calls visit for every element of every sample, those within
// <template> included.
func eachElement(t *testing.T, visit func(*testing.T, sample, *html.Node)) {
	t.Helper()
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			root, err := html.Parse(strings.NewReader(render(t, s)))
			if err != nil {
				t.Fatal(err)
			}
			for n := range root.Descendants() {
				if n.Type == html.ElementNode {
					visit(t, s, n)
				}
			}
		})
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func inside(n *html.Node, element string) bool {
	for p := range n.Ancestors() {
		if p.Data == element {
			return true
		}
	}
	return false
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
