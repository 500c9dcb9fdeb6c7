package archtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

const modulesGolden = "testdata/modules.txt"

func readModFile(t *testing.T, path string) *modfile.File {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read go.mod: %v", err)
	}
	file, err := modfile.Parse(path, text, nil)
	if err != nil {
		t.Fatalf("parse go.mod: %v", err)
	}
	return file
}

// moduleList is one line for each module that go.mod requires, directly or not, and for each replacement.
func moduleList(file *modfile.File) string {
	var lines []string
	for _, require := range file.Require {
		lines = append(lines, require.Mod.Path+" "+require.Mod.Version)
	}
	for _, replace := range file.Replace {
		lines = append(lines, fmt.Sprintf("replace %s => %s %s", replace.Old.Path, replace.New.Path, replace.New.Version))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// TestModuleList makes each new module, and each new version of one, a line in a diff that somebody reads.
func TestModuleList(t *testing.T) {
	got := moduleList(readModFile(t, root+"/go.mod"))
	if *update {
		if err := os.WriteFile(modulesGolden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(modulesGolden)
	if err != nil {
		t.Fatal(err)
	}
	for _, complaint := range listDifference(string(want), got) {
		t.Errorf("go.mod and %s differ: %s (meant? go test ./internal/archtest -run TestModuleList -update)", modulesGolden, complaint)
	}
}

// listDifference names the lines that only one of two lists has.
func listDifference(want, got string) []string {
	wanted, had := strings.Fields(strings.ReplaceAll(want, " ", "@")), strings.Fields(strings.ReplaceAll(got, " ", "@"))
	var differences []string
	for _, line := range wanted {
		if !slices.Contains(had, line) {
			differences = append(differences, line+" is gone")
		}
	}
	for _, line := range had {
		if !slices.Contains(wanted, line) {
			differences = append(differences, line+" is new")
		}
	}
	return differences
}

func TestModuleListCanFail(t *testing.T) {
	file, err := modfile.Parse("go.mod", []byte("module m\nrequire (\n\ta.example/x v1.0.0 // indirect\n\tb.example/y v1.2.0\n)\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := listDifference("a.example/x v1.0.0\nb.example/y v1.1.0\n", moduleList(file))
	if want := []string{"b.example/y@v1.1.0 is gone", "b.example/y@v1.2.0 is new"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestLibcIsThatOfSQLite: modernc.org/sqlite is C translated against one version of modernc.org/libc and may crash
// with any other, so a newer one must not slip in through another module.
func TestLibcIsThatOfSQLite(t *testing.T) {
	list := exec.Command("go", "list", "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite")
	list.Dir = root
	list.Stderr = &bytes.Buffer{}
	path, err := list.Output()
	if err != nil {
		t.Fatalf("find the go.mod of modernc.org/sqlite: %v\n%s", err, list.Stderr)
	}
	wants := readModFile(t, strings.TrimSpace(string(path)))
	if complaint := libcComplaint(readModFile(t, root+"/go.mod"), wants); complaint != "" {
		t.Error(complaint)
	}
}

func libcComplaint(ours, sqlites *modfile.File) string {
	const libc = "modernc.org/libc"
	got, want := required(ours, libc), required(sqlites, libc)
	switch {
	case want == "":
		return "the go.mod of modernc.org/sqlite requires no " + libc
	case got != want:
		return fmt.Sprintf("%s is %q here, modernc.org/sqlite requires %s", libc, got, want)
	}
	return ""
}

// required is the version of a module that a go.mod requires, empty if it does not.
func required(file *modfile.File, path string) string {
	for _, require := range file.Require {
		if require.Mod.Path == path {
			return require.Mod.Version
		}
	}
	return ""
}

func TestLibcCanFail(t *testing.T) {
	parse := func(version string) *modfile.File {
		file, err := modfile.Parse("go.mod", []byte("module m\nrequire modernc.org/libc "+version+"\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	if got := libcComplaint(parse("v1.2.3"), parse("v1.2.3")); got != "" {
		t.Errorf("the same version: %s", got)
	}
	if got := libcComplaint(parse("v1.2.4"), parse("v1.2.3")); !strings.Contains(got, "v1.2.4") {
		t.Errorf("another version: %q", got)
	}
}
