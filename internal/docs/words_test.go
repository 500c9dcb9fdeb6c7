package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"claviger/internal/testkit"
)

// documents returns every page of documentation, by its path from the top of the checkout.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, text := range pages(t) {
		out["docs/"+name] = text
	}
	names, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil || len(names) < 5 {
		t.Fatalf("%d pages found (%v)", len(names), err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(name)] = string(text)
	}
	return out
}

var (
	markdownLink = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"`)
	headingLine  = regexp.MustCompile("(?m)^#+ (.+)$")
	notInAnchors = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchorsOf are what a page's headings are linked by.
func anchorsOf(page string) []string {
	var out []string
	for _, m := range headingLine.FindAllStringSubmatch(page, -1) {
		text := notInAnchors.ReplaceAllString(strings.ToLower(m[1]), "")
		out = append(out, strings.ReplaceAll(text, " ", "-"))
	}
	return out
}

// TestLinks: what the documentation links to in this checkout is there, headings too.
func TestLinks(t *testing.T) {
	all := documents(t)
	checked := 0
	for name, page := range all {
		for _, m := range markdownLink.FindAllStringSubmatch(page, -1) {
			target, anchor, _ := strings.Cut(m[1]+m[2], "#")
			if strings.Contains(target, "://") {
				continue
			}
			checked++
			to := name
			if target != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(name), target))
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s, which is not there", name, to)
			} else if anchor != "" && !slices.Contains(anchorsOf(all[to]), anchor) {
				t.Errorf("%s links to %s#%s: no such heading among %q", name, to, anchor, anchorsOf(all[to]))
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d links found", checked)
	}
}

var testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Z0-9][A-Za-z0-9_]*)`")

// TestNamedTestsExist: a test that a document names as a proof is one of the module's.
func TestNamedTestsExist(t *testing.T) {
	declared := map[string]bool{}
	for name := range testsByPackage(t) {
		declared[name[strings.LastIndexByte(name, '.')+1:]] = true
	}
	named := 0
	for name, page := range documents(t) {
		for _, m := range testName.FindAllStringSubmatch(page, -1) {
			named++
			if !declared[m[1]] {
				t.Errorf("%s names %s, which does not exist", name, m[1])
			}
		}
	}
	if named < 40 {
		t.Errorf("only %d tests named", named)
	}
}

// TestEveryCommandIsDocumented: docs/command-line.md names each command of --help.
func TestEveryCommandIsDocumented(t *testing.T) {
	help, _, code := testkit.Install(t, t.TempDir(), nil).Run("", "--help")
	commands := regexp.MustCompile(`(?m)^  ([a-z][a-z-]*(?: [a-z][a-z-]*)?)  +[A-Z]`).FindAllStringSubmatch(help, -1)
	if code != 0 || len(commands) < 25 {
		t.Fatalf("exit code %d, %d commands in:\n%s", code, len(commands), help)
	}
	page := pages(t)["command-line.md"]
	for _, m := range commands {
		if !regexp.MustCompile("`(?:claviger )?" + m[1] + "[ `]").MatchString(page) {
			t.Errorf("docs/command-line.md does not name %q", m[1])
		}
	}
}
