package access_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claviger/internal/access"
)

func TestParseScopes(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "   ": "", "*:read": "*:read", "backend:write backend:read": "backend:read backend:write",
		"a:read a:read": "a:read", "a:read *:read": "*:read", "a:write *:read": "*:read a:write", "\t*:write \n *:read": "*:read *:write",
		"0-a:read": "0-a:read",
	} {
		got, err := access.ParseScopes(text)
		if err != nil || got.String() != want {
			t.Errorf("ParseScopes(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"read", ":read", "a:", "a:READ", "A:read", "a:admin", "a:read:write", "**:read", "-a:read", "a b:read", "a:read,b:read", "a\x00:read",
		"ü:read", "*:read x", "\xff:read", "a_b:read",
	} {
		if got, err := access.ParseScopes(text); access.KindOf(err) != access.Invalid || got != nil || !cmp.Equal(fields(err), []string{"scope"}) {
			t.Errorf("ParseScopes(%q) = %q, %v", text, got, err)
		}
	}
}

var (
	someAPIs = []string{"*", "a", "b", "c"}
	actions  = []access.Action{access.Read, access.Write}
)

// allSets are all sets of scopes over two APIs and any.
func allSets(t *testing.T) []access.Scopes {
	t.Helper()
	tokens := []string{"*:read", "*:write", "a:read", "a:write", "b:read", "b:write"}
	var out []access.Scopes
	for mask := range 1 << len(tokens) {
		text := ""
		for i, token := range tokens {
			if mask&(1<<i) != 0 {
				text += " " + token
			}
		}
		scopes, err := access.ParseScopes(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, scopes)
	}
	return out
}

// TestScopesIntersect: of all pairs of sets, the intersection allows what both
// allow, and nothing else; it is the same both ways.
func TestScopesIntersect(t *testing.T) {
	sets := allSets(t)
	for _, s := range sets {
		for _, u := range sets {
			both := s.Intersect(u)
			for _, api := range someAPIs[1:] {
				for _, action := range actions {
					if got, want := both.Allow(api, action), s.Allow(api, action) && u.Allow(api, action); got != want {
						t.Fatalf("%q ∩ %q = %q allows %s:%s: %v", s, u, both, api, action, got)
					}
				}
			}
			if !slices.Equal(both, u.Intersect(s)) {
				t.Fatalf("%q ∩ %q is not the same both ways", s, u)
			}
		}
		if !slices.Equal(s.Intersect(access.AllScopes()), s) || len(s.Intersect(nil)) != 0 {
			t.Fatalf("%q ∩ everything, or ∩ nothing", s)
		}
	}
}

func TestScopesPrintAndParse(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		text := ""
		for range random.IntN(8) {
			text += " " + someAPIs[random.IntN(4)] + ":" + string(actions[random.IntN(2)])
		}
		scopes, err := access.ParseScopes(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := access.ParseScopes(scopes.String())
		if err != nil || !slices.Equal(again, scopes) {
			t.Fatalf("%q prints as %q, which reads as %q, %v", text, scopes, again, err)
		}
	}
}

func TestScopesEffective(t *testing.T) {
	if got := access.Scopes(nil).Effective().String(); got != "*:read *:write" {
		t.Errorf("no restriction is %q", got)
	}
	if got := (access.Scopes{{API: "a", Action: access.Read}}).Effective().String(); got != "a:read" {
		t.Errorf("a restriction becomes %q", got)
	}
	// A set with any API prints and allows alike, whatever the API's name.
	if s := (access.Scopes{{API: "*", Action: access.Read}}); !s.Allow("x", access.Read) || s.Allow("x", access.Write) {
		t.Error("*:read is not what it says")
	}
	if s := (access.Scopes{{API: "a", Action: access.Write}}); s.Allow("a", access.Read) || s.Allow("b", access.Write) {
		t.Error("a:write allows more than writing to a")
	}
}

func TestActionOf(t *testing.T) {
	for method, want := range map[string]access.Action{
		"GET": "read", "HEAD": "read", "OPTIONS": "read", "POST": "write", "PUT": "write", "DELETE": "write", "PATCH": "write",
		"": "write", "get": "write", "GET ": "write", "PROPFIND": "write", "QUERY": "write",
	} {
		if got := access.ActionOf(method); got != want {
			t.Errorf("ActionOf(%q) = %s, want %s", method, got, want)
		}
	}
}

func TestRoleReachesAndScopes(t *testing.T) {
	order := []access.Role{access.Viewer, access.Member, access.Admin, access.Owner}
	for i, role := range order {
		for j, needed := range order {
			if got := role.Reaches(needed); got != (i >= j) {
				t.Errorf("%s reaches %s: %v", role, needed, got)
			}
		}
		if got, err := access.ParseRole(string(role)); got != role || err != nil {
			t.Errorf("ParseRole(%s) = %s, %v", role, got, err)
		}
	}
	for role, want := range map[access.Role]string{
		access.Viewer: "*:read", access.Member: "*:read *:write", access.Admin: "*:read *:write", access.Owner: "*:read *:write", "": "", "root": "",
	} {
		if got := role.Scopes().String(); got != want {
			t.Errorf("%q may %q, want %q", role, got, want)
		}
	}
	for _, role := range []access.Role{"", "root", "Owner", "owner "} {
		if role.Reaches(access.Viewer) || role.Reaches("") {
			t.Errorf("%q reaches something", role)
		}
		if _, err := access.ParseRole(string(role)); access.KindOf(err) != access.Invalid {
			t.Errorf("ParseRole(%q): %v", role, err)
		}
	}
}

func FuzzParseScopes(f *testing.F) {
	for _, seed := range []string{"", "*:read", "a:write b:read", "a:read:write", "\xff:read", "a:read\u2003b:read"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scopes, err := access.ParseScopes(text)
		if err != nil {
			return
		}
		again, err := access.ParseScopes(scopes.String())
		if err != nil || !slices.Equal(again, scopes) {
			t.Errorf("%q reads as %q, which reads as %q, %v", text, scopes, again, err)
		}
		for _, scope := range scopes {
			if scope.Action != access.Read && scope.Action != access.Write || scope.API == "" {
				t.Errorf("%q holds %v", text, scope)
			}
		}
	})
}
