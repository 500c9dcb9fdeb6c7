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

const (
	curlToken = `curl -H "Authorization: Bearer $TOKEN" \
     URL`
	curlBasic = `curl --user "$USERNAME:$PASSWORD" \
     URL`
	javascriptToken = `const response = await fetch("URL", {
  headers: { Authorization: "Bearer " + process.env.TOKEN },
});
console.log(response.status, await response.text());`
	javascriptBasic = `const basic = btoa(process.env.USERNAME + ":" + process.env.PASSWORD);
const response = await fetch("URL", {
  headers: { Authorization: "Basic " + basic },
});
console.log(response.status, await response.text());`
	pythonToken = `import os
from urllib.request import Request, urlopen

request = Request("URL")
request.add_header("Authorization", "Bearer " + os.environ["TOKEN"])
with urlopen(request) as response:
    print(response.status, response.read().decode())`
	pythonBasic = `import base64, os
from urllib.request import Request, urlopen

pair = os.environ["USERNAME"] + ":" + os.environ["PASSWORD"]
request = Request("URL")
request.add_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
with urlopen(request) as response:
    print(response.status, response.read().decode())`
)

// callSnippets says how to call the application, in each language, by token and, as
// long as it works, by Basic.
func (s *Server) callSnippets(st access.Standing, apis []access.API, basic bool) []templates.Snippet {
	url := s.exampleURL(st, apis)
	out := make([]templates.Snippet, 0, 6)
	for _, sn := range []templates.Snippet{
		{Language: "curl", Method: "Token", Text: curlToken},
		{Language: "curl", Method: "Basic", Text: curlBasic},
		{Language: "JavaScript", Method: "Token", Text: javascriptToken},
		{Language: "JavaScript", Method: "Basic", Text: javascriptBasic},
		{Language: "Python", Method: "Token", Text: pythonToken},
		{Language: "Python", Method: "Basic", Text: pythonBasic},
	} {
		if sn.Method == "Basic" && !basic {
			continue
		}
		sn.Text = strings.Replace(sn.Text, "URL", url, 1)
		out = append(out, sn)
	}
	return out
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
		{Language: "nginx", Text: nginxSnippet(check, upstream)},
		{Language: "Caddy", Text: caddySnippet(check, upstream)},
	}
}

// nginxSnippet stands inside a server block. Every identity header is taken from
// the answer to the check, so what a caller sends of them never arrives (S2); nginx
// drops names with dots and underscores by itself (S1). The check is told method
// and address of the request, since nginx asks by GET.
func nginxSnippet(check, upstream string) string {
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
    proxy_pass ` + upstream + `;
}
location = /_claviger {
    internal;
    proxy_pass ` + check + `;
    proxy_pass_request_body off;
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

// nginxVariable names the variable that carries an identity header.
func nginxVariable(header string) string {
	return "claviger_" + strings.ToLower(strings.TrimPrefix(header, "X-Auth-"))
}

// caddySnippet stands inside a site block. Connection goes first, or a caller could
// name an identity header in it and have that removed on the way (S3); names that an
// application may fold into an identity header go too (S1).
func caddySnippet(check, upstream string) string {
	u, err := url.Parse(check)
	if err != nil {
		return ""
	}
	authority := u.Host
	if u.Scheme == "https" {
		authority = "https://" + u.Host
	}
	var b strings.Builder
	b.WriteString("# Inside your site block.\nroute {\n    request_header -Connection\n    request_header -X-Auth*\n    request_header -X_*\n    request_header -X.*\n")
	b.WriteString("    forward_auth " + authority + " {\n        uri " + u.Path + "\n        header_up -X-Original-Method\n        header_up -X-Original-Uri\n")
	b.WriteString("        copy_headers " + strings.Join(identityHeaders, " ") + "\n    }\n")
	b.WriteString("    request_header -Authorization\n    reverse_proxy " + upstream + "\n}\n")
	return b.String()
}
