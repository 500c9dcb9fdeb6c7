package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	asvsRow      = regexp.MustCompile(`^\| (\d+\.\d+\.\d+(?:, \d+\.\d+\.\d+)*) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`)
	asvsNumber   = regexp.MustCompile(`^\| *\d`)
	asvsTest     = regexp.MustCompile("`([a-z]+)\\.((?:Test|Fuzz)\\w+)`")
	asvsVerdicts = []string{"met", "n/a", "operator", "gap", "exception"}
)

// TestASVS: docs/asvs.md gives each requirement of the levels 1 and 2 one verdict, and
// what it calls met names a test that there is, or a file.
func TestASVS(t *testing.T) {
	wanted, err := os.ReadFile(filepath.Join("testdata", "asvs-5.0-levels-1-and-2.txt"))
	if err != nil {
		t.Fatal(err)
	}
	tests, seen := testsByPackage(t), map[string]int{}
	for _, line := range strings.Split(pages(t)["asvs.md"], "\n") {
		for _, m := range asvsTest.FindAllStringSubmatch(line, -1) {
			if !tests[m[1]+"."+m[2]] {
				t.Errorf("docs/asvs.md names %s.%s, which does not exist", m[1], m[2])
			}
		}
		row := asvsRow.FindStringSubmatch(line)
		if row == nil {
			if asvsNumber.MatchString(line) {
				t.Errorf("a row that this test does not understand: %s", line)
			}
			continue
		}
		for _, number := range strings.Split(row[1], ", ") {
			seen[number]++
		}
		if !slices.Contains(asvsVerdicts, row[3]) {
			t.Errorf("%s: the verdict %q", row[1], row[3])
		}
		if row[3] == "met" && !asvsTest.MatchString(row[4]) && !markdownLink.MatchString(row[4]) {
			t.Errorf("%s is met, and nothing shows it", row[1])
		}
	}
	for _, number := range strings.Fields(string(wanted)) {
		if seen[number] != 1 {
			t.Errorf("%s stands there %d times", number, seen[number])
		}
		delete(seen, number)
	}
	for number := range seen {
		t.Errorf("%s is no requirement of level 1 or 2", number)
	}
}

// testsByPackage returns the tests of the module, as "web.TestDrop".
func testsByPackage(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, m := range declaration.FindAllSubmatch(text, -1) {
			out[filepath.Base(filepath.Dir(name))+"."+string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
