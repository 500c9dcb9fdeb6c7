package web

import (
	"net/url"
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

// exampleUpstream stands in a proxy's snippet where the application has no API with
// an upstream of its own.
const exampleUpstream = "http://127.0.0.1:3000"

// proxySnippets is how nginx and Caddy are put in front of the application's first
// API, with the real addresses.
func (s *Server) proxySnippets(st access.Standing, apis []access.API) []templates.Snippet {
	check, upstream := s.ConsoleURL+"/verify/"+st.Organization.Slug+"/"+st.Application.Slug, exampleUpstream
	if len(apis) > 0 {
		check += "/" + apis[0].Slug
		if apis[0].Upstream != access.EchoUpstream {
			upstream = apis[0].Upstream
		}
	}
	return []templates.Snippet{
		{Language: "nginx", Text: nginxSnippet(check, upstream, st.Application.Switches.QueryCredentials)},
		{Language: "Caddy", Text: caddySnippet(check, upstream, st.Application.Switches.QueryCredentials)},
	}
}

// nginxSnippet stands inside a server block. Every identity header is taken from
// the answer to the check, so what a caller sends of them never arrives (S2); nginx
// drops names with dots and underscores by itself (S1). The check is told method
// and address of the request, since nginx asks by GET. query says that credentials
// may stand in the query: they are taken out of it on the way to the API.
func nginxSnippet(check, upstream string, query bool) string {
	var b strings.Builder
	b.WriteString("# Inside your server { } block.\nlocation / {\n    auth_request /_claviger;\n")
	for _, name := range identityHeaders {
		b.WriteString("    auth_request_set $" + nginxVariable(name) + " $upstream_http_" + strings.ToLower(strings.ReplaceAll(name, "-", "_")) + ";\n")
	}
	for _, name := range identityHeaders {
		b.WriteString("    proxy_set_header " + name + " $" + nginxVariable(name) + ";\n")
	}
	b.WriteString(`    proxy_set_header Authorization "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-HTTP-Method-Override "";
    proxy_set_header X-HTTP-Method "";
    proxy_set_header X-Method-Override "";
`)
	if query {
		for _, name := range credentialParameters {
			b.WriteString(`    if ($args ~ "^(.*&)?` + name + `=[^&]*(?:&(.*))?$") { set $args $1$2; }
`)
		}
	}
	b.WriteString(`    proxy_pass ` + upstream + `;
}
location = /_claviger {
    internal;
    proxy_pass ` + check + `;
` + serverName(check) + `    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
    proxy_set_header X-Original-Method $request_method;
    proxy_set_header X-Original-URI $request_uri;
    proxy_set_header X-Forwarded-Method "";
    proxy_set_header X-Forwarded-Uri "";
    proxy_set_header X-Forwarded-For $remote_addr;
}
`)
	return b.String()
}

// serverName has nginx name the host that it connects to by https, which it does not by
// itself: behind a proxy that serves several, the check would reach another one.
func serverName(address string) string {
	if strings.HasPrefix(address, "https://") {
		return "    proxy_ssl_server_name on;\n"
	}
	return ""
}

// nginxVariable names the variable that carries an identity header.
func nginxVariable(header string) string {
	return "claviger_" + strings.ToLower(strings.TrimPrefix(header, "X-Auth-"))
}

// caddySnippet stands inside a site block. Connection goes first, or a caller could
// name an identity header in it and have that removed on the way (S3); names that an
// application may fold into an identity header go too (S1).
func caddySnippet(check, upstream string, query bool) string {
	u, err := url.Parse(check)
	if err != nil {
		return ""
	}
	authority := u.Host
	if u.Scheme == "https" {
		authority = "https://" + u.Host
	}
	var b strings.Builder
	b.WriteString("# Inside your site block.\nroute {\n    request_header -Connection\n    request_header -X-Auth*\n    request_header -X_*\n    request_header -X.*\n    request_header -X-HTTP-Method*\n    request_header -X-Method-Override\n")
	b.WriteString("    forward_auth " + authority + " {\n        uri " + u.Path + "\n        header_up -X-Original-Method\n        header_up -X-Original-Uri\n")
	b.WriteString("        copy_headers " + strings.Join(identityHeaders, " ") + "\n    }\n")
	if query {
		b.WriteString("    # Credentials may stand in the query, which Caddy before 2.8 cannot take out: your API\n    # sees them. From 2.8 on, add here: uri query -access_token -client_id -client_secret\n")
	}
	b.WriteString("    request_header -Authorization\n    reverse_proxy " + upstream + "\n}\n")
	return b.String()
}
