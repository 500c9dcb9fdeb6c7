package archtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// room says what the files of a directory, tests aside, may import of the module and from elsewhere.
type room struct {
	rooms     []string // rooms of the module; the room's own are always allowed
	libraries []string // prefixes of import paths; nil: any that no wall keeps out
}

var none = []string{} // no library at all

// unbound is for the rooms that serve tests: see testRooms.
var unbound = room{}

// rooms is the house. The longest entry that fits a directory counts, and every directory must have one.
var rooms = map[string]room{
	"cmd":              {rooms: []string{"internal/access", "internal/secret", "internal/config", "internal/metrics", "internal/ship", "store", "web", "templates", "static"}},
	"web":              {rooms: []string{"internal/access", "internal/secret", "templates", "static"}},
	"internal/metrics": {rooms: []string{"internal/access", "web"}},
	"internal/ship":    {rooms: []string{"internal/access"}, libraries: none},
	"store": {
		rooms: []string{"internal/access", "internal/secret"},
		libraries: []string{
			"modernc.org/sqlite", "github.com/jackc/pgx/v5", "github.com/pressly/goose/v3", "golang.org/x/sync",
			"github.com/google/uuid",
		},
	},
	"store/storetest":   unbound,
	"templates":         {rooms: []string{"static"}, libraries: []string{"github.com/a-h/templ"}},
	"static":            {libraries: none},
	"internal/access":   {rooms: []string{"internal/secret"}, libraries: none},
	"internal/secret":   {libraries: []string{"golang.org/x/crypto"}},
	"internal/config":   {libraries: []string{"github.com/bigkevmcd/go-configparser"}},
	"internal/testkit":  unbound,
	"internal/journey":  unbound,
	"internal/docs":     unbound,
	"internal/bench":    unbound,
	"internal/archtest": unbound,
}

// testRooms serve tests only: the walls below do not bind them, and nothing that is shipped may import them.
var testRooms = []string{"internal/testkit", "internal/journey", "internal/docs", "internal/bench", "internal/archtest", "store/storetest"}

// walls keep libraries in one room, whatever the room's own list says.
var walls = []struct{ library, room string }{
	{"database/sql", "store"},
	{"modernc.org", "store"},
	{"github.com/jackc", "store"},
	{"github.com/pressly/goose", "store"},
	{"github.com/gorilla", "web"},
	{"github.com/klauspost/compress", "web"},
	{"github.com/prometheus", "internal/metrics"},
	{"github.com/bigkevmcd", "internal/config"},
	{"github.com/alecthomas/kong", "cmd"},
	{"github.com/chromedp", "internal/testkit"},
	{"github.com/andybalholm/cascadia", "internal/testkit"},
	{"github.com/google/go-cmp", "internal/testkit"},
	{"github.com/rogpeppe/go-internal", "internal/testkit"},
	{"go.uber.org/goleak", "internal/testkit"},
	{"golang.org/x/oauth2", "internal/testkit"},
	{"testing", "internal/testkit"},
}

func TestImports(t *testing.T) { holds(t, importRule) }

func importRule(f *sourceFile) []string {
	own, name := roomOf(f)
	if name == "" {
		return []string{fmt.Sprintf("%s: %s is not in the table of rooms of internal/archtest/imports_test.go", f.path, f.room())}
	}
	var complaints []string
	for _, spec := range f.tree.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return []string{fmt.Sprintf("%s: import %s: %v", f.path, spec.Path.Value, err)}
		}
		if why := forbidden(f, own, name, imported); why != "" {
			complaints = append(complaints, fmt.Sprintf("%s: imports %s: %s", f.at(spec), imported, why))
		}
	}
	return complaints
}

// roomOf finds the entry of the table that fits best, and its name.
func roomOf(f *sourceFile) (own room, name string) {
	for candidate, entry := range rooms {
		if f.in(candidate) && len(candidate) > len(name) {
			own, name = entry, candidate
		}
	}
	return own, name
}

