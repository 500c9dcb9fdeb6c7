package web

import (
	"strings"

	"claviger/internal/access"
	"claviger/templates"
)

// The snippets below are run as they stand on the page by tests, against the real
// programs. Secrets come from the environment: nothing that is pasted into a
// program or a shell's history holds one.

// tryCurl is the one line that a newcomer runs first: a call that the credential
// may make.
func (s *Server) tryCurl(st access.Standing, apis []access.API, restriction access.Scopes) string {
	url, method := s.exampleURL(st, apis), ""
	for _, api := range apis {
		switch scopes := restriction.Effective(); {
		case scopes.Allow(api.Slug, access.Read):
			return `curl -H "Authorization: Bearer $TOKEN" ` + s.apiURL(st, api) + "/"
		case scopes.Allow(api.Slug, access.Write) && method == "":
			url, method = s.apiURL(st, api)+"/", "-X POST "
		}
	}
	return `curl ` + method + `-H "Authorization: Bearer $TOKEN" ` + url
}

// exampleURL is an address of the application's first API.
func (s *Server) exampleURL(st access.Standing, apis []access.API) string {
	if len(apis) == 0 {
		return s.GatewayURL + "/" + st.Organization.Slug + "/" + st.Application.Slug + "/"
	}
	return s.apiURL(st, apis[0]) + "/"
}

// callSnippets says how to call the application, in each language, in each way that
// works: by token, by Basic until it is disabled, in the query where that is on.
func (s *Server) callSnippets(st access.Standing, apis []access.API, basic bool) []templates.Snippet {
	url := s.exampleURL(st, apis)
	var out []templates.Snippet
	for _, language := range languages {
		for _, way := range []struct {
			method, text string
			on           bool
		}{
			{"Token", language.token, true},
			{"Basic", language.basic, basic},
			{"Query", language.query, st.Application.Switches.QueryCredentials},
		} {
			if way.on {
				out = append(out, templates.Snippet{Language: language.name, Method: way.method, Text: strings.Replace(way.text, "URL", url, 1)})
			}
		}
	}
	return out
}

// shellQuoted and powerShellQuoted keep an email as it is between double quotes: its
// local part may hold what a shell would run (RFC 5322 §3.2.3).
var (
	shellQuoted      = strings.NewReplacer("\\", "\\\\", "$", "\\$", "`", "\\`", `"`, `\"`)
	powerShellQuoted = strings.NewReplacer("`", "``", "$", "`$", `"`, "`\"")
)

// personalUse is both ways in which a personal token is used.
func (s *Server) personalUse(email string, st access.Standing) []templates.Snippet {
	url := s.GatewayURL + "/" + st.Organization.Slug + "/APPLICATION/API/"
	return []templates.Snippet{
		{Language: "curl", Method: "Basic", Text: `curl --user "` + shellQuoted.Replace(email) + `:$TOKEN" \
     ` + url},
		{Language: "curl", Method: "Bearer", Text: `curl -H "Authorization: Bearer $TOKEN" \
     ` + url},
	}
}

// base64Snippets build the string after "Authorization: Basic". base64 of coreutils
// breaks lines at 76 characters, and this one is longer.
func base64Snippets(email string) []templates.Snippet {
	return []templates.Snippet{
		{Language: "Linux and macOS", Text: `printf '%s' "` + shellQuoted.Replace(email) + `:$TOKEN" | base64 | tr -d '\n'`},
		{Language: "PowerShell", Text: `[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes("` + powerShellQuoted.Replace(email) + `:$env:TOKEN"))`},
	}
}
