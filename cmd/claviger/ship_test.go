package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// receiver is a webhook that tells of each request before it answers.
type receiver struct {
	*httptest.Server
	arrived chan func() // call it to have the request answered

	mu  sync.Mutex
	got []access.Event // in the order of their coming, again and again
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{arrived: make(chan func(), 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		for line := range bytes.Lines(body) {
			e, err := access.ParseEventLine(line)
			if err != nil {
				t.Error(err)
			}
			r.got = append(r.got, e)
		}
		r.mu.Unlock()
		answered := make(chan struct{})
		r.arrived <- sync.OnceFunc(func() { close(answered) })
		<-answered
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

// through returns the highest number up to which all events have come, and how many came twice. An event that comes before the
// one ahead of it has ever come is a gap.
func (r *receiver) through(t *testing.T) (seq int64, twice int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	chain := access.NewChain(access.EventHead{})
	for _, e := range r.got {
		if e.Seq <= seq {
			twice++
			continue
		}
		chain.Follow(e)
		seq = e.Seq
	}
	if chain.Broken > 0 {
		t.Errorf("shipped with gaps: %v", chain.Breaks)
	}
	return seq, twice
}

// eventually waits for something to come true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !is(); pauseShortly() {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func pauseShortly() { time.Sleep(5 * time.Millisecond) }

// lastSeq is the number of the last event in a file of lines, 0 if there is none.
func lastSeq(path string) int64 {
	text, err := os.ReadFile(path)
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if err != nil {
		return 0
	}
	e, err := access.ParseEventLine(lines[len(lines)-1])
	if err != nil {
		return 0
	}
	return e.Seq
}

// TestShippingSurvivesKills kills the server while a batch is on its way, after it has arrived and before that is known, and
// just after the answer. Everything arrives at both targets: at the webhook some twice, in the file each once.
func TestShippingSurvivesKills(t *testing.T) {
	t.Parallel()
	hook := newReceiver(t)
	file := filepath.Join(t.TempDir(), "events.jsonl")
	p := testkit.Install(t, t.TempDir(), []string{"CLAVIGER_AUDIT_SHIP_TO=file:" + file + ", " + hook.URL + "/events", "CLAVIGER_AUDIT_WEBHOOK_SECRET=0123456789abcdef"})
	acme(t, p)
	for i := range 4 {
		p.Start()
		must(t, p, "", "token", "create", "acme/orders", "--label", "ci", "--reason", reason)
		answer := <-hook.arrived
		if i%2 == 1 {
			answer() // and whether that was read is chance
		}
		p.Kill()
		answer()
	}
	p.Start()
	want := lastEvent(t, p)
	go func() {
		for answer := range hook.arrived {
			answer()
		}
	}()
	t.Cleanup(func() { hook.Server.Close(); close(hook.arrived) })
	eventually(t, "the webhook has everything", func() bool { seq, _ := hook.through(t); return seq >= want })
	eventually(t, "the file has everything", func() bool { return lastSeq(file) >= want })
	if _, twice := hook.through(t); twice == 0 {
		t.Error("nothing came twice: the kills came too late to show anything")
	}
	if out := must(t, p, "", "audit", "verify", "--file", file); !strings.HasPrefix(out, "ok: ") {
		t.Errorf("the file: %s", out)
	}
	if strings.Contains(p.Stderr(), "0123456789abcdef") {
		t.Error("the log tells the secret of the webhook")
	}
}

// lastEvent returns the number of an installation's last event.
func lastEvent(t *testing.T, p *testkit.Process) int64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "all.jsonl")
	must(t, p, "", "audit", "export", "--output", path)
	return lastSeq(path)
}

// shipping is what audit status says of the first target.
type shipping struct {
	Target, Last, Node    string
	Acknowledged, Waiting int64
}

func shippingOf(t *testing.T, p *testkit.Process) shipping {
	t.Helper()
	var status struct{ Targets []shipping }
	if err := json.Unmarshal([]byte(must(t, p, "", "audit", "status", "--json")), &status); err != nil || len(status.Targets) == 0 {
		t.Fatalf("audit status: %v, %+v", err, status)
	}
	return status.Targets[0]
}

// TestAnotherNodeShips: when the node that ships is killed, another one takes over, and leaves nothing out.
func TestAnotherNodeShips(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "events.jsonl")
	env := append(shared(testkit.SharedPostgres(t).EmptyDatabase(t), filepath.Join(t.TempDir(), "claviger.key")), "CLAVIGER_AUDIT_SHIP_TO=file:"+file)
	a := testkit.Start(t, t.TempDir(), env)
	acme(t, a)
	eventually(t, "the first node ships", func() bool { return lastSeq(file) > 0 })
	b := testkit.Start(t, t.TempDir(), env)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if s := shippingOf(t, b); s.Node != host || s.Target != "file:"+file {
		t.Errorf("while the first node ships: %+v, want %s", s, host)
	}
	a.Kill()
	must(t, b, "", "token", "create", "acme/orders", "--label", "ci", "--reason", reason)
	want := lastEvent(t, b)
	eventually(t, "nobody is known to ship", func() bool { s := shippingOf(t, b); return s.Node == "" || s.Waiting == 0 })
	eventually(t, "the second node ships", func() bool { return lastSeq(file) >= want })
	eventually(t, "that is told", func() bool { s := shippingOf(t, b); return s.Node == host && s.Acknowledged == want && s.Waiting == 0 })
	if out := must(t, b, "", "audit", "status"); !regexp.MustCompile(`(?m)^file:\S+ +event ` + fmt.Sprint(want) + ` +0 +20\S+ .*` + regexp.QuoteMeta(host) + `$`).MatchString(out) {
		t.Errorf("audit status: %s", out)
	}
	if log := b.Stderr(); !strings.Contains(log, "this server ships events") {
		t.Errorf("the second node does not say that it ships: %s", log)
	}
	if out := must(t, b, "", "audit", "verify", "--file", file); !strings.HasPrefix(out, "ok: ") {
		t.Errorf("the file: %s", out)
	}
}

// TestPruneRefusesWhatIsNotShipped: at the command line, too.
func TestPruneRefusesWhatIsNotShipped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := testkit.Install(t, dir, []string{"CLAVIGER_AUDIT_SHIP_TO=file:" + filepath.Join(dir, "events.jsonl")})
	acme(t, p)
	prune := func(output string) (string, int) {
		_, stderr, code := p.Run("", "audit", "export", "--until", "2100-01-01", "--output", output, "--prune", "--reason", reason)
		return stderr, code
	}
	if stderr, code := prune("a.jsonl"); code != 1 || !strings.Contains(stderr, "Wait until it has caught up") {
		t.Errorf("before anything was shipped: exit code %d: %s", code, stderr)
	}
	want := lastEvent(t, p)
	if s := shippingOf(t, p); s.Acknowledged != 0 || s.Waiting != want || s.Last != "" || s.Node != "" {
		t.Errorf("before anything was shipped: %+v, want %d that wait", s, want)
	}
	p.Start()
	eventually(t, "it is shipped", func() bool { return lastSeq(filepath.Join(dir, "events.jsonl")) >= want })
	eventually(t, "that is known", func() bool {
		_, code := prune(filepath.Join(t.TempDir(), "b.jsonl"))
		return code == 0
	})
}
