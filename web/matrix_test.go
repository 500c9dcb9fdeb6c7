package web_test

import (
	"slices"
	"strings"
	"testing"

	"claviger/internal/access"

	"github.com/google/go-cmp/cmp"
)

// attack is a row of the matrix: a request that tries to be somebody else, somewhere
// else or something else. In its texts {token}, {reader}, {office}, {basic}, {prefix}
// and {host} stand for what they name.
type attack struct {
	name   string
	as     string // whose credential: "" the token's, "reader", "office", "nobody"
	method string // "" is GET
	target string // "" is /v1/orders
	lines  []string
	body   string
	host   string // "" is the door's own
	// want is the status. 200: the upstream is called once, and sees exactly our
	// identity and no credential. Anything else: it is not called at all.
	want int
	// doors says where a door answers otherwise than want.
	doors map[string]int
	// seen is the target as the upstream sees it, by door; "" is for all. What is not
	// named arrives as it was sent.
	seen map[string]string
	// leaks names, by door, what passes though it should not, and why: the documented
	// exceptions.
	leaks map[string]string
}

// byItself stands for a door that answers 200 without asking the upstream.
const byItself = -200

// TestSpoofingMatrix sends every attack through every door: nginx, Caddy and HAProxy
// with the configurations of the page, and the gateway (security.md, S1 to S6).
func TestSpoofingMatrix(t *testing.T) {
	f := newFort(t, "").open(t)
	rows := slices.Concat(aliasAttacks(), hopAttacks(), originAttacks(), credentialAttacks(), pathAttacks(), methodAttacks(), wireAttacks())
	for _, d := range f.doors {
		t.Run(d.name, func(t *testing.T) {
			for _, row := range rows {
				f.attack(t, d, row, false)
			}
		})
	}
	// An open application answers with empty values: what a caller says must not take
	// their place (S2).
	f.setSwitches(t, func(w *access.Switches) { w.Open = true })
	for _, d := range f.doors {
		t.Run(d.name+" open", func(t *testing.T) {
			for _, row := range slices.Concat(aliasAttacks(), hopAttacks()) {
				row.as = "nobody"
				f.attack(t, d, row, true)
			}
		})
	}
	if len(rows) < 90 {
		t.Errorf("only %d attacks", len(rows))
	}
}

// attack runs one cell.
func (f *fort) attack(t *testing.T, d door, row attack, open bool) {
	t.Helper()
	want, ok := row.doors[d.name]
	if !ok {
		want = row.want
	}
	f.upstream.take()
	a := knock(t, d.base, f.fill(row.text(d), d))
	got := f.upstream.take()
	if a.Status != max(want, -want) {
		t.Errorf("%s: status %d, want %d: %.200s", row.name, a.Status, want, a.Body)
		return
	}
	if want != 200 {
		if len(got) != 0 {
			t.Errorf("%s: status %d, and the upstream got %q", row.name, a.Status, got)
		}
		if want == 401 && !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), `Bearer realm="Claviger"`) {
			t.Errorf("%s: challenge %q", row.name, a.Header.Values("WWW-Authenticate"))
		}
		return
	}
	if len(got) != 1 {
		t.Errorf("%s: the upstream got %d requests: %q", row.name, len(got), got)
		return
	}
	f.judge(t, d, row, got[0], open)
}

// judge compares what arrived with what may.
func (f *fort) judge(t *testing.T, d door, row attack, got arrived, open bool) {
	t.Helper()
	sent := row.target
	if sent == "" {
		sent = "/v1/orders"
	}
	if seen, ok := row.seen[""]; ok {
		sent = seen
	}
	if seen, ok := row.seen[d.name]; ok {
		sent = seen
	}
	if sent = f.fill(sent, door{}); got.target != sent {
		t.Errorf("%s: arrives as %q, want %q", row.name, got.target, sent)
	}
	if method := row.methodOr(); got.method != method {
		t.Errorf("%s: arrives as %s", row.name, got.method)
	}
	wanted := f.identityOf(f.tokenID, "till")
	if row.as == "reader" || open {
		wanted = nil // judged by the values below
	}
	identity := map[string][]string{}
	for name, values := range got.header {
		leak := row.leaks[d.name] == name
		if strings.HasPrefix(strings.ToLower(name), "x-auth-") && !leak {
			identity[name] = values
		}
		if !leak {
			for _, value := range values {
				if strings.Contains(value, "spoofed") || strings.Contains(value, f.token) || strings.Contains(value, f.reader) || strings.Contains(value, f.password) {
					t.Errorf("%s: the upstream sees %s: %s", row.name, name, value)
				}
			}
		}
	}
	if diff := cmp.Diff(wanted, identity); wanted != nil && diff != "" {
		t.Errorf("%s: identity (-want +got):\n%s", row.name, diff)
	}
	if open && (got.header.Get("X-Auth-Kind") != "anonymous" || strings.Join(slices.Concat(got.header["X-Auth-Subject"], got.header["X-Auth-Credential"], got.header["X-Auth-Label"]), "") != "") {
		t.Errorf("%s: open, and the upstream sees %v", row.name, identity)
	}
	if row.as == "reader" && (len(identity["X-Auth-Scope"]) != 1 || identity["X-Auth-Scope"][0] != "*:read") {
		t.Errorf("%s: the reader's identity is %v", row.name, identity)
	}
	if got.header.Get("Authorization") != "" || got.header.Get("Proxy-Authorization") != "" {
		t.Errorf("%s: the upstream sees a credential: %q", row.name, got.lines)
	}
}

func (row attack) methodOr() string {
	if row.method == "" {
		return "GET"
	}
	return row.method
}

// text is the request as it goes over the wire.
func (row attack) text(d door) string {
	target, host := row.target, row.host
	if target == "" {
		target = "/v1/orders"
	}
	if strings.HasPrefix(target, "/") {
		target = "{prefix}" + target
	}
	if host == "" {
		host = "{host}"
	}
	var b strings.Builder
	b.WriteString(row.methodOr() + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n")
	switch row.as {
	case "":
		b.WriteString("Authorization: Bearer {token}\r\n")
	case "reader", "office":
		b.WriteString("Authorization: Bearer {" + row.as + "}\r\n")
	}
	closes := false
	for _, line := range row.lines {
		b.WriteString(line + "\r\n")
		closes = closes || strings.HasPrefix(strings.ToLower(line), "connection:")
	}
	if !closes {
		b.WriteString("Connection: close\r\n")
	}
	return b.String() + "\r\n" + row.body
}

func (f *fort) fill(text string, d door) string {
	_, host, _ := strings.Cut(d.base, "//")
	return strings.NewReplacer(
		"{token}", f.token, "{reader}", f.reader, "{office}", f.office, "{basic}", strings.TrimPrefix(pair(f.username, f.password), "Basic "),
		"{prefix}", d.prefix, "{host}", host,
	).Replace(text)
}
