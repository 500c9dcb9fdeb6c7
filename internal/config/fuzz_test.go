package config

import (
	"os"
	"strings"
	"testing"
)

// canary has characters that no name of ours has, so it is never near one.
const canary = "Zq7-CANARY-9xK"

// plant puts the canary where a value or junk stands: right of the first = of
// each line, or at the end of a line without one.
func plant(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		body, cr := strings.CutSuffix(line, "\r")
		if key, value, found := strings.Cut(body, "="); found {
			body = key + "=" + canary + value
		} else {
			body += canary
		}
		b.WriteString(body)
		if cr {
			b.WriteByte('\r')
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func FuzzLoad(f *testing.F) {
	for _, name := range []string{"syntax", "unknown", "values", "together"} {
		data, err := os.ReadFile("testdata/" + name + ".ini")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data), "CLAVIGER_LOG_LEVEL")
	}
	f.Add(Sample(), "CLAVIGER_STORE_URL")
	f.Add("\ufeff[server]\r\nlisten=:1 # x\r\ndata_dir = %(x)s ${y} ; z\r\n", "CLAVIGER_X")
	f.Add("[a=b]\n[\n]\n=\n[]\n[[server]]\n[server]#\n", "")
	f.Fuzz(func(t *testing.T, text, name string) {
		name, _, _ = strings.Cut(name, "=")
		env := []string{name + "=" + canary}
		for _, file := range []string{text, plant(text)} {
			c, warnings, err := load("claviger.ini", []byte(file), env)
			if (c == nil) == (err == nil) {
				t.Fatalf("config %v and error %v", c, err)
			}
			for _, w := range warnings {
				leaks(t, "warning", w.String())
			}
			if err != nil {
				leaks(t, "error", err.Error())
				continue
			}
			printed := new(strings.Builder)
			if err := c.Print(printed); err != nil {
				t.Fatal(err)
			}
			if url := c.Store.URL.Expose(); url != "" && strings.Contains(printed.String(), url) {
				t.Fatalf("Print shows the store's URL:\n%s", printed)
			}
		}
	})
}

func leaks(t *testing.T, what, text string) {
	t.Helper()
	if strings.Contains(text, canary) {
		t.Fatalf("the %s contains a value:\n%s", what, text)
	}
}

// FuzzScan checks that what the scanner lets through the parser reads the same.
func FuzzScan(f *testing.F) {
	f.Add("a b", ":1 ; x # y")
	f.Add("x", "== [y] %(a)s \t#z")
	f.Fuzz(func(t *testing.T, dir, listen string) {
		file := "[server]\ndata_dir = " + dir + "\n[log]\nformat = json\n[security]\nkey_file = " + listen + "\n"
		_, _, err := load("claviger.ini", []byte(file), nil)
		if err != nil && strings.Contains(err.Error(), "read in two ways") {
			t.Fatalf("scanner and parser differ on %q:\n%v", file, err)
		}
		if err != nil && strings.Contains(err.Error(), "INI parser refuses") {
			t.Fatalf("the parser refuses %q", file)
		}
	})
}
