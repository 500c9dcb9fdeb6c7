package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
	"claviger/store"
)

const (
	owner = "owner@example.com"

	// A page may take a millisecond on the machine on which the no-op takes 9.3 µs of CPU.
	pageTarget = 107
)

// TestPage prints what the pages of an application with many tokens cost: the Manage API
// page with each of the fifty that it shows used in every hour of the day, or never, and the
// pages around it.
func TestPage(t *testing.T) {
	testkit.Binary(t) // with all cores
	t.Setenv("GOMAXPROCS", "1")
	n := slices.Max(sizes(t))
	h := &house{Process: testkit.Install(t, t.TempDir(), []string{"GOMAXPROCS=1"})}
	h.must(t, "org", "add", "acme")
	h.must(t, "app", "add", "acme/orders")
	if _, stderr, code := h.Run(testkit.Password+"\n", "user", "add", owner, "--org", "acme", "--role", "owner"); code != 0 {
		t.Fatalf("add a user: %s", stderr)
	}
	fill(t, h.Process, n, 0)
	use(t, h.Process, n)
	h.peer, h.peerPID = startPeer(t, "http://127.0.0.1:1")
	h.Start()
	pin(t, h.peerPID, serverCore)
	pin(t, h.PID(), serverCore)
	cookies := h.signIn(t)
	nothing := &side{name: "no-op", load: dial(t, h.peer, 204, get(bare, "Bearer none")), pids: []int{h.peerPID}}
	const app = "/orgs/acme/apps/orders"
	last := tokenID(n - 1)
	var pages []*side
	for _, p := range []struct{ name, path string }{
		{"*Manage API*, each token used in every hour of the day", app + "/manage-api"},
		{"*Manage API*, each token never used", app + "/manage-api?after=" + cursor(n-2*access.TokensPage)},
		{"its paused tokens, of which there are none", app + "/manage-api?state=paused"},
		{"a token's own page", app + "/manage-api/tokens/" + last},
		{"the question before a token is revoked", app + "/manage-api/tokens/revoke?id=" + last},
		{"the application's page", app},
		{"the organization's page", "/orgs/acme"},
		{"its activity", "/orgs/acme/activity"},
		{"its members", "/orgs/acme/members"},
		{"the settings of the application", app + "/settings"},
		{"one's profile", "/profile"},
	} {
		s := &side{name: p.name, load: dialSome(t, 1, host(h.ConsoleURL), 200, getPage(p.path, cookies)), pids: []int{h.PID()}}
		s.load.least = 2000
		pages = append(pages, s)
	}
	out := &report{}
	takeTurns(t, append([]*side{nothing}, pages...)...)
	for _, page := range pages {
		out.most(fmt.Sprintf("%s, %d tokens, against the no-op (CPU)", page.name, n),
			page.String()+" against "+nothing.String(), page.each()/nothing.each(), pageTarget, " ×")
	}
	out.print(t)
}

// use gives the newest tokens of a server that does not run calls in each of the last 24 hours.
func use(t *testing.T, p *testkit.Process, n int) {
	t.Helper()
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{Path: filepath.Join(p.DataDir, "claviger.db")})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	err = s.Note(ctx, func(tx access.NoteTx) error {
		target, err := tx.Target("acme", "orders")
		if err != nil {
			return err
		}
		var uses []access.Use
		for i := max(0, n-access.TokensPage-1); i < n; i++ {
			for hour := range 24 {
				at := now.Add(-time.Duration(hour) * time.Hour)
				uses = append(uses, access.Use{
					CredentialID: tokenID(i), ApplicationID: target.Application.ID, Own: true, Minute: at.Truncate(time.Minute),
					Accepted: 7, At: at, Address: "10.0.0.1", Agent: "curl/8", API: "backend", Method: "GET",
				})
			}
		}
		return tx.AddUses(uses)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// signIn returns the cookies of an owner who is elevated.
func (h *house) signIn(t *testing.T) []*http.Cookie {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, step := range []struct {
		path string
		form url.Values
	}{
		{"/sign-in", url.Values{"email": {owner}, "password": {testkit.Password}}},
		{"/elevate", url.Values{"scope": {"acme"}, "reason": {reason}, "minutes": {"60"}, "password": {testkit.Password}}},
	} {
		response, err := client.PostForm(h.ConsoleURL+step.path, step.form)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: status %d", step.path, response.StatusCode)
		}
	}
	console, err := url.Parse(h.ConsoleURL)
	if err != nil {
		t.Fatal(err)
	}
	return jar.Cookies(console)
}

func getPage(path string, cookies []*http.Cookie) []byte {
	pairs := make([]string, len(cookies))
	for i, c := range cookies {
		pairs[i] = c.Name + "=" + c.Value
	}
	return []byte("GET " + path + " HTTP/1.1\r\nHost: bench\r\nAccept-Encoding: gzip\r\nCookie: " + strings.Join(pairs, "; ") + "\r\n\r\n")
}
