package access

import (
	"slices"
	"strings"
)

// Action is what a request does to an API: it reads or it writes.
type Action string

// The two actions a scope can name.
const (
	Read  Action = "read"
	Write Action = "write"
)

// ActionOf returns Read for GET, HEAD and OPTIONS, and Write for every other
// method, known or not, and for none: what is not surely a read is a write.
func ActionOf(method string) Action {
	switch method {
	case "GET", "HEAD", "OPTIONS":
		return Read
	}
	return Write
}

// AnyAPI stands in a scope for every API of an application.
const AnyAPI = "*"

// Scope is one scope token (RFC 6749 §3.3), "<api>:read" or "<api>:write".
type Scope struct {
	API    string // an API's slug, or AnyAPI
	Action Action
}

// String returns the scope token.
func (s Scope) String() string { return s.API + ":" + string(s.Action) }

// Scopes is a set of scopes, sorted and without repetition. As a restriction of
// a credential the empty set means "no restriction"; see Effective.
type Scopes []Scope

// AllScopes is what a credential without a restriction has: "*:read *:write".
func AllScopes() Scopes { return Scopes{{AnyAPI, Read}, {AnyAPI, Write}} }

// ParseScopes reads scope tokens separated by spaces, in any order. Its error is
// Invalid and says what a scope looks like.
func ParseScopes(text string) (Scopes, error) {
	var out Scopes
	for token := range strings.FieldsSeq(text) {
		api, action, ok := strings.Cut(token, ":")
		if !ok || (action != string(Read) && action != string(Write)) || (api != AnyAPI && !validSlug(api)) {
			return nil, &Error{Kind: Invalid, Fields: []FieldError{{"scope", "A scope is an API and what may be done there, such as backend:read, backend:write or *:read."}}}
		}
		out = append(out, Scope{api, Action(action)})
	}
	return out.normal(), nil
}

// normal returns the set sorted, without repetition and without scopes that
// another one of the set includes.
func (s Scopes) normal() Scopes {
	out := slices.Clone(s)
	slices.SortFunc(out, func(a, b Scope) int { return strings.Compare(a.String(), b.String()) })
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(c Scope) bool {
		return c.API != AnyAPI && slices.Contains(out, Scope{AnyAPI, c.Action})
	})
}

// String returns the scope tokens separated by single spaces.
func (s Scopes) String() string {
	tokens := make([]string, len(s))
	for i, c := range s {
		tokens[i] = c.String()
	}
	return strings.Join(tokens, " ")
}

// Allow reports whether the set lets an action be done on an API.
func (s Scopes) Allow(api string, action Action) bool {
	return slices.Contains(s, Scope{AnyAPI, action}) || slices.Contains(s, Scope{api, action})
}

// Effective returns the set itself, or AllScopes where it is empty.
func (s Scopes) Effective() Scopes {
	if len(s) == 0 {
		return AllScopes()
	}
	return s
}

// Intersect returns what both sets allow. An empty result allows nothing: it is
// no restriction to be passed to Effective.
func (s Scopes) Intersect(t Scopes) Scopes {
	var out Scopes
	for _, a := range s {
		for _, b := range t {
			switch {
			case a.Action != b.Action:
			case a.API == b.API || b.API == AnyAPI:
				out = append(out, a)
			case a.API == AnyAPI:
				out = append(out, b)
			}
		}
	}
	return out.normal()
}
