package web

import (
	"slices"
	"strings"
	"testing"

	"claviger/internal/access"
)

func challengesOf(code string, v access.Verdict) []string {
	return challenges(code, refusalGrounds{description: v.Description, needed: v.NeededScope, basicWorks: v.BasicWorks})
}

// TestRFC6750_3_Challenge: the Bearer scheme and one realm come with every
// challenge; scope, error and error_description at most once.
func TestRFC6750_3_Challenge(t *testing.T) {
	for _, v := range []access.Verdict{
		{Description: "A credential is needed."},
		{Description: "x", BasicWorks: true},
		{Description: "The credential may not write.", NeededScope: access.Scope{API: "backend", Action: access.Write}, BasicWorks: true},
	} {
		for _, code := range []string{"", "invalid_token", "insufficient_scope"} {
			got := challengesOf(code, v)
			if !strings.HasPrefix(got[0], `Bearer realm="Claviger"`) {
				t.Errorf("%q", got)
			}
			for _, attribute := range []string{" realm=", " error=", " error_description=", " scope="} {
				if strings.Count(got[0], attribute) > 1 {
					t.Errorf("%s more than once in %q", attribute, got[0])
				}
			}
		}
	}
}

// TestRFC6750_3_DescriptionCharacters: error_description holds none but %x20-21,
// %x23-5B and %x5D-7E.
func TestRFC6750_3_DescriptionCharacters(t *testing.T) {
	got := challengesOf("invalid_token", access.Verdict{Description: "a \"b\" \\ ü \r\n \x00 \x7f ~"})[0]
	if want := `error_description="a 'b' ' ' '' ' ' ~"`; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRFC6750_3_1_NoErrorWithoutCredential: a request that lacks any authentication
// information SHOULD NOT be told an error code.
func TestRFC6750_3_1_NoErrorWithoutCredential(t *testing.T) {
	if got := challengesOf("", access.Verdict{Description: "A credential is needed."}); len(got) != 1 || strings.Contains(got[0], "error") {
		t.Errorf("got %q", got)
	}
}

// TestRFC6750_3_1_InsufficientScopeNamesTheScope, and offers no other credential.
func TestRFC6750_3_1_InsufficientScopeNamesTheScope(t *testing.T) {
	got := challengesOf("insufficient_scope", access.Verdict{NeededScope: access.Scope{API: "backend", Action: access.Write}, BasicWorks: true})
	if len(got) != 1 || !strings.Contains(got[0], `error="insufficient_scope"`) || !strings.Contains(got[0], `scope="backend:write"`) {
		t.Errorf("got %q", got)
	}
}

// TestRFC7617_2_ChallengeHasRealmAndCharset, and comes only where Basic works.
func TestRFC7617_2_ChallengeHasRealmAndCharset(t *testing.T) {
	const want = `Basic realm="Claviger", charset="UTF-8"`
	if got := challengesOf("", access.Verdict{BasicWorks: true}); !slices.Contains(got, want) {
		t.Errorf("got %q", got)
	}
	if got := challengesOf("", access.Verdict{}); slices.Contains(got, want) {
		t.Errorf("got %q", got)
	}
}
