package main_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// crashWriters are those who create and revoke by forms; beside them one disables Basic and one uses the command line.
const crashWriters = 6

// dose returns how often a fault is tried: a little in every run of the tests, and much where CRASH_KILLS is set, as make
// test-crash does.
func dose(t *testing.T, small, full int) int {
	t.Helper()
	text := os.Getenv("CRASH_KILLS")
	if text == "" {
		return small
	}
	if n, err := strconv.Atoi(text); err != nil || n < 1 {
		t.Fatalf("CRASH_KILLS=%q is no number of kills", text)
	}
	return full
}

// kills is how often TestCrash kills.
func kills(t *testing.T, small int) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("CRASH_KILLS"))
	if err != nil {
		n = 0
	}
	return dose(t, small, n)
}

// TestCrash kills the real server (SIGKILL) at random moments under eight writers, as often as CRASH_KILLS says. After each
// restart nothing that was acknowledged is missing: tokens that were made open the API, those that were revoked and Basic
// credentials that were disabled do not. At the end the chain of events is whole and has an event for each of those acts.
func TestCrash(t *testing.T) { newCrash(t, nil).killed(t, kills(t, 5), nil) }

// TestCrashOnPostgreSQL does the same to one of two servers on one database. The other one, which serves all the while,
// sees all that was acknowledged, too.
func TestCrashOnPostgreSQL(t *testing.T) {
	database := testkit.SharedPostgres(t).EmptyDatabase(t)
	env := shared(database, filepath.Join(t.TempDir(), "claviger.key"))
	c := newCrash(t, env)
	c.database = database
	other := testkit.Start(t, t.TempDir(), env)
	c.killed(t, kills(t, 2), other)
}

func newCrash(t *testing.T, env []string) *crash {
	t.Helper()
	return newCrashAt(t, t.TempDir(), env)
}

func newCrashAt(t *testing.T, dir string, env []string) *crash {
	t.Helper()
	c := &crash{p: testkit.Install(t, dir, env), tokens: map[string]*crashToken{}, recorded: map[access.Act][]string{}, refused: map[int]int{}}
	acme(t, c.p)
	return c
}

// signIn starts the server, has n people sign in, and makes a token that nobody revokes.
func (c *crash) signIn(t *testing.T, n int) {
	t.Helper()
	c.p.Start()
	for range n {
		c.people = append(c.people, elevated(t, c.p, owner, testkit.Password))
	}
	token, id, err := c.people[0].createToken("stays good")
	if err != nil || token == "" {
		t.Fatalf("make a token: %v", err)
	}
	c.acknowledge(id, token, -1)
}

func (c *crash) killed(t *testing.T, kills int, other *testkit.Process) {
	c.signIn(t, crashWriters+1)
	var ready []time.Duration
	for round := range kills {
		app := fmt.Sprintf("round-%d", round)
		must(t, c.p, "", "app", "add", "acme/"+app)
		must(t, c.p, "", "api", "add", "acme/"+app+"/backend", "--upstream", "builtin:echo")
		c.basic = append(c.basic, &crashBasic{app: app, pair: must(t, c.p, "", "app", "show", "acme/"+app, "--reveal-basic", "--reason", reason)})
		c.writeUntilKilled(t, round)
		if other != nil {
			c.check(t, other, round)
		}
		began := time.Now()
		c.p.Start()
		ready = append(ready, time.Since(began))
		c.check(t, c.p, round)
	}
	c.checkAll(t)
	made, revoked, disabled := c.counts()
	t.Logf("%d kills: %d tokens made, %d revoked, %d Basic disabled, acknowledged, 0 lost; from start to ready again: %s",
		kills, made, revoked, disabled, readiness(t, ready))
	if made < kills {
		t.Errorf("only %d tokens were made in %d rounds: nothing was tried", made, kills)
	}
}

// crash is what was acknowledged so far.
type crash struct {
	p        *testkit.Process
	database string // of PostgreSQL; empty = SQLite
	people   []*person

	mu       sync.Mutex
	tokens   map[string]*crashToken // by id
	order    []string               // ids, as they were made
	basic    []*crashBasic          // one a round
	recorded map[access.Act][]string
	refused  map[int]int // acts that were not done, by status; 0 = no answer
}

// crashToken is a token whose making was acknowledged. Between asking for its end and the acknowledgement both is right.
type crashToken struct {
	token          string
	round          int
	asked, revoked bool
	at             time.Time // of the acknowledgement
}

type crashBasic struct {
	app, pair       string
	asked, disabled bool
}

// writeUntilKilled lets everybody write and kills the server in the middle.
func (c *crash) writeUntilKilled(t *testing.T, round int) {
	var wait sync.WaitGroup
	dead := make(chan struct{})
	alive := func() bool {
		select {
		case <-dead:
			return false
		default:
			return true
		}
	}
	for i, who := range c.people[:crashWriters] {
		wait.Go(func() {
			for n := 0; alive() && c.write(who, round, fmt.Sprintf("round %d writer %d token %d", round, i, n)) == http.StatusOK; n++ {
			}
		})
	}
	wait.Go(func() { c.disable(c.people[crashWriters], c.basic[round]) })
	wait.Go(func() {
		for n := 0; alive(); n++ {
			if !c.command(round, fmt.Sprintf("round %d command %d", round, n)) {
				return
			}
		}
	})
	<-time.After(time.Duration(20+rand.IntN(300)) * time.Millisecond) // the random moment
	c.p.Kill()
	close(dead)
	wait.Wait()
}

