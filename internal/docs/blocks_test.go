package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// root is the top of the checkout: a test runs in its package's directory.
const root = "../.."

// block is a fenced block of commands.
type block struct {
	line   int // of the opening fence
	text   string
	run    bool     // "<!-- run -->" stands before it
	prints []string // each "<!-- prints … -->" behind it: a part of what it prints
}

// first is what a block that is not run is listed by.
func (b block) first() string {
	line, _, _ := strings.Cut(b.text, "\n")
	return line
}

// shells are the languages of fences that hold commands. Others hold what is
// configured, sent or answered.
var shells = []string{"sh", "bash", "shell", "console", "powershell"}

var (
	fenceLine  = regexp.MustCompile("^```([a-z]*)$")
	printsLine = regexp.MustCompile(`^<!-- prints (.+) -->$`)
)

// blocksOf finds the command blocks of a page. A mark that marks nothing is an error:
// what it was meant for would not be run, and nobody would see.
func blocksOf(page string) ([]block, error) {
	var out []block
	var fence *block
	commands, inside, marked, expects := false, false, 0, false
	for i, line := range strings.Split(page, "\n") {
		switch m := fenceLine.FindStringSubmatch(line); {
		case inside && line == "```":
			if commands {
				out = append(out, *fence)
			}
			inside, expects, marked = false, commands && fence.run, 0
		case inside:
			fence.text += line + "\n"
		case m != nil:
			fence, inside, commands = &block{line: i + 1, run: marked > 0}, true, slices.Contains(shells, m[1])
			if marked > 0 && (!commands || m[1] == "powershell") {
				return nil, fmt.Errorf("line %d: marked to be run, and is no block of shell commands", i+1)
			}
		case strings.HasPrefix(line, "```"):
			return nil, fmt.Errorf("line %d: a fence that this test does not understand", i+1)
		case line == "<!-- run -->":
			marked = i + 1
		case printsLine.MatchString(line):
			if !expects {
				return nil, fmt.Errorf("line %d: follows no block that is run", i+1)
			}
			out[len(out)-1].prints = append(out[len(out)-1].prints, printsLine.FindStringSubmatch(line)[1])
		case strings.HasPrefix(line, "<!-- run") || strings.HasPrefix(line, "<!-- prints"):
			return nil, fmt.Errorf("line %d: a mark that this test does not understand", i+1)
		case line != "":
			expects = false
			if marked > 0 {
				return nil, fmt.Errorf("line %d: the mark stands before no block", marked)
			}
		}
	}
	if inside || marked > 0 {
		return nil, fmt.Errorf("a fence or a mark is left open at the end")
	}
	return out, nil
}

// notRun lists, by page and first line, the blocks of commands that no test runs,
// with the reason.
var notRun = map[string]string{
	"getting-started.md: make build":     "builds the program: `make test` does that anyway",
	"getting-started.md: claviger serve": "does not end",
	"getting-started.md: curl -H \"Authorization: Bearer $TOKEN\" https://api.example.com/acme/orders/backend/":   "your own API answers",
	"operations.md: install -m 0755 bin/claviger /usr/local/bin/claviger":                                         "installs on this machine",
	"operations.md: export CLAVIGER_CONFIG=/etc/claviger/claviger.ini CLAVIGER_SERVER_DATA_DIR=/var/lib/claviger": "of an installed service",
	"operations.md: systemctl stop claviger":                                                                      "stops a service, and needs PostgreSQL; TestMigrateStore does it",
	"coming-from-personal-tokens.md: $pair = \"you@example.com:$env:API_TOKEN\"":                                  "PowerShell",
}

// pages returns the pages of docs/, by name.
func pages(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(names) < 8 {
		t.Fatalf("%d pages found (%v)", len(names), err)
	}
	out := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(name)] = string(text)
	}
	return out
}

// TestEveryBlockIsRunOrListed: a block of commands that nobody marked is listed above.
func TestEveryBlockIsRunOrListed(t *testing.T) {
	var got, want []string
	for name, page := range pages(t) {
		blocks, err := blocksOf(page)
		if err != nil {
			t.Errorf("docs/%s: %v", name, err)
		}
		for _, b := range blocks {
			if !b.run {
				got = append(got, name+": "+b.first())
			}
		}
	}
	for name := range notRun {
		want = append(want, name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("blocks that no test runs (-listed +found); mark them with <!-- run -->, or list them with the reason:\n%s", diff)
	}
}

func TestBlocksOf(t *testing.T) {
	fence := "```"
	for name, trial := range map[string]struct {
		page, wrong string
		want        []block
	}{
		"marked":              {"<!-- run -->\n" + fence + "sh\ntrue\n" + fence + "\n<!-- prints a b -->\n<!-- prints c -->\n", "", []block{{2, "true\n", true, []string{"a b", "c"}}}},
		"not marked":          {fence + "sh\ntrue\nfalse\n" + fence + "\ntext\n", "", []block{{line: 1, text: "true\nfalse\n"}}},
		"a blank line":        {"<!-- run -->\n\n" + fence + "sh\ntrue\n" + fence + "\n\n<!-- prints a -->\n", "", []block{{3, "true\n", true, []string{"a"}}}},
		"no commands":         {fence + "json\n{}\n" + fence + "\n", "", nil},
		"a mark within":       {fence + "json\n<!-- run -->\n" + fence + "\n", "", nil},
		"mark before text":    {"<!-- run -->\ntext\n" + fence + "sh\ntrue\n" + fence + "\n", "line 1: the mark stands before no block", nil},
		"mark before JSON":    {"<!-- run -->\n" + fence + "json\n{}\n" + fence + "\n", "line 2: marked to be run", nil},
		"mark at the end":     {"<!-- run -->\n", "left open", nil},
		"misspelt mark":       {"<!-- run: now -->\n", "line 1: a mark that this test does not understand", nil},
		"prints nowhere":      {"<!-- prints a -->\n", "line 1: follows no block", nil},
		"prints after text":   {"<!-- run -->\n" + fence + "sh\ntrue\n" + fence + "\ntext\n<!-- prints a -->\n", "line 6: follows no block", nil},
		"an odd fence":        {fence + "sh {x}\n", "line 1: a fence", nil},
		"a fence left open":   {fence + "sh\ntrue\n", "left open", nil},
		"PowerShell marked":   {"<!-- run -->\n" + fence + "powershell\n1\n" + fence + "\n", "line 2: marked to be run", nil},
		"two, the second not": {"<!-- run -->\n" + fence + "sh\na\n" + fence + "\n" + fence + "sh\nb\n" + fence + "\n", "", []block{{2, "a\n", true, nil}, {line: 5, text: "b\n"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := blocksOf(trial.page)
			if trial.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), trial.wrong) {
					t.Errorf("error %v, want %q", err, trial.wrong)
				}
				return
			}
			if diff := cmp.Diff(trial.want, got, cmp.AllowUnexported(block{})); err != nil || diff != "" {
				t.Errorf("error %v; (-want +got):\n%s", err, diff)
			}
		})
	}
}
