package config

import (
	"strings"
	"testing"
)

// problems of a file, one a line.
func problemsOf(text string) string {
	_, _, err := load("claviger.ini", []byte(text), nil)
	if err == nil {
		return ""
	}
	return err.Error()
}

// Each of these is read wrongly, or without a word, by the parser alone.
func TestScannerRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"repeated section":    {"[server]\n[gateway]\n[server]\nlisten = :1\n", `claviger.ini:3: section "server" was already opened in line 1`},
		"repeated key":        {"[server]\nlisten = :1\nlisten = :2\n", `claviger.ini:3: key "listen" was already given in line 2`},
		"key in two sections": {"[server]\nlisten = :1\n[gateway]\nlisten = :2\n", ""},
		"junk":                {"[server]\nlisten\n", "claviger.ini:2: the line is neither"},
		"colon":               {"[log]\nlevel: info\n", "claviger.ini:2: the line is neither"},
		"open header":         {"[server\n", "claviger.ini:1: the section header has no ]"},
		"header and text":     {"[server] listen = :1\n", "claviger.ini:1: there is text after the ]"},
		"header and comment":  {"[server] # listen\n[log]; x\n", ""},
		"address, no key":     {"[server]\n[::1]:8080\n", "claviger.ini:2: there is text after the ]"},
		"indented":            {"[server]\nlisten = :1\n data_dir = x\n", "claviger.ini:3: the line is indented"},
		"indented by NBSP":    {"[server]\n\u00a0listen = :1\n", "claviger.ini:2: the line is indented"},
		"indented comment":    {"[server]\n\t# comment\n   \n", ""},
		"no section":          {"listen = :1\n", "claviger.ini:1: there is a key before the first [section]"},
		"empty key":           {"[server]\n = :1\n", "claviger.ini:2: the line is indented"},
		"no key":              {"[server]\n=:1\n", "claviger.ini:2: there is no key before the ="},
		"two equals":          {"[server]\nlisten == :1\n", "claviger.ini:2: there are two ="},
		"NUL":                 {"[server]\ndata_dir = a\x00b\n", "claviger.ini:2: the line contains a NUL byte"},
		"invalid UTF-8":       {"[server]\ndata_dir = a\xffb\n", "claviger.ini:2: the line is not valid UTF-8"},
		"lone CR":             {"[server]\rlisten = :1\n", "claviger.ini:1: the line contains a control character"},
		"UTF-16":              {"\xff\xfe[\x00s\x00", "claviger.ini:1: the file is in UTF-16"},
		"BOM and CRLF":        {"\xef\xbb\xbf[log]\r\nlevel = info\r\n", ""},
		"no end of line":      {"[log]\nlevel = info", ""},
		"BOM inside":          {"[log]\n\ufefflevel = info", "claviger.ini:2: unknown key (not shown"},
		"upper case":          {"[Log]\n", `did you mean "log"?`},
	} {
		got := problemsOf(c.text)
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		if strings.Count(got, "\n") > 0 {
			t.Errorf("%s: more than one problem:\n%s", name, got)
		}
	}
}

func TestLineLength(t *testing.T) {
	for extra, want := range map[int]string{0: "", 1: "claviger.ini:2: the line is longer than 4096 bytes"} {
		dir := strings.Repeat("d", maxLine-len("data_dir=")+extra)
		c, _, err := load("claviger.ini", []byte("[server]\ndata_dir="+dir+"\nlisten=:1\n"), nil)
		switch {
		case want == "" && (err != nil || c.Server.DataDir != dir || c.Server.Listen != ":1"):
			t.Errorf("a line of %d bytes: %v", maxLine+extra, err)
		case want != "" && (err == nil || err.Error() != want):
			t.Errorf("a line of %d bytes: %v, want %q", maxLine+extra, err, want)
		}
	}
}

func TestScanEnds(t *testing.T) {
	got := problemsOf(strings.Repeat("junk\n", 10*maxSyntaxProblems))
	if n := strings.Count(got, "\n"); n != maxSyntaxProblems {
		t.Errorf("%d problems listed, want %d and the end", n, maxSyntaxProblems)
	}
	if !strings.HasSuffix(got, "claviger.ini:101: too many problems: from here on the file was not read") {
		t.Errorf("the list does not say that it is cut: …%s", got[len(got)-100:])
	}
}

func TestValuesAreLiteral(t *testing.T) {
	for written, want := range map[string]string{
		"a%b":                "a%b",
		"%(listen)s":         "%(listen)s",
		"${HOME}/x":          "${HOME}/x",
		"a:b":                "a:b",
		"a=b":                "a=b",
		"a#b;c":              "a#b;c",
		"a # b ; c":          "a",
		"a ; b # c":          "a",
		"a\t# b":             "a",
		"a   ;b":             "a",
		`C:\data "x" 'y'`:    `C:\data "x" 'y'`,
		"[x]":                "[x]",
		"=x":                 "=x",
		"two  words\tand":    "two  words\tand",
		"  spaces around   ": "spaces around",
		"\u00a0#x":           "#x",
		"\u00e4\u6f22":       "\u00e4\u6f22",
	} {
		c, _, err := load("claviger.ini", []byte("[server]\ndata_dir = "+written+"\nlisten = :1\n"), nil)
		if err != nil {
			t.Errorf("%q: %v", written, err)
			continue
		}
		if c.Server.DataDir != want || c.Server.Listen != ":1" {
			t.Errorf("%q is read as %q (and listen %q), want %q", written, c.Server.DataDir, c.Server.Listen, want)
		}
	}
	if got := problemsOf("[log]\nlevel = # nothing\n"); !strings.Contains(got, "claviger.ini:2: [log] level: is empty") {
		t.Errorf("a value that is all comment: %q", got)
	}
}
