package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"claviger/internal/access"
	"claviger/internal/testkit"

	"github.com/google/go-cmp/cmp"
)

// TestProxiesLetIn: the upstream sees the request as it was, below its own path, the
// identity, and no credential.
func TestProxiesLetIn(t *testing.T) {
	f := newFort(t, "/base").open(t)
	basicIdentity := f.identityOf(f.tokenID, "Basic%20credentials")
	var basicID string
	if err := f.Store.View(t.Context(), func(tx access.ReadTx) error {
		c, err := tx.BasicOf(f.app.ID)
		basicID = c.ID
		return err
	}); err != nil {
		t.Fatal(err)
	}
	basicIdentity["X-Auth-Kind"], basicIdentity["X-Auth-Credential"], basicIdentity["X-Auth-Subject"] = []string{"basic"}, []string{basicID}, []string{f.username}
	// The gateway says nothing of a caller that speaks as a proxy and is none.
	from := map[string]string{"nginx": "127.0.0.2", "Caddy": "127.0.0.2", "HAProxy": "127.0.0.2"}
	for authorization, want := range map[string]map[string][]string{
		"Bearer " + f.token:          f.identityOf(f.tokenID, "till"),
		pair(f.username, f.password): basicIdentity,
	} {
		for _, d := range f.doors {
			for _, method := range []string{"GET", "POST", "DELETE", "OPTIONS", "PATCH"} {
				a := knock(t, d.base, rawRequest(method, d.prefix+"/v1/orders?x=1&y=%2F", "Authorization: "+authorization, "X-Custom: kept", "X-Forwarded-For: 203.0.113.9", "Content-Length: 4")+"body")
				got := f.upstream.take()
				if a.Status != 200 || a.Header.Get("X-Upstream") != "yes" || len(got) != 1 {
					t.Errorf("%s, %s: status %d, the upstream got %q", d, method, a.Status, got)
					continue
				}
				if got[0].method != method || got[0].target != "/base/v1/orders?x=1&y=%2F" || got[0].body != "body" {
					t.Errorf("%s, %s: arrives as %s %s with %q", d, method, got[0].method, got[0].target, got[0].body)
				}
				if diff := cmp.Diff(want, identityIn(got[0].header)); diff != "" {
					t.Errorf("%s, %s: identity (-want +got):\n%s", d, method, diff)
				}
				if h := got[0].header; h.Get("Authorization") != "" || h.Get("X-Custom") != "kept" || h.Get("X-Forwarded-For") != from[d.name] {
					t.Errorf("%s, %s: the upstream sees %q", d, method, got[0].lines)
				}
			}
		}
	}
}

// TestProxiesPassWebSocket: and nothing else by Connection.
func TestProxiesPassWebSocket(t *testing.T) {
	f := newFort(t, "").open(t)
	for _, d := range f.doors {
		connection, err := net.Dial("tcp", strings.TrimPrefix(d.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = connection.Close() }()
		_, _ = fmt.Fprintf(connection, "GET %s/socket HTTP/1.1\r\nHost: %s\r\nConnection: keep-alive, Upgrade, X-Auth-Subject\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nX-Auth-Subject: spoofed\r\nAuthorization: Bearer %s\r\n\r\n", d.prefix, strings.TrimPrefix(d.base, "http://"), f.token)
		reader := bufio.NewReader(connection)
		response, err := http.ReadResponse(reader, nil)
		if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("%s: answer %v (%v)", d, response, err)
			continue
		}
		_, _ = io.WriteString(connection, "hello\n")
		if line, err := reader.ReadString('\n'); line != "hello\n" {
			t.Errorf("%s: got %q (%v)", d, line, err)
		}
		got := f.upstream.take()
		if len(got) != 1 {
			t.Fatalf("%s: the upstream got %q", d, got)
		}
		if diff := cmp.Diff(f.identityOf(f.tokenID, "till"), identityIn(got[0].header)); diff != "" || got[0].header.Get("Authorization") != "" {
			t.Errorf("%s: the upstream sees %q (-want +got):\n%s", d, got[0].lines, diff)
		}
		if hops := got[0].header.Values("Connection"); len(hops) != 1 || !strings.EqualFold(hops[0], "upgrade") {
			t.Errorf("%s: Connection: %q", d, hops)
		}
	}
}

// TestProxiesRefusals: what a caller is told. nginx shows its own page; the others
// pass Claviger's problem on.
func TestProxiesRefusals(t *testing.T) {
	f := newFort(t, "").open(t)
	for _, d := range f.doors {
		for _, c := range []struct {
			method, authorization, want string
			status                      int
		}{
			{"GET", "Bearer x", `error="invalid_token"`, 401},
			{"DELETE", "Bearer " + f.reader, `error="insufficient_scope"`, 403},
		} {
			a := knock(t, d.base, rawRequest(c.method, d.prefix+"/", "Authorization: "+c.authorization))
			if a.Status != c.status || !strings.Contains(a.Header.Get("WWW-Authenticate"), c.want) {
				t.Errorf("%s: status %d, challenge %q", d, a.Status, a.Header.Values("WWW-Authenticate"))
			}
			if d.name != "nginx" && (a.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(a.Body, "urn:claviger:problem:")) {
				t.Errorf("%s: %q %q", d, a.Header.Get("Content-Type"), a.Body)
			}
		}
		a := knock(t, d.base, rawRequest("HEAD", d.prefix+"/"))
		if a.Status != 401 || a.Body != "" {
			t.Errorf("%s: HEAD: status %d, body %q", d, a.Status, a.Body)
		}
	}
}

