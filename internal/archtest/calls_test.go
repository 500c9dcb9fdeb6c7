package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ban forbids names of a package. A name counts wherever it stands, also as a value: `now: time.Now`.
type ban struct {
	imported string   // import path
	names    []string // a name that ends in * stands for all that begin so
	only     []string // the rooms in which it is forbidden; nil: everywhere
	except   []string // rooms or files in which it is allowed
	why      string
}

var bans = []ban{
	{
		imported: "time", names: []string{"Now", "Since", "Until"}, except: []string{"cmd"},
		why: "the clock is passed in",
	},
	{
		imported: "net/http", names: []string{"Error", "NotFound", "NotFoundHandler"}, only: []string{"web"},
		why: "errors.go writes errors",
	},
	{
		imported: "fmt", names: []string{"Print*"}, only: []string{"web", "store", "internal"},
		why: "standard output belongs to the command line",
	},
	{
		imported: "os", names: []string{"Exit"}, except: []string{"cmd/claviger/main.go"},
		why: "it skips what is deferred; return an error",
	},
	{
		imported: "log", names: []string{"Print*", "Fatal*", "Panic*", "Default", "Set*"},
		why: "log/slog, with a logger that is passed in",
	},
	{
		imported: "log/slog", names: []string{"Default", "SetDefault", "Debug*", "Info*", "Warn*", "Error*"},
		why: "no global logger: it is passed in",
	},
}

func TestCalls(t *testing.T) { holds(t, callRule) }

// callRule looks at what is shipped: tests and test rooms may call what they need.
func callRule(f *sourceFile) []string {
	if f.test || f.generated || f.in(testRooms...) {
		return nil
	}
	var complaints []string
	names := importNames(f)
	ast.Inspect(f.tree, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		of, ok := selector.X.(*ast.Ident)
		if !ok || names[of.Name] == "" {
			return true
		}
		for _, b := range bans {
			if b.imported == names[of.Name] && b.forbids(f, selector.Sel.Name) {
				complaints = append(complaints, fmt.Sprintf("%s: %s.%s: %s", f.at(selector), b.imported, selector.Sel.Name, b.why))
			}
		}
		return true
	})
	return complaints
}

// importNames maps the names by which a file knows packages to import paths.
func importNames(f *sourceFile) map[string]string {
	names := map[string]string{}
	for _, spec := range f.tree.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = imported
	}
	return names
}

func (b ban) forbids(f *sourceFile, name string) bool {
	if b.only != nil && !f.in(b.only...) {
		return false
	}
	if f.in(b.except...) || slices.Contains(b.except, f.path) {
		return false
	}
	return slices.ContainsFunc(b.names, func(banned string) bool {
		prefix, open := strings.CutSuffix(banned, "*")
		return name == banned || open && strings.HasPrefix(name, prefix)
	})
}

func TestCallRuleCanFail(t *testing.T) {
	using := func(imports, expression string) string {
		return "package p\nimport " + imports + "\nvar _ = " + expression + "\n"
	}
	canFail(t, callRule, []trial{
		{"the domain asks for the time", "internal/access/a.go", using(`"time"`, "time.Now()"), "time.Now"},
		{"under another name", "store/a.go", using(`clock "time"`, "clock.Since(x)"), "time.Since"},
		{"as a value", "web/a.go", using(`"time"`, "T{now: time.Now}"), "time.Now"},
		{"in a test", "web/a_test.go", using(`"time"`, "time.Now()"), ""},
		{"where everything is wired", "cmd/claviger/serve.go", using(`"time"`, "time.Now"), ""},
		{"a field of that name", "web/a.go", using(`"time"`, "x.time.Now()"), ""},
		{"another function", "web/a.go", using(`"time"`, "time.Unix(0, 0)"), ""},
		{"http.Error", "web/a.go", using(`"net/http"`, "http.Error"), "net/http.Error"},
		{"http.NotFound", "web/a.go", using(`"net/http"`, "http.NotFound"), "net/http.NotFound"},
		{"a constant of http", "web/a.go", using(`"net/http"`, "http.StatusNotFound"), ""},
		{"static may answer 404", "static/a.go", using(`"net/http"`, "http.NotFound"), ""},
		{"fmt.Println", "store/a.go", using(`"fmt"`, "fmt.Println"), "fmt.Println"},
		{"fmt.Sprint", "store/a.go", using(`"fmt"`, "fmt.Sprint()"), ""},
		{"the command line prints", "cmd/claviger/a.go", using(`"fmt"`, "fmt.Println"), ""},
		{"os.Exit", "cmd/claviger/serve.go", using(`"os"`, "os.Exit"), "os.Exit"},
		{"os.Exit in main.go", "cmd/claviger/main.go", using(`"os"`, "os.Exit"), ""},
		{"log.Fatal", "web/a.go", using(`"log"`, "log.Fatal"), "log.Fatal"},
		{"a logger for net/http", "web/a.go", using(`"log"`, "log.Logger{}"), ""},
		{"the global logger", "web/a.go", using(`"log/slog"`, "slog.InfoContext"), "slog.InfoContext"},
		{"a logger", "web/a.go", using(`"log/slog"`, "slog.New(h)"), ""},
	})
}

func TestFunctions(t *testing.T) { holds(t, functionRule) }

// functionRule forbids init functions anywhere but in generated code, and, in the rooms that serve requests, calls of panic, print and println;
// a panic stands where the function's comment says "panics".
func functionRule(f *sourceFile) []string {
	if f.generated {
		return nil
	}
	var complaints []string
	serves := f.in("web", "store", "internal/access", "internal/secret") && !f.test && !f.in(testRooms...)
	for _, declaration := range f.tree.Decls {
		function, _ := declaration.(*ast.FuncDecl)
		if function != nil && function.Recv == nil && function.Name.Name == "init" {
			complaints = append(complaints, f.at(function)+": an init function: work is done where it is asked for")
		}
		if !serves {
			continue
		}
		documented := function != nil && strings.Contains(function.Doc.Text(), "panics")
		ast.Inspect(declaration, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			name, ok := call.Fun.(*ast.Ident)
			if ok && (name.Name == "print" || name.Name == "println" || name.Name == "panic" && !documented) {
				complaints = append(complaints, fmt.Sprintf("%s: %s: return an error (a function that panics says so in its comment)", f.at(call), name.Name))
			}
			return true
		})
	}
	return complaints
}

func TestFunctionRuleCanFail(t *testing.T) {
	canFail(t, functionRule, []trial{
		{"init", "cmd/claviger/a.go", "package p\nfunc init() {}\n", "an init function"},
		{"init in a test", "web/a_test.go", "package p\nfunc init() {}\n", "an init function"},
		{"a method of that name", "web/a.go", "package p\nfunc (t T) init() {}\n", ""},
		{"init in generated code", "web/a.go", "// Code generated by x. DO NOT EDIT.\n\npackage p\nfunc init() {}\n", ""},
		{"panic", "web/a.go", "package p\nfunc f() { panic(1) }\n", "panic"},
		{"panic in a variable", "store/a.go", "package p\nvar f = func() { panic(1) }\n", "panic"},
		{"a documented panic", "web/a.go", "package p\n// f panics if x.\nfunc f() { panic(1) }\n", ""},
		{"panic in a test", "web/a_test.go", "package p\nfunc f() { panic(1) }\n", ""},
		{"println", "internal/access/a.go", "package p\nfunc f() { println(1) }\n", "println"},
	})
}
