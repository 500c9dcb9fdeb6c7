package web_test

import (
	"strings"
	"testing"

	"claviger/internal/access"
	"claviger/internal/testkit"

	"github.com/google/go-cmp/cmp"
)

// replayed is what a proxy asks Claviger for a caller's request, written by hand from
// its documentation: Traefik and Envoy are not run by these tests.
type replayed struct {
	name   string
	method string // of the question
	path   string // behind /verify/acme/orders/backend
	lines  []string
	want   int
	api    string // where it is not /backend
}

func (r replayed) ask(t *testing.T, s shop) {
	t.Helper()
	api := r.api
	if api == "" {
		api = "/backend"
	}
	replace := strings.NewReplacer("{token}", s.token, "{reader}", s.reader)
	lines := make([]string, len(r.lines))
	for i, line := range r.lines {
		lines[i] = replace.Replace(line)
	}
	a := exchange(t, s.ConsoleURL, rawRequest(r.method, "/verify/acme/orders"+api+replace.Replace(r.path), lines...))
	if a.Status != r.want {
		t.Errorf("%s: status %d, want %d: %s", r.name, a.Status, r.want, a.Body)
	}
	identity := identityIn(a.Header)
	delete(identity, "X-Auth-Reason")
	if r.want != 200 {
		if len(identity) != 0 {
			t.Errorf("%s: a refusal with an identity: %v", r.name, identity)
		}
		return
	}
	for _, name := range identityNames { // Traefik and Envoy copy what is there, and only that
		if len(a.Header[name]) != 1 {
			t.Errorf("%s: %s is %q", r.name, name, a.Header[name])
		}
	}
	if strings.Contains(strings.Join(r.lines, ""), "{token}") {
		if diff := cmp.Diff(s.identityOf(s.tokenID, "till"), identity); diff != "" {
			t.Errorf("%s: identity (-want +got):\n%s", r.name, diff)
		}
	}
}

// TestTraefikReplayed: Traefik asks by GET, with the headers of authRequestHeaders and
// X-Forwarded-Method, -Proto, -Host, -Uri and -For of its own
// (doc.traefik.io, ForwardAuth, "Forward-Request Headers").
func TestTraefikReplayed(t *testing.T) {
	s := newShop(t)
	s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
	from := func(method, uri string, more ...string) []string {
		return append([]string{
			"User-Agent: till/1", "X-Forwarded-For: 198.51.100.7", "X-Forwarded-Method: " + method, "X-Forwarded-Proto: https",
			"X-Forwarded-Host: api.example.com", "X-Forwarded-Uri: " + uri, "Accept-Encoding: gzip",
		}, more...)
	}
	const reader = "Authorization: Bearer {reader}"
	for _, r := range []replayed{
		{name: "reads", method: "GET", lines: from("GET", "/v1/orders", "Authorization: Bearer {token}"), want: 200},
		{name: "the reader reads", method: "GET", lines: from("GET", "/v1/orders", reader), want: 200},
		{name: "the reader writes", method: "GET", lines: from("POST", "/v1/orders", reader), want: 403},
		{name: "nothing", method: "GET", lines: from("GET", "/v1/orders"), want: 401},
		{name: "in the query", method: "GET", lines: from("GET", "/v1/orders?access_token={token}"), want: 200},
		{name: "header and query", method: "GET", lines: from("GET", "/v1/orders?access_token={token}", reader), want: 401},
		{name: "a WebSocket", method: "GET", lines: from("GET", "/v1/socket", reader, "Sec-Websocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-Websocket-Version: 13"), want: 200},
		// By HTTP/2 a WebSocket is a CONNECT (RFC 8441), and counts as a write.
		{name: "a WebSocket by HTTP/2", method: "GET", lines: from("CONNECT", "/v1/socket", reader), want: 403},
		{name: "a method of its own", method: "GET", lines: from("PROPFIND", "/v1/orders", reader), want: 403},
		// preserveRequestMethod, since 3.4: the question's own method changes nothing.
		{name: "asks by the caller's method", method: "POST", lines: from("POST", "/v1/orders", reader, "Content-Length: 0"), want: 403},
		// Without authRequestHeaders a caller's X-Original-* come along. They differ, or say the same.
		{name: "a stranger's X-Original-Method", method: "GET", lines: from("POST", "/v1/orders", reader, "X-Original-Method: GET"), want: 401},
		{name: "a stranger's X-Original-URI", method: "GET", lines: from("GET", "/v1/orders", "X-Original-URI: /?access_token={token}"), want: 401},
		// Aliases that Traefik does not know reach us: CVE-2026-39858.
		{name: "aliases of its own headers", method: "GET", lines: from("POST", "/v1/orders", reader, "X_Forwarded_Method: GET", "X.Forwarded.Method: GET"), want: 403},
		// With trustForwardHeader a stranger says what Traefik says: never set it.
		{name: "the method twice", method: "GET", lines: from("POST", "/v1/orders", reader, "X-Forwarded-Method: GET"), want: 401},
		// A slash too many in the address makes it Envoy's form, which must not turn writes into reads.
		{name: "a slash at the address's end, writes", method: "GET", path: "/", lines: from("POST", "/v1/orders", reader), want: 403},
		{name: "a slash at the address's end, reads", method: "GET", path: "/", lines: from("GET", "/v1/orders", reader), want: 200},
	} {
		r.ask(t, s)
	}
}

