package web

import (
	"strings"

	"claviger/templates"
)

// traefik is a dynamic and a static configuration. Traefik sends X-Forwarded-Method,
// -Uri and -For of its own, whatever a caller says of them, as long as
// trustForwardHeader is false; authRequestHeaders keeps a caller's X-Original-* away.
// It deletes and sets each of authResponseHeaders by its exact name, so aliases are
// a matter of the entry point (S1).
func traefik(g guard) templates.ProxyView {
	var b strings.Builder
	b.WriteString(`http:
  middlewares:
    claviger:
      forwardAuth:
        address: "` + g.check.String() + `"
        trustForwardHeader: false
        authRequestHeaders:
          - Authorization
          - User-Agent
        authResponseHeaders:
`)
	for _, name := range identityHeaders {
		b.WriteString("          - " + name + "\n")
	}
	b.WriteString("    claviger-after:\n      headers:\n        customRequestHeaders:\n          Authorization: \"\"\n")
	for _, name := range strangers {
		b.WriteString("          " + name + ": \"\"\n")
	}
	chain := "claviger, claviger-after"
	if base := g.base(); base != "" {
		b.WriteString("    claviger-base:\n      addPrefix:\n        prefix: \"" + base + "\"\n")
		chain += ", claviger-base"
	}
	b.WriteString(`  routers:
    api:
      rule: PathPrefix(` + "`/`" + `)
      entryPoints: [web]
      middlewares: [` + chain + `]
      service: api
  services:
    api:
      loadBalancer:
        servers:
          - url: "` + g.upstream.Scheme + "://" + g.upstream.Host + "\"\n")
	static := `entryPoints:
  web:
    address: ":80"
    http:
      aliasHeadersStrategy: delete
`
	v := templates.ProxyView{Name: "Traefik", Notes: []string{
		"Not run by our tests: what Traefik sends is replayed from its documentation.",
		"aliasHeadersStrategy needs Traefik 3.7.12 or 2.11.56; 3.7.13 looks at trailers too. Without it, or before, a caller’s X_Auth_Subject or X.Auth.Subject reaches your API: read the identity headers by their exact names only.",
		"A limit is answered with 403, X-Auth-Reason: rate-limited and Retry-After. Where Claviger cannot be reached Traefik answers 500.",
	}, Files: []templates.ProxyFile{{Name: "dynamic configuration", Text: b.String()}, {Name: "static configuration", Text: static}}}
	if g.query {
		v.Notes = append(v.Notes, "Traefik cannot take credentials out of the query: your API sees them.")
	}
	return v
}

// envoy is the part of a listener's filter chain, and the clusters. Envoy's check
// keeps method and path, so /verify is asked with a path behind the API's slug.
func envoy(g guard) templates.ProxyView {
	var b strings.Builder
	b.WriteString(`# In your listener's HttpConnectionManager.
use_remote_address: true
common_http_protocol_options:
  headers_with_underscores_action: DROP_HEADER
upgrade_configs:
  - upgrade_type: websocket
route_config:
  virtual_hosts:
    - name: api
      domains: ["*"]
      request_headers_to_remove: [authorization, ` + strings.ToLower(strings.Join(strangers, ", ")) + `]
      routes:
        - match: { prefix: / }
          route: { cluster: api` + envoyPrefix(g) + ` }
http_filters:
  - name: envoy.filters.http.lua
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
      default_source_code:
        inline_string: |
          -- What an application may read as an identity header, a caller must not send.
          function envoy_on_request(handle)
            local gone = {}
            for name in pairs(handle:headers()) do
              local folded = name:lower():gsub("[^%w:]", "-")
              if folded:find("^x%-auth%-") or folded:find("^x%-original%-") or (name ~= "x-forwarded-for" and name ~= "x-forwarded-proto" and folded:find("^x%-forwarded%-")) then
                gone[#gone + 1] = name
              end
            end
            for _, name in ipairs(gone) do handle:headers():remove(name) end
          end
`)
	b.WriteString(`  - name: envoy.filters.http.ext_authz
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
      transport_api_version: V3
      failure_mode_allow: false
      status_on_error: { code: ServiceUnavailable }
      allowed_headers:
        patterns:
          - exact: authorization
          - exact: user-agent
          - exact: x-forwarded-for
      http_service:
        server_uri:
          uri: "` + g.check.Scheme + "://" + g.check.Host + `"
          cluster: claviger
          timeout: 5s
        path_prefix: "` + g.check.Path + `"
        authorization_response:
          allowed_upstream_headers:
            patterns:
`)
	for _, name := range identityHeaders {
		b.WriteString("              - exact: " + strings.ToLower(name) + "\n")
	}
	b.WriteString("          allowed_client_headers:\n            patterns:\n")
	for _, name := range []string{"www-authenticate", "content-type", "retry-after", "x-auth-reason", "ratelimit", "ratelimit-policy"} {
		b.WriteString("              - exact: " + name + "\n")
	}
	b.WriteString(`  - name: envoy.filters.http.router
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
`)
	v := templates.ProxyView{Name: "Envoy", Notes: []string{
		"Not run by our tests: what Envoy sends is replayed from its documentation.",
		"Envoy adds its own address behind the caller’s in X-Forwarded-For: name that one in trusted_proxies too, or every call seems to come from the proxy.",
		"A limit is answered with 403, X-Auth-Reason: rate-limited and Retry-After. Where Claviger cannot be reached Envoy answers 503.",
	}, Files: []templates.ProxyFile{{Name: "HTTP connection manager", Text: b.String()}, {Name: "clusters", Text: envoyCluster("claviger", g.check.Scheme == "https", g.check.Hostname(), authority(g.check)) + envoyCluster("api", g.upstream.Scheme == "https", g.upstream.Hostname(), authority(g.upstream))}}}
	if g.query {
		v.Notes = append(v.Notes, "Envoy passes credentials in the query on to your API.")
	}
	return v
}

// envoyPrefix puts an upstream's own path before that of each request.
func envoyPrefix(g guard) string {
	if base := g.base(); base != "" {
		return ", prefix_rewrite: \"" + base + "/\""
	}
	return ""
}

func envoyCluster(name string, tls bool, host, authority string) string {
	port := authority[strings.LastIndexByte(authority, ':')+1:]
	text := `- name: ` + name + `
  type: STRICT_DNS
  load_assignment:
    cluster_name: ` + name + `
    endpoints:
      - lb_endpoints:
          - endpoint: { address: { socket_address: { address: "` + host + `", port_value: ` + port + ` } } }
`
	if tls {
		text += `  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
      sni: ` + host + `
`
	}
	return text
}
