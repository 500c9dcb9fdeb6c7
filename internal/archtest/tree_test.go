package archtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// strangers are what must not be in a committed file. The patterns are put together from parts, so that this file
// passes its own test.
var strangers = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"a path of somebody's machine", regexp.MustCompile(
		"(?m)(?:^|[\\s\"'`=(:,])/(?:" + strings.Join([]string{"home/[a-z]", "ro" + "ot/", "wo" + "rk/", "Us" + "ers/[A-Za-z]"}, "|") + ")")},
	{"a package registry", regexp.MustCompile(`(?i)\b(?:` + strings.Join([]string{
		`registry\.` + `npmjs\.`, `registry\.` + `yarnpkg\.`, `proxy\.` + `golang\.org`, `sum\.` + `golang\.org`, `deb\.` + `debian\.org`,
		`security\.` + `debian\.org`, `pypi\.` + `org`, `files\.` + `pythonhosted\.org`, `crates\.` + `io`,
	}, "|") + `)`)},
}

// TestTree reads every file that is committed or about to be.
func TestTree(t *testing.T) {
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	names, err := list.Output()
	if err != nil {
		t.Fatalf("list the files of the checkout: %v", err)
	}
	read := 0
	for name := range strings.SplitSeq(string(names), "\x00") {
		text, err := os.ReadFile(filepath.Join(root, name))
		if name == "" || err != nil {
			continue // deleted and not yet committed, or a link to a directory
		}
		read++
		for _, complaint := range strangersIn(name, text) {
			t.Error(complaint)
		}
	}
	if read < 10 {
		t.Errorf("only %d files read", read)
	}
}

func strangersIn(name string, text []byte) []string {
	if bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0 {
		return nil // a picture, say
	}
	var complaints []string
	for _, stranger := range strangers {
		if place := stranger.pattern.FindIndex(text); place != nil {
			line := bytes.Count(text[:place[1]], []byte("\n")) + 1
			complaints = append(complaints, fmt.Sprintf("%s:%d: names %s: %q", name, line, stranger.what, text[place[0]:place[1]]))
		}
	}
	return complaints
}

func TestTreeCanFail(t *testing.T) {
	slash := "/"
	for text, want := range map[string]int{
		"see " + slash + "home/ada/claviger":                      1,
		"x=" + slash + "work/main":                                1,
		`open("` + slash + `root/.ssh")`:                          1,
		"https://registry." + "npmjs.org/axe-core":                1,
		"GOPROXY=https://proxy." + "golang.org":                   1,
		"GET /orgs/acme/work/main and https://example.com/home/x": 0,
		"\x00 " + slash + "home/ada":                              0,
	} {
		if got := strangersIn("a.txt", []byte(text)); len(got) != want {
			t.Errorf("%q: %q, want %d complaints", text, got, want)
		}
	}
}