// TestProxiesFailClosed: without Claviger, or without its database, the proxy refuses.
func TestProxiesFailClosed(t *testing.T) {
	f := newFort(t, "").open(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(f.ConsoleURL, "http://"), ":")
	elsewhere := strconv.Itoa(testkit.FreePort(t))
	// What was let in before is remembered; the database is needed for another one.
	request := rawRequest("GET", "/", "Authorization: Bearer "+f.Token("acme", "orders", "another", "").Secret.Expose())
	for _, d := range f.doors[:3] {
		if a := knock(t, d.base, rawRequest("GET", "/", "Authorization: Bearer "+f.token)); a.Status != 200 {
			t.Fatalf("%s: status %d while all is well", d, a.Status)
		}
	}
	if err := f.Store.Close(); err != nil {
		t.Fatal(err)
	}
	f.upstream.take()
	for _, d := range f.doors[:3] {
		var alone []string
		for _, file := range f.files[d.name] {
			alone = append(alone, strings.ReplaceAll(file, ":"+port, ":"+elsewhere))
		}
		if alone[0] == f.files[d.name][0] {
			t.Fatalf("the configuration does not name the console:\n%s", alone[0])
		}
		for why, base := range map[string]string{"no database": d.base, "no Claviger": proxies[d.name](t, alone)} {
			a := knock(t, base, request)
			if got := f.upstream.take(); a.Status < 500 || len(got) != 0 {
				t.Errorf("%s, %s: status %d, the upstream got %q", d, why, a.Status, got)
			}
		}
	}
}

// TestHAProxyFailsClosedWithItsScript: HAProxy goes on with a request whose script
// failed, and the line after the call refuses it.
func TestHAProxyFailsClosedWithItsScript(t *testing.T) {
	f := newFort(t, "")
	files := f.files["HAProxy"]
	broken := strings.Replace(files[1], "local function claviger(txn, address)\n", "local function claviger(txn, address)\n  error(\"broken\")\n", 1)
	if broken == files[1] {
		t.Fatal("the script has another shape")
	}
	a := knock(t, testkit.HAProxy(t, files[0], broken), rawRequest("GET", "/", "Authorization: Bearer "+f.token))
	if got := f.upstream.take(); a.Status != 503 || len(got) != 0 {
		t.Errorf("status %d, the upstream got %q", a.Status, got)
	}
}

// TestProxyFiles: what the page shows for those that are not run here, and the script
// that the documentation links to.
func TestProxyFiles(t *testing.T) {
	f := newFort(t, "/base")
	for _, name := range []string{"Traefik", "Envoy"} {
		text := strings.Join(f.files[name], "\n---\n") + "\n"
		text = strings.NewReplacer(strings.TrimPrefix(f.ConsoleURL, "http://"), "console.test:8080", strings.TrimPrefix(f.upstream.url, "http://"), "upstream.test:3000",
			"port_value: "+portOf(f.ConsoleURL), "port_value: 8080", "port_value: "+portOf(f.upstream.url), "port_value: 3000").Replace(text)
		golden(t, strings.ToLower(name)+".txt", text)
	}
	script, err := os.ReadFile("proxies/claviger.lua")
	if err != nil {
		t.Fatal(err)
	}
	if f.files["HAProxy"][1] != strings.TrimSpace(string(script)) {
		t.Error("the page shows another script than web/proxies/claviger.lua")
	}
	for name, files := range f.files {
		for _, file := range files {
			if strings.Contains(file, f.token) || strings.Contains(file, f.password) {
				t.Errorf("%s: a secret is on the page", name)
			}
		}
	}
}

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// TestProxiesTellALimit: a credential above its limit is told so with 429 and when to
// come back, also by nginx, which knows no such answer of a check. Other 403s stay.
func TestProxiesTellALimit(t *testing.T) {
	f := newFort(t, "").open(t)
	scopes, err := access.ParseScopes("*:read")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.doors {
		draft := access.Draft{Label: "slow", Scopes: scopes, Limit: access.LimitDraft{Rate: "1", Burst: "1"}}
		issued, err := f.Registry.IssueToken(t.Context(), f.Operator(), "acme", "orders", draft)
		if err != nil {
			t.Fatal(err)
		}
		authorization := "Authorization: Bearer " + issued.Secret.Expose()
		if a := knock(t, d.base, rawRequest("DELETE", d.prefix+"/", authorization)); a.Status != 403 || a.Header.Get("Retry-After") != "" {
			t.Errorf("%s: a write: status %d, Retry-After %q", d, a.Status, a.Header.Get("Retry-After"))
		}
		if a := knock(t, d.base, rawRequest("GET", d.prefix+"/", authorization)); a.Status != 200 {
			t.Errorf("%s: the first: status %d", d, a.Status)
		}
		f.upstream.take()
		a := knock(t, d.base, rawRequest("GET", d.prefix+"/", authorization))
		if got := f.upstream.take(); a.Status != 429 || len(got) != 0 {
			t.Errorf("%s: the second: status %d, the upstream got %q", d, a.Status, got)
		}
		if a.Header.Get("Retry-After") != "1" || a.Header.Get("RateLimit") == "" || a.Header.Get("RateLimit-Policy") == "" {
			t.Errorf("%s: headers %v", d, a.Header)
		}
	}
}