// TestEnvoyReplayed: Envoy keeps method and query, puts path_prefix before the path,
// sends Host, Content-Length: 0 and Authorization, and of the others what
// allowed_headers names (envoyproxy.io, ext_authz, HttpService).
func TestEnvoyReplayed(t *testing.T) {
	s := newShop(t)
	s.setSwitches(t, func(w *access.Switches) { w.QueryCredentials = true })
	from := func(more ...string) []string {
		return append([]string{"Content-Length: 0", "User-Agent: till/1", "X-Forwarded-For: 198.51.100.7,127.0.0.1", "X-Envoy-Internal: true", "X-Envoy-Expected-Rq-Timeout-Ms: 5000"}, more...)
	}
	const reader = "Authorization: Bearer {reader}"
	for _, r := range []replayed{
		{name: "reads", method: "GET", path: "/v1/orders", lines: from("Authorization: Bearer {token}"), want: 200},
		{name: "the reader reads", method: "GET", path: "/v1/orders?x=1", lines: from(reader), want: 200},
		{name: "the reader asks for the root", method: "GET", path: "/", lines: from(reader), want: 200},
		{name: "the reader writes", method: "POST", path: "/v1/orders", lines: from(reader), want: 403},
		{name: "the reader writes to the root", method: "DELETE", path: "/", lines: from(reader), want: 403},
		{name: "nothing", method: "GET", path: "/v1/orders", lines: from(), want: 401},
		{name: "in the query", method: "GET", path: "/v1/orders?access_token={token}", lines: from(), want: 200},
		{name: "header and query", method: "GET", path: "/v1/orders?access_token={token}", lines: from(reader), want: 401},
		// Of an upgrade Envoy sends method and path; Connection and Upgrade are its own affair.
		{name: "a WebSocket", method: "GET", path: "/v1/socket", lines: from(reader), want: 200},
		{name: "an upgrade that came along", method: "GET", path: "/v1/socket", lines: from(reader, "Connection: Upgrade", "Upgrade: websocket"), want: 200},
		// The path behind the prefix cannot climb out of it: another application's check is not reached.
		{name: "climbs", method: "GET", path: "/../../sandbox/echo/x", lines: from(), want: 401},
		{name: "climbs, encoded", method: "GET", path: "/..%2F..%2Fsandbox/echo", lines: from(), want: 401},
		{name: "climbs with a write", method: "POST", path: "/../backend", lines: from(reader), want: 403},
		{name: "double slashes", method: "POST", path: "//x", lines: from(reader), want: 403},
		// A target without a slash lands beside the API, on one that does not exist.
		{name: "OPTIONS *", method: "OPTIONS", path: "*", lines: from(reader), want: 403},
		// With more of a stranger's headers allowed than the configuration allows, nothing gets easier.
		{name: "a stranger's method", method: "POST", path: "/v1/orders", lines: from(reader, "X-Forwarded-Method: GET", "X-Original-Method: GET"), want: 403},
		{name: "a stranger's query", method: "GET", path: "/v1/orders", lines: from("X-Forwarded-Uri: /?access_token={token}"), want: 401},
	} {
		r.ask(t, s)
	}
}

// TestEnvoyScript runs the script of Envoy's configuration, which is Lua as HAProxy's
// is: of a caller's headers no alias is left, and what is none of ours stays.
func TestEnvoyScript(t *testing.T) {
	f := newFort(t, "")
	_, rest, _ := strings.Cut(f.files["Envoy"][0], "inline_string: |\n")
	script, _, ok := strings.Cut(rest, "  - name: envoy.filters.http.ext_authz")
	if !ok || !strings.Contains(script, "envoy_on_request") {
		t.Fatalf("no script in\n%s", f.files["Envoy"][0])
	}
	// Envoy hands its headers out as an object that can be walked through and removed from.
	script += `core.register_action("envoy", { "http-req" }, function(txn)
  local names = txn.http:req_get_headers()
  setmetatable(names, { __index = { remove = function(_, name) txn.http:req_del_header(name) end } })
  envoy_on_request({ headers = function() return names end })
end)`
	base := testkit.HAProxy(t, "http-request lua.envoy\ndefault_backend api\nbackend api\n server api "+strings.TrimPrefix(f.upstream.url, "http://"), script)
	rows := aliasAttacks()
	for _, row := range rows[:len(rows)-1] {
		if row.want != 200 {
			continue
		}
		a := knock(t, base, rawRequest("GET", "/", append(row.lines, "X-Custom: kept", "X-Forwarded-For: 198.51.100.7")...))
		got := f.upstream.take()
		if a.Status != 200 || len(got) != 1 || got[0].header.Get("X-Custom") != "kept" || got[0].header.Get("X-Forwarded-For") != "198.51.100.7" {
			t.Errorf("%s: status %d, the upstream got %q", row.name, a.Status, got)
			continue
		}
		if bad := foreign(got[0].header); len(bad) > 0 {
			t.Errorf("%s: the upstream sees %q", row.name, bad)
		}
	}
}
