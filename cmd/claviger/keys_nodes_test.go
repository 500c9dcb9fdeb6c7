package main_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"claviger/internal/testkit"
)

// rotation is two servers on one database, and callers who present a token and Basic at each of their listeners.
type rotation struct {
	t            *testing.T
	a, b         *testkit.Process
	keyA, keyB   string // their key files: one, or copies
	token, basic string
	made         []string // tokens that were made in between
	calls        atomic.Int64
}

func newRotation(t *testing.T, keyA, keyB string) *rotation {
	t.Helper()
	database := testkit.SharedPostgres(t).EmptyDatabase(t)
	r := &rotation{t: t, keyA: keyA, keyB: keyB, a: testkit.Install(t, t.TempDir(), shared(database, keyA)), b: testkit.Install(t, t.TempDir(), shared(database, keyB))}
	acme(t, r.a) // makes the key file
	r.handOver()
	r.token = must(t, r.a, "", "token", "create", "acme/orders", "--label", "steady", "--reason", reason)
	r.basic = must(t, r.a, "", "app", "show", "acme/orders", "--reveal-basic", "--reason", reason)
	r.a.Start()
	r.b.Start()
	return r
}

// handOver copies the key file from a to b, in one move, where each has its own.
func (r *rotation) handOver() {
	r.t.Helper()
	if r.keyA == r.keyB {
		return
	}
	text, err := os.ReadFile(r.keyA)
	if err == nil {
		err = os.WriteFile(r.keyB+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(r.keyB+".new", r.keyB)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// hangup has both read their files now.
func (r *rotation) hangup() {
	r.t.Helper()
	for _, p := range []*testkit.Process{r.a, r.b} {
		if err := syscall.Kill(p.PID(), syscall.SIGHUP); err != nil {
			r.t.Fatal(err)
		}
	}
}

// load calls both servers by all doors until stop is called. Whatever is not answered 200 fails the test.
func (r *rotation) load() (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	var wait sync.WaitGroup
	for _, p := range []*testkit.Process{r.a, r.b} {
		for _, authorization := range []string{"Bearer " + r.token, basicAuth(r.basic)} {
			wait.Go(func() {
				client := &http.Client{Transport: &http.Transport{}}
				defer client.CloseIdleConnections()
				for n := 0; ctx.Err() == nil; n++ {
					url := []string{p.ConsoleURL + "/verify/acme/orders/backend", p.GatewayURL + "/acme/orders/backend/x"}[n%2]
					if status := statusOf(ctx, client, url, authorization); status != http.StatusOK && ctx.Err() == nil {
						r.t.Errorf("%s is answered %d by %s", authorization[:7], status, url)
						return
					}
					r.calls.Add(1)
					pauseShortly()
				}
			})
		}
	}
	return sync.OnceFunc(func() { cancel(); wait.Wait() })
}

// make makes a token on a node and presents all that were made so far to both: each knows what the other one makes.
func (r *rotation) make(who *person, on *testkit.Process) {
	r.t.Helper()
	who.base = on.ConsoleURL
	token, _, err := who.createToken(fmt.Sprint("made ", len(r.made)))
	if err != nil || token == "" {
		r.t.Fatalf("make a token: %q, %v", token, err)
	}
	r.made = append(r.made, token)
	for i, token := range r.made {
		for _, p := range []*testkit.Process{r.a, r.b} {
			if status, body, err := present(p.ConsoleURL+"/verify/acme/orders/backend", "Bearer "+token); err != nil || status != http.StatusOK {
				r.t.Errorf("token %d at %s: %d, %v: %s", i, p.ConsoleURL, status, err, body)
			}
		}
	}
}

// refused runs a command of a's that has to fail with a reason, and to leave the keys as they are.
func (r *rotation) refused(want string, words ...string) {
	r.t.Helper()
	before, err := os.ReadFile(r.keyA)
	if err != nil {
		r.t.Fatal(err)
	}
	_, stderr, code := r.a.Run("", append(words, "--reason", reason)...)
	if code != 1 || !strings.Contains(stderr, want) || !strings.Contains(stderr, "Copy the key file there") {
		r.t.Errorf("%v: exit code %d, want 1 and %q: %s", words, code, want, stderr)
	}
	if after, err := os.ReadFile(r.keyA); err != nil || string(after) != string(before) {
		r.t.Errorf("%v was refused and has changed the key file (%v)", words, err)
	}
}

// TestRotationOnTwoNodes (S18): two servers share a database, with one key file or a copy each, and the key is rotated and
// the old one retired while both are called and both make tokens: nothing is refused or fails. Where a server has not read
// the new key, or still uses the old one, the step is refused and says which server that is.
func TestRotationOnTwoNodes(t *testing.T) {
	for name, copies := range map[string]bool{"one key file": false, "a copy each": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keyA := filepath.Join(t.TempDir(), "claviger.key")
			keyB := keyA
			if copies {
				keyB = filepath.Join(t.TempDir(), "claviger.key")
			}
			r := newRotation(t, keyA, keyB)
			who := elevated(t, r.a, owner, testkit.Password)
			stop := r.load()
			defer stop()
			old := keysOf(t, r.a)["primary"].ID
			r.make(who, r.b)
			must(t, r.a, "", "keys", "prepare", "--reason", reason)
			if copies {
				r.refused("has not been read by", "keys", "rotate")
				r.handOver()
			}
			must(t, r.a, "", "keys", "rotate", "--reason", reason) // which waits until both have read the key
			now := keysOf(t, r.a)["primary"]
			if now.ID == old || now.Servers != 2 || now.ReadBy != 2 {
				t.Errorf("rotated: %+v", now)
			}
			r.make(who, r.a)
			r.make(who, r.b) // with a copy of its own it still makes them with the old key
			if copies {
				r.refused("still makes credentials with it", "keys", "retire", old)
				r.handOver()
			}
			r.hangup()
			eventually(t, "the old key can be retired", func() bool {
				r.make(who, r.b)
				_, stderr, code := r.a.Run("", "keys", "retire", old, "--reason", reason)
				return code == 0 || !strings.Contains(stderr, "is kept")
			})
			r.handOver()
			r.hangup()
			eventually(t, "both servers have one key", func() bool {
				keys := keysOf(t, r.a)
				return len(keys) == 1 && keys["primary"].ID == now.ID && keys["primary"].ReadBy == 2
			})
			r.make(who, r.a)
			stop()
			t.Logf("%d calls with a token and Basic on two servers, none refused", r.calls.Load())
		})
	}
}

// TestRotationWaitsForNoServerThatIsGone: one that was killed has no say any more; on its next start it has to have the
// right key file.
func TestRotationWaitsForNoServerThatIsGone(t *testing.T) {
	t.Parallel()
	r := newRotation(t, filepath.Join(t.TempDir(), "claviger.key"), filepath.Join(t.TempDir(), "claviger.key"))
	r.b.Kill()
	must(t, r.a, "", "keys", "prepare", "--reason", reason)
	began := time.Now()
	must(t, r.a, "", "keys", "rotate", "--reason", reason)
	t.Logf("rotated %s after the other server was killed", time.Since(began).Round(time.Millisecond))
	if err := r.b.TryStart(); err == nil || !strings.Contains(r.b.Stderr(), "is not in the key file") {
		t.Errorf("the other server with the old key file: %v, want that it refuses to start: %s", err, r.b.Stderr())
	}
	r.handOver()
	r.b.Start()
	if status, body, err := present(r.b.GatewayURL+"/acme/orders/backend/x", basicAuth(r.basic)); err != nil || status != http.StatusOK {
		t.Errorf("Basic at the other server with the right key file: %d, %v: %s", status, err, body)
	}
}
