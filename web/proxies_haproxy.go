package web

import (
	_ "embed"
	"strings"

	"claviger/templates"
)

// haproxyScript asks Claviger for HAProxy, which has nothing of its own for that.
//
//go:embed proxies/claviger.lua
var haproxyScript string

// haproxy stands inside a frontend, with a backend behind it. HAProxy goes on with a
// request when a script fails: the line after the call is what fails closed.
func haproxy(g guard) templates.ProxyView {
	var b strings.Builder
	b.WriteString(`# In the section "global":
#     lua-load /etc/haproxy/claviger.lua
# In your frontend, in mode http, before everything that looks at the request:
    http-request lua.claviger ` + g.check.String() + `
    http-request deny deny_status 503 unless { var(txn.claviger) -m str accepted }
    default_backend claviger_api

# Your API.
backend claviger_api
    mode http
`)
	if base := g.base(); base != "" {
		b.WriteString("    http-request set-path " + strings.ReplaceAll(base, "%", "%%") + "%[path]\n")
	}
	b.WriteString("    server api " + authority(g.upstream))
	if g.upstream.Scheme == "https" {
		b.WriteString(" ssl verify required ca-file @system-ca sni str(" + g.upstream.Hostname() + ")")
	}
	b.WriteString("\n")
	notes := []string{
		"Needs HAProxy 2.6 or later with Lua, as Debian’s is. The script is ours; keep it beside haproxy.cfg.",
		"Whatever an application may read as an identity header is taken away, and credentials in the query too. A limit is answered with 429. Where Claviger cannot be reached HAProxy answers 503.",
	}
	if g.check.Hostname() != "" && strings.ContainsAny(g.check.Hostname(), "abcdefghijklmnopqrstuvwxyz") {
		notes = append(notes, "Claviger stands under a name here: HAProxy looks it up through a section “resolvers default”, which your configuration needs.")
	}
	return templates.ProxyView{Name: "HAProxy", Notes: notes, Files: []templates.ProxyFile{
		{Name: "haproxy.cfg", Text: b.String()}, {Name: "claviger.lua", Text: haproxyScript},
	}}
}