// forbidden says why a file of the room may not import a package; empty if it may.
func forbidden(f *sourceFile, own room, name, imported string) string {
	if f.test || f.in(testRooms...) {
		return ""
	}
	if inside, ok := strings.CutPrefix(imported, module+"/"); ok {
		if within(inside, testRooms...) {
			return "it is for tests only"
		}
		if !within(inside, name) && !within(inside, own.rooms...) {
			return fmt.Sprintf("%s may see only %v", name, own.rooms)
		}
		return ""
	}
	for _, wall := range walls {
		if within(imported, wall.library) && !f.in(wall.room) {
			return wall.library + " is seen only in " + wall.room
		}
	}
	if standard := !strings.Contains(strings.Split(imported, "/")[0], "."); standard || own.libraries == nil {
		return ""
	}
	if !within(imported, own.libraries...) {
		return fmt.Sprintf("%s may use the standard library and %v", name, own.libraries)
	}
	return ""
}

// within says whether a slash-separated path is one of the others or below one.
func within(name string, others ...string) bool {
	return slices.ContainsFunc(others, func(other string) bool {
		return name == other || strings.HasPrefix(name, other+"/")
	})
}

func TestImportRuleCanFail(t *testing.T) {
	importing := func(path string) string { return "package p\nimport _ " + strconv.Quote(path) + "\n" }
	trials := []trial{
		{"web may not see the store", "web/a.go", importing("claviger/store"), "web may see only"},
		{"web may not see the configuration", "web/a.go", importing("claviger/internal/config"), "web may see only"},
		{"a test may", "web/a_test.go", importing("claviger/store"), ""},
		{"web may see the domain", "web/a.go", importing("claviger/internal/access"), ""},
		{"web may use gorilla", "web/a.go", importing("github.com/gorilla/sessions"), ""},
		{"a library is free for web", "web/a.go", importing("golang.org/x/time/rate"), ""},
		{"store may not see pages", "store/a.go", importing("claviger/templates"), "store may see only"},
		{"store may use its driver", "store/a.go", importing("github.com/jackc/pgx/v5/stdlib"), ""},
		{"the domain knows no SQL", "internal/access/a.go", importing("database/sql"), "seen only in store"},
		{"the domain uses no library", "internal/access/a.go", importing("golang.org/x/crypto/argon2"), "standard library and []"},
		{"a library with a name that begins alike", "internal/secret/a.go", importing("golang.org/x/cryptography"), "standard library and"},
		{"the domain does not know the store", "internal/access/a.go", importing("claviger/store"), "internal/access may see only"},
		{"secrets may use crypto", "internal/secret/a.go", importing("golang.org/x/crypto/argon2"), ""},
		{"drivers only in store", "cmd/claviger/a.go", importing("modernc.org/sqlite"), "seen only in store"},
		{"gorilla only in web", "cmd/claviger/a.go", importing("github.com/gorilla/sessions"), "seen only in web"},
		{"configparser only in config", "cmd/claviger/a.go", importing("github.com/bigkevmcd/go-configparser"), "only in internal/config"},
		{"config uses it", "internal/config/a.go", importing("github.com/bigkevmcd/go-configparser"), ""},
		{"templates see no domain", "templates/a.go", importing("claviger/internal/access"), "templates may see only"},
		{"static uses nothing", "static/a.go", importing("github.com/a-h/templ"), "static may use the standard library"},
		{"the test kit is for tests", "cmd/claviger/a.go", importing("claviger/internal/testkit"), "for tests only"},
		{"and tests use it", "store/a_test.go", importing("claviger/internal/testkit"), ""},
		{"so does the conformance suite", "store/storetest/a.go", importing("claviger/internal/testkit"), ""},
		{"no testing in what is shipped", "store/a.go", importing("testing"), "seen only in internal/testkit"},
		{"a room that nobody planned", "utils/a.go", importing("fmt"), "not in the table of rooms"},
		{"a room below a room", "web/gateway/a.go", importing("claviger/store"), "web may see only"},
	}
	canFail(t, importRule, trials)
}