// write makes a token and revokes every other one. It returns 200, or how the act was answered that was not done.
func (c *crash) write(who *person, round int, label string) int {
	status, body, err := who.post(orders+"/tokens", "label", label, "expires", "90d")
	token, id := made(body)
	if err != nil || status != http.StatusOK || token == "" {
		return c.refuse(status)
	}
	c.acknowledge(id, token, round)
	if id[len(id)-1]%2 == 0 {
		return status
	}
	return c.revoke(who, id)
}

func (c *crash) revoke(who *person, id string) int {
	c.ask(id)
	status, _, err := who.post(orders+"/tokens/revoke", "id", id)
	if err != nil || status != http.StatusSeeOther {
		return c.refuse(status)
	}
	c.revoked(id)
	return http.StatusOK
}

func (c *crash) refuse(status int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused[status]++
	return status
}

// command does the same at the command line: in the server, or, once that is dead, by itself.
func (c *crash) command(round int, label string) bool {
	stdout, _, code := c.p.Run("", "token", "create", "acme/orders", "--label", label, "--reason", reason, "--json")
	var made struct{ ID, Token string }
	if code != 0 || json.Unmarshal([]byte(stdout), &made) != nil || made.Token == "" {
		return false
	}
	c.acknowledge(made.ID, made.Token, round)
	c.ask(made.ID)
	if _, _, code = c.p.Run("", "token", "revoke", made.ID, "--reason", reason); code != 0 {
		return false
	}
	c.revoked(made.ID)
	return true
}

func (c *crash) acknowledge(id, token string, round int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens[id] = &crashToken{token: token, round: round}
	c.order = append(c.order, id)
	c.recorded[access.ActCreateToken] = append(c.recorded[access.ActCreateToken], id)
}

func (c *crash) ask(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens[id].asked = true
}

func (c *crash) revoked(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens[id].revoked, c.tokens[id].at = true, time.Now()
	c.recorded[access.ActRevokeToken] = append(c.recorded[access.ActRevokeToken], id)
}

func (c *crash) disable(who *person, b *crashBasic) {
	c.mu.Lock()
	b.asked = true
	c.mu.Unlock()
	<-time.After(time.Duration(rand.IntN(150)) * time.Millisecond) // before or after the kill
	status, _, err := who.post("/orgs/acme/apps/"+b.app+"/manage-api/basic/disable", "confirm", b.app)
	c.mu.Lock()
	defer c.mu.Unlock()
	b.disabled = err == nil && status == http.StatusSeeOther
}

// check presents, right after a restart, every credential of one round.
func (c *crash) check(t *testing.T, p *testkit.Process, round int) {
	t.Helper()
	for id, token := range c.tokens {
		if token.round != round {
			continue
		}
		status, _, err := present(p.ConsoleURL+"/verify/acme/orders/backend", "Bearer "+token.token)
		ok := err == nil && (status == http.StatusOK && !token.revoked || status == http.StatusUnauthorized && token.asked)
		if !ok {
			t.Errorf("round %d: token %s (revocation asked %t, acknowledged %t) is answered %d, %v", round, id, token.asked, token.revoked, status, err)
		}
	}
	for _, b := range c.basic {
		status, body, err := present(p.GatewayURL+"/acme/"+b.app+"/backend/x", basicAuth(b.pair))
		ok := err == nil && (status == http.StatusOK && !b.disabled || status == http.StatusUnauthorized && b.asked && strings.Contains(body, "disabled"))
		if !ok {
			t.Errorf("round %d: Basic of %s (disabling acknowledged %t) is answered %d, %v", round, b.app, b.disabled, status, err)
		}
	}
}

// checkAll compares the list of tokens and the chain of events with what was acknowledged in all rounds.
func (c *crash) checkAll(t *testing.T) {
	t.Helper()
	var listed []struct{ ID, State string }
	if err := json.Unmarshal([]byte(must(t, c.p, "", "token", "list", "acme/orders", "--json")), &listed); err != nil {
		t.Fatalf("token list: %v", err)
	}
	states := map[string]string{}
	for _, row := range listed {
		states[row.ID] = row.State
	}
	for id, token := range c.tokens {
		if state := states[id]; state == "" || token.revoked && state != "revoked" || !token.asked && state != "active" {
			t.Errorf("token %s (revocation acknowledged %t) is listed as %q", id, token.revoked, state)
		}
	}
	if code := c.p.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	acts := 0
	for _, ids := range c.recorded {
		acts += len(ids)
	}
	happened := map[string]bool{}
	for _, e := range c.chain(t, acts) {
		happened[string(e.Act)+" "+e.TargetID] = true
	}
	for act, ids := range c.recorded {
		for _, id := range ids {
			if !happened[string(act)+" "+id] {
				t.Errorf("%s of %s was acknowledged and has no event", act, id)
			}
		}
	}
}

func (c *crash) chain(t *testing.T, least int) []access.Event {
	t.Helper()
	if c.database != "" {
		return chainIn(t, testkit.PostgresStore(t, c.database), least)
	}
	return checkChain(t, c.p, least)
}

func (c *crash) counts() (made, revoked, disabled int) {
	for _, b := range c.basic {
		if b.disabled {
			disabled++
		}
	}
	return len(c.recorded[access.ActCreateToken]), len(c.recorded[access.ActRevokeToken]), disabled
}
