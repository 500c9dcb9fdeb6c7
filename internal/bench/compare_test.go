package bench

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"claviger/internal/secret"
	"claviger/internal/testkit"
)

const (
	reason    = "because a benchmark needs it"
	verifying = "/verify/acme/orders/backend"
)

// house is a Claviger in a process of its own, and the peers beside it.
type house struct {
	*testkit.Process
	peer, upstream       string // addresses
	peerPID, upstreamPID int
	token                string
}

// newHouse starts all of it, on the servers' core; what stands behind gateways shares the load's.
func newHouse(t *testing.T) *house {
	t.Helper()
	testkit.Binary(t)           // with all cores
	t.Setenv("GOMAXPROCS", "1") // of all that is started here
	h := &house{}
	h.upstream, h.upstreamPID = startPeer(t, "")
	h.peer, h.peerPID = startPeer(t, "http://"+h.upstream)
	h.Process = testkit.Install(t, t.TempDir(), []string{"GOMAXPROCS=1"})
	h.must(t, "org", "add", "acme")
	h.must(t, "app", "add", "acme/orders")
	h.must(t, "api", "add", "acme/orders/backend", "--upstream", "builtin:echo")
	h.must(t, "api", "add", "acme/orders/real", "--upstream", "http://"+h.upstream)
	h.token = h.must(t, "token", "create", "acme/orders", "--label", "bench", "--reason", reason)
	h.Start()
	pin(t, h.upstreamPID, loadCore)
	pin(t, h.peerPID, serverCore)
	pin(t, h.PID(), serverCore)
	return h
}

func (h *house) must(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, code := h.Run("", args...)
	if code != 0 {
		t.Fatalf("claviger %s: exit code %d: %s", strings.Join(args, " "), code, stderr)
	}
	return strings.TrimSpace(stdout)
}

// get is a request as nginx would send it for forward-auth.
func get(path, authorization string) []byte { return getAt("bench", path, authorization) }

func getAt(host, path, authorization string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: " + authorization +
		"\r\nX-Original-Method: GET\r\nX-Original-URI: /\r\n\r\n")
}

func host(base string) string { return strings.TrimPrefix(base, "http://") }

// TestCompare prints what a verification costs beside servers that do less.
func TestCompare(t *testing.T) {
	h := newHouse(t)
	out := &report{}
	h.forwardAuth(t, out)
	h.introspection(t, out)
	h.gateways(t, out)
	h.behindNginx(t, out)
	out.print(t)
	if len(out.rows) < 6 {
		t.Errorf("%d rows, want at least 6", len(out.rows))
	}
}

// forwardAuth compares /verify with a server that does nothing, and with one that
// writes the same headers.
func (h *house) forwardAuth(t *testing.T, out *report) {
	console := host(h.ConsoleURL)
	token := "Bearer " + h.token
	strangers := make([][]byte, 1000)
	for i := range strangers {
		strangers[i] = get(verifying, "Bearer "+secret.Generate(secret.Token).Expose())
	}
	nothing := &side{name: "no-op", load: dial(t, h.peer, 204, get(bare, token)), pids: []int{h.peerPID}}
	same := &side{name: "no-op with headers", load: dial(t, h.peer, 200, get(headers, token)), pids: []int{h.peerPID}}
	valid := &side{name: "valid", load: dial(t, console, 200, get(verifying, token)), pids: []int{h.PID()}}
	unknown := &side{name: "unknown", load: dial(t, console, 401, strangers...), pids: []int{h.PID()}}
	takeTurns(t, nothing, same, valid, unknown)
	out.add(row{what: "Go's net/http, 204 and nothing else: **the no-op**", measured: nothing.String()})
	out.compare("no-op that writes the same headers, against the no-op", same, nothing, 0)
	out.compare("`/verify`, valid, against the no-op", valid, nothing, 0.60)
	out.compare("`/verify`, valid, against the no-op with the same headers", valid, same, 0.90)
	out.compare("`/verify`, unknown (1,000 of them), against the no-op", unknown, nothing, 0.70)
}

