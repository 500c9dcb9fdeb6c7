package archtest

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "claviger"

// root is the top of the checkout: a test runs in its package's directory.
const root = "../.."

var update = flag.Bool("update", false, "write the golden files anew")

// sourceFile is one parsed Go file of the module.
type sourceFile struct {
	path      string // slash-separated, from the top of the checkout
	test      bool   // a _test.go file
	generated bool
	lines     int
	files     *token.FileSet
	tree      *ast.File
}

// room is the directory of the file, "." for the top.
func (f *sourceFile) room() string { return path.Dir(f.path) }

// in says whether the file stands in one of the rooms or below one of them.
func (f *sourceFile) in(rooms ...string) bool {
	return slices.ContainsFunc(rooms, func(room string) bool {
		return f.room() == room || strings.HasPrefix(f.room(), room+"/")
	})
}

// at is the place of a node, for a message.
func (f *sourceFile) at(node ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.files.Position(node.Pos()).Line)
}

func parseSource(name, text string) (*sourceFile, error) {
	files := token.NewFileSet()
	tree, err := parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &sourceFile{
		path: name, test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(tree),
		lines: strings.Count(strings.TrimSuffix(text, "\n"), "\n") + 1, files: files, tree: tree,
	}, nil
}

// allSources parses every Go file of the module, once.
var allSources = sync.OnceValues(func() ([]*sourceFile, error) {
	var sources []*sourceFile
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if base := entry.Name(); relative != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") ||
				base == "testdata" || base == "node_modules" || relative == "bin" || relative == "data") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // an editor's temporary file, gone in the meantime
		}
		if err != nil {
			return err
		}
		source, err := parseSource(filepath.ToSlash(relative), string(text))
		if err != nil {
			return err
		}
		sources = append(sources, source)
		return nil
	})
	return sources, err
})

func moduleSources(t *testing.T) []*sourceFile {
	t.Helper()
	sources, err := allSources()
	if err != nil {
		t.Fatalf("read the module's source: %v", err)
	}
	if len(sources) < 5 {
		t.Fatalf("only %d Go files found: the walls would hold nothing", len(sources))
	}
	return sources
}

// rule finds what is wrong with one file, a message each.
type rule func(*sourceFile) []string

// holds applies a rule to the whole module.
func holds(t *testing.T, check rule) {
	t.Helper()
	for _, source := range moduleSources(t) {
		for _, complaint := range check(source) {
			t.Error(complaint)
		}
	}
}

// trial is a made-up file for a rule, and a part of the complaint it must cause; empty if it must cause none.
type trial struct{ name, path, text, want string }

// canFail tries a rule on made-up files.
func canFail(t *testing.T, check rule, trials []trial) {
	t.Helper()
	for _, try := range trials {
		t.Run(try.name, func(t *testing.T) {
			source, err := parseSource(try.path, try.text)
			if err != nil {
				t.Fatalf("the trial does not parse: %v", err)
			}
			got := check(source)
			switch {
			case try.want == "" && len(got) > 0:
				t.Errorf("complains without reason: %q", got)
			case try.want != "" && (len(got) != 1 || !strings.Contains(got[0], try.want)):
				t.Errorf("got %q, want one complaint with %q", got, try.want)
			}
		})
	}
}
