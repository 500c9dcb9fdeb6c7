package web

import (
	"net/url"
	"strings"

	"claviger/internal/access"
	"claviger/templates"
)

// This file, and proxies_*.go beside it, make the configurations that put a proxy in
// front of an API. Those of nginx, Caddy and HAProxy are run by tests as they stand
// on the page; of Traefik and Envoy the requests that they send are replayed.

// exampleUpstream stands in a proxy's configuration where the application has no API
// with an upstream of its own.
const exampleUpstream = "http://127.0.0.1:3000"

// guard is what a proxy is told: where it asks, what it protects, and whether
// credentials may stand in the query.
type guard struct {
	check    *url.URL // …/verify/{org}/{app}/{api}
	upstream *url.URL
	query    bool
}

// proxies is how each proxy is put in front of the application's first API, with the
// real addresses.
func (s *Server) proxies(st access.Standing, apis []access.API) []templates.ProxyView {
	check, upstream := s.ConsoleURL+"/verify/"+st.Organization.Slug+"/"+st.Application.Slug, exampleUpstream
	if len(apis) > 0 {
		check += "/" + apis[0].Slug
		if apis[0].Upstream != access.EchoUpstream {
			upstream = apis[0].Upstream
		}
	}
	g := guard{query: st.Application.Switches.QueryCredentials}
	var err, err2 error
	g.check, err = url.Parse(check)
	g.upstream, err2 = url.Parse(upstream)
	if err != nil || err2 != nil {
		return nil // neither is possible: both were judged when they were set
	}
	return []templates.ProxyView{nginx(g), caddy(g), haproxy(g), traefik(g), envoy(g)}
}

// authority is host and port of an address, with the port of its scheme where it names none.
func authority(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Host
	case u.Scheme == "https":
		return u.Host + ":443"
	}
	return u.Host + ":80"
}

// base is the path of an upstream without a slash at its end: what comes before the
// path of each request.
func (g guard) base() string { return strings.TrimSuffix(g.upstream.EscapedPath(), "/") }

// strangers are headers of a caller's that no application must see: those that tell
// where a request came from or what it was are the proxy's to say.
var strangers = []string{
	"Forwarded", "X-Real-IP", "X-Rewrite-URL", "X-Forwarded-User", "X-Forwarded-Prefix", "X-Forwarded-Uri", "X-Forwarded-Method",
	"X-Original-URI", "X-Original-Method", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Auth-Reason", "Proxy-Authorization",
}

// nginx stands inside a server block. Every identity header is taken from the answer
// to the check, so what a caller sends of them never arrives (S2); the check itself is
// sent no more of a caller's headers than it needs, and none with a control character,
// which nginx lets through and Claviger's server refuses by 400. nginx drops names
// with anything but letters, digits and hyphens by itself (S1), and does not pass
// Connection on (S3). The check is told method and address of the request, since
// nginx asks by GET. nginx knows 401 and 403 of a check, no 429: a limit's refusal
// is told by X-Auth-Reason.
func nginx(g guard) templates.ProxyView {
	var b strings.Builder
	b.WriteString("# Inside your server { } block.\nlocation / {\n    auth_request /_claviger;\n")
	for _, name := range identityHeaders {
		b.WriteString("    auth_request_set $" + nginxVariable(name) + " $upstream_http_" + strings.ToLower(strings.ReplaceAll(name, "-", "_")) + ";\n")
	}
	b.WriteString(`    auth_request_set $claviger_reason $upstream_http_x_auth_reason;
    auth_request_set $claviger_retry $upstream_http_retry_after;
    auth_request_set $claviger_limit $upstream_http_ratelimit;
    auth_request_set $claviger_policy $upstream_http_ratelimit_policy;
    auth_request_set $claviger_challenge $upstream_http_www_authenticate;
    error_page 403 = @claviger_refused;
    set $claviger_upgrade "";
    set $claviger_connection "";
    if ($http_upgrade ~* "^websocket$") { set $claviger_upgrade websocket; set $claviger_connection upgrade; }
    set $claviger_checked "$http_authorization$http_user_agent$request_uri";
    if ($claviger_checked ~ "[\x01-\x08\x0a-\x1f\x7f]") { return 400; }
`)
	for _, name := range identityHeaders {
		b.WriteString("    proxy_set_header " + name + " $" + nginxVariable(name) + ";\n")
	}
	for _, name := range strangers {
		b.WriteString("    proxy_set_header " + name + ` "";` + "\n")
	}
	b.WriteString(`    proxy_set_header Authorization "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header Upgrade $claviger_upgrade;
    proxy_set_header Connection $claviger_connection;
    proxy_http_version 1.1;
`)
	if g.query {
		for _, name := range credentialParameters {
			b.WriteString(`    if ($args ~ "^(.*&)?` + name + `(?:=[^&]*)?(?:&(.*))?$") { set $args $1$2; }
`)
		}
	}
	b.WriteString("    proxy_pass " + nginxUpstream(g) + ";\n" + serverName(g.upstream) + "}\n" + nginxCheck(g))
	v := templates.ProxyView{Name: "nginx", Files: []templates.ProxyFile{{Name: "nginx.conf", Text: b.String()}}, Notes: []string{
		"Needs ngx_http_auth_request_module, which Debian’s packages have. Leave underscores_in_headers and ignore_invalid_headers at their defaults: they keep X_Auth_Subject and its like away.",
		"Where Claviger cannot be reached nginx answers 500.",
	}}
	if g.query {
		v.Notes = append(v.Notes, "Credentials in the query are taken out. The path of such a request arrives as nginx decodes it: %2F as /, for one.")
	}
	return v
}

