package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files and docs/configuration.md anew")

// golden compares got with the file at path, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./internal/config -update writes it anew); got:\n%s\nwant:\n%s", path, got, want)
	}
}

func TestErrorsAreListedTogetherAndWithoutValues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.ini")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			env := []string{"CLAVIGER_GATEWAY_LISTEN=sekrit"}
			if !strings.Contains(file, "values") {
				env = nil
			}
			_, _, err = load("claviger.ini", data, env)
			if err == nil {
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), "sekrit") {
				t.Errorf("a value stands in the error:\n%s", err)
			}
			golden(t, strings.TrimSuffix(file, ".ini")+".golden", err.Error()+"\n")
		})
	}
}

func TestPrint(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(secret, []byte("postgres://claviger:sekrit@db/claviger\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := "[server]\nlisten = :80\nbase_url = https://Keys.Example.com:443/\ntrusted_proxies = ::ffff:10.1.2.3, fd00::1/8\n" +
		"[store]\nurl_file = " + secret + "\n[session]\nidle_timeout = 36h\n"
	c, _, err := load("claviger.ini", []byte(file), []string{"CLAVIGER_LOG_LEVEL=debug"})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/print.golden", strings.ReplaceAll(b.String(), secret, "SECRETFILE"))
	if strings.Contains(b.String(), "sekrit") {
		t.Error("Print shows the secret")
	}
}

func TestReferenceIsUpToDate(t *testing.T) {
	golden(t, filepath.Join("..", "..", "docs", "configuration.md"), reference())
}

func TestSampleLoads(t *testing.T) {
	want, _, err := load("claviger.ini", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var uncommented []string
	for line := range strings.Lines(Sample()) {
		uncommented = append(uncommented, strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
	}
	for name, text := range map[string]string{"as it is": Sample(), "uncommented": strings.Join(uncommented, "")} {
		got, _, err := load("claviger.ini", []byte(text), nil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		for _, f := range fields() {
			if g, w := f.show(got), f.show(want); g != w {
				t.Errorf("%s: %s is %q, the default is %q", name, f.id(), g, w)
			}
			if name == "uncommented" && f.def != "" && got.origins[f.id()].isDefault() {
				t.Errorf("uncommented: %s is not set in the sample", f.id())
			}
		}
	}
}