// introspection compares /oauth/introspect with a server that does nothing.
func (h *house) introspection(t *testing.T, out *report) {
	client := h.must(t, "client", "create", "acme/orders", "--label", "bench", "--reason", reason)
	id, password, _ := strings.Cut(client, ":")
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {password}}
	response, err := http.PostForm(h.ConsoleURL+"/oauth/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var granted struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&granted); err != nil || granted.Token == "" {
		t.Fatalf("no access token: %v", err)
	}
	ask := func(path, token string) []byte {
		body := "token=" + token
		return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Basic %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
			path, base64.StdEncoding.EncodeToString([]byte(client)), len(body), body)
	}
	nothing := &side{name: "no-op", load: dial(t, h.peer, 204, ask(bare, h.token)), pids: []int{h.peerPID}}
	access := &side{name: "access token", load: dial(t, host(h.ConsoleURL), 200, ask("/oauth/introspect", granted.Token)), pids: []int{h.PID()}}
	named := &side{name: "token", load: dial(t, host(h.ConsoleURL), 200, ask("/oauth/introspect", h.token)), pids: []int{h.PID()}}
	takeTurns(t, nothing, access, named)
	out.compare("introspection of an access token, against the no-op", access, nothing, 0.50)
	out.compare("introspection of a named token, against the no-op", named, nothing, 0.50)
}

// gateways compares the gateway with the least that a reverse proxy in Go is, and with
// Caddy where there is one.
func (h *house) gateways(t *testing.T, out *report) {
	token := "Bearer " + h.token
	ours := &side{name: "gateway", load: dial(t, host(h.GatewayURL), 200, get("/acme/orders/real"+kilo, token)), pids: []int{h.PID()}}
	least := &side{name: "ReverseProxy", load: dial(t, h.peer, 200, get(proxied, token)), pids: []int{h.peerPID}}
	sides := []*side{ours, least}
	if _, err := exec.LookPath("caddy"); err == nil {
		address, pids := h.started(t, func() string { return testkit.Caddy(t, "reverse_proxy "+h.upstream) })
		sides = append(sides, &side{name: "Caddy", load: dial(t, address, 200, getAt(address, kilo, token)), pids: pids})
	}
	for _, s := range sides {
		s.load.least = 1024
	}
	takeTurns(t, sides...)
	out.compare("gateway, 1 KB, against Go's ReverseProxy and nothing else", ours, least, 0.95)
	if len(sides) > 2 {
		out.compare("gateway, 1 KB, against Caddy's reverse_proxy ("+sides[2].String()+")", ours, sides[2], 1.70)
	}
}

// started runs something that starts processes, and pins them.
func (h *house) started(t *testing.T, start func() (base string)) (address string, pids []int) {
	before := map[int]bool{}
	for _, pid := range children(os.Getpid()) {
		before[pid] = true
	}
	base := start()
	for _, pid := range children(os.Getpid()) {
		if !before[pid] {
			pin(t, pid, serverCore)
			pids = append(pids, pid)
		}
	}
	return host(base), pids
}

// behindNginx compares what a request costs that nginx asks Claviger about with one
// that it asks a server about that does nothing.
func (h *house) behindNginx(t *testing.T, out *report) {
	if _, err := exec.LookPath("nginx"); err != nil {
		if _, err := os.Stat("/usr/sbin/nginx"); err != nil {
			t.Log("nginx is not installed: left out")
			return
		}
	}
	block := func(name, address, path string) string {
		return fmt.Sprintf(`
		location /%[1]s { auth_request /ask-%[1]s; try_files /none @done; }
		location = /ask-%[1]s {
			internal;
			proxy_pass http://%[1]s%[3]s;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_pass_request_body off;
			proxy_set_header Content-Length "";
			proxy_set_header X-Original-Method $request_method;
			proxy_set_header X-Original-URI $request_uri;
		}`, name, address, path)
	}
	blocks := "keepalive_requests 1000000000;" + block("ours", host(h.ConsoleURL), verifying) + block("nothing", h.peer, bare) + `
		location @done { default_type text/plain; return 200 "ok"; }
	}
	upstream ours { server ` + host(h.ConsoleURL) + `; keepalive 64; keepalive_requests 1000000000; }
	upstream nothing { server ` + h.peer + `; keepalive 64; keepalive_requests 1000000000; }
	server {
		listen 127.0.0.1:` + fmt.Sprint(testkit.FreePort(t)) + `;`
	address, pids := h.started(t, func() string { return testkit.Nginx(t, blocks) })
	token := "Bearer " + h.token
	ours := &side{name: "nginx → Claviger", load: dial(t, address, 200, get("/ours", token)), pids: append([]int{h.PID()}, pids...)}
	nothing := &side{name: "nginx → no-op", load: dial(t, address, 200, get("/nothing", token)), pids: append([]int{h.peerPID}, pids...)}
	takeTurns(t, ours, nothing)
	out.compare("nginx `auth_request` → `/verify`, against → the no-op ("+nothing.String()+", both processes)", ours, nothing, 0.90)
}