// nginxUpstream ends in a slash where the upstream has a path: nginx puts it in place
// of the location's own "/". Without one nginx passes the path on as it was sent.
func nginxUpstream(g guard) string {
	if base := g.base(); base != "" {
		return g.upstream.Scheme + "://" + g.upstream.Host + base + "/"
	}
	return g.upstream.Scheme + "://" + g.upstream.Host
}

// nginxCheck are the locations that ask and that refuse.
func nginxCheck(g guard) string {
	return `location = /_claviger {
    internal;
    proxy_pass ` + g.check.String() + `;
` + serverName(g.check) + `    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
    proxy_pass_request_headers off;
    proxy_set_header Authorization $http_authorization;
    proxy_set_header User-Agent $http_user_agent;
    proxy_set_header X-Original-Method $request_method;
    proxy_set_header X-Original-URI $request_uri;
    proxy_set_header X-Forwarded-For $remote_addr;
}
location @claviger_refused {
    internal;
    add_header WWW-Authenticate $claviger_challenge always;
    if ($claviger_reason = rate-limited) {
        add_header Retry-After $claviger_retry always;
        add_header RateLimit $claviger_limit always;
        add_header RateLimit-Policy $claviger_policy always;
        return 429;
    }
    return 403;
}
`
}

// serverName has nginx name the host that it connects to by https, which it does not by
// itself: behind a proxy that serves several, the check would reach another one.
func serverName(u *url.URL) string {
	if u.Scheme == "https" {
		return "    proxy_ssl_server_name on;\n"
	}
	return ""
}

// nginxVariable names the variable that carries an identity header.
func nginxVariable(header string) string {
	return "claviger_" + strings.ToLower(strings.TrimPrefix(header, "X-Auth-"))
}

// aliasCharacters are those besides letters, digits and the hyphen that a header's
// name may hold (RFC 9110 §5.6.2). Applications may fold each into a hyphen (S1).
const aliasCharacters = "_.!#$%&'*+^`|~"

// caddy stands inside a site block. Connection goes first, or a caller could name an
// identity header in it and have that removed on the way (S3); WebSocket needs it,
// and gets it without anything else. Names that an application may fold into an
// identity header go too (S1).
func caddy(g guard) templates.ProxyView {
	var b strings.Builder
	b.WriteString(`# Inside your site block.
route {
    @websocket header Upgrade websocket
    @plain not header Upgrade websocket
    request_header @websocket Connection Upgrade
    request_header @plain -Connection
    request_header @plain -Upgrade
    request_header -X-Auth-*
`)
	for _, c := range aliasCharacters {
		b.WriteString("    request_header -*" + string(c) + "*\n")
	}
	for _, name := range strangers {
		b.WriteString("    request_header -" + name + "\n")
	}
	check := g.check.Host
	if g.check.Scheme == "https" {
		check = "https://" + g.check.Host
	}
	b.WriteString("    forward_auth " + check + " {\n        uri " + g.check.Path + "\n")
	b.WriteString("        copy_headers " + strings.Join(identityHeaders, " ") + "\n")
	b.WriteString("        @limited header X-Auth-Reason rate-limited\n        handle_response @limited {\n            copy_response 429\n        }\n    }\n")
	if g.query {
		b.WriteString("    # Credentials may stand in the query, which Caddy before 2.8 cannot take out: your API\n    # sees them. From 2.8 on, add here: uri query -access_token -client_id -client_secret\n")
	}
	b.WriteString("    request_header -Authorization\n")
	if base := g.base(); base != "" {
		b.WriteString("    rewrite * " + base + "{uri}\n")
	}
	b.WriteString("    reverse_proxy " + g.upstream.Scheme + "://" + g.upstream.Host + "\n}\n")
	v := templates.ProxyView{Name: "Caddy", Files: []templates.ProxyFile{{Name: "Caddyfile", Text: b.String()}}, Notes: []string{
		"route keeps this order, and the order matters. Header names with other characters than letters, digits and hyphens are taken away, as nginx does: an application may read X_Auth_Subject or X~Auth~Subject as X-Auth-Subject.",
		"Where Claviger cannot be reached Caddy answers 502.",
	}}
	if g.query {
		v.Notes = append(v.Notes, "Caddy before 2.8 passes credentials in the query on to your API.")
	}
	return v
}
