package main_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"claviger/internal/testkit"
)

// behind runs SQL on the database of an installation whose server does not run.
func behind(t *testing.T, p *testkit.Process, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := execSQL(p, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// copyFile copies a file, over one that is there.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestAuditVerifyFindsEverything does to the file what somebody with SQL can do, and
// then what the chain alone cannot show and the anchor does.
func TestAuditVerifyFindsEverything(t *testing.T) {
	t.Parallel()
	p := testkit.Install(t, t.TempDir(), nil)
	acme(t, p)
	for range 3 {
		must(t, p, "", "token", "create", "acme/orders", "--label", "ci", "--reason", reason)
	}
	file := filepath.Join(p.DataDir, "claviger.db")
	good := filepath.Join(t.TempDir(), "good.db")
	copyFile(t, file, good)
	if out := must(t, p, "", "audit", "verify"); !strings.HasPrefix(out, "ok: ") {
		t.Fatalf("before: %s", out)
	}
	const columns = `id, at, organization_id, application_id, act, actor_id, actor_name, target_id, target_name, elevation_id, reason, address, agent, count, detail, prev_hash, hash, encoding`
	for name, trial := range map[string]struct{ does, want string }{
		"a reason":      {`UPDATE events SET reason = 'another reason' WHERE seq = 3`, "event 3 does not match its hash"},
		"a time":        {`UPDATE events SET at = at + 1 WHERE seq = 1`, "event 1 does not match its hash"},
		"a detail":      {`UPDATE events SET detail = '{"scope":"*:read"}' WHERE act = 'token.create'`, "does not match its hash"},
		"no detail":     {`UPDATE events SET detail = '{' WHERE seq = 3`, "event 3 cannot be read"},
		"an encoding":   {`UPDATE events SET encoding = 'other' WHERE seq = 4`, "event 4 names another encoding"},
		"a hash":        {`UPDATE events SET hash = zeroblob(32) WHERE seq = 2`, "event 3 does not follow from the one before it"},
		"delete":        {`DELETE FROM events WHERE seq = 3`, "event 3 is missing"},
		"delete two":    {`DELETE FROM events WHERE seq IN (3, 4)`, "events 3 to 4 are missing"},
		"the first one": {`DELETE FROM events WHERE seq = 1`, "event 1 is missing"},
		"insert before": {`INSERT INTO events (seq, ` + columns + `) SELECT 0, 'evt_x', ` + columns[4:] + ` FROM events WHERE seq = 1`, "event 0 stands where event 1 is due"},
		"insert between": {
			`UPDATE events SET seq = -seq WHERE seq > 2; UPDATE events SET seq = 1 - seq WHERE seq < 0;
			INSERT INTO events (seq, ` + columns + `) SELECT 3, 'evt_x', ` + columns[4:] + ` FROM events WHERE seq = 2`, "event 3 does not follow",
		},
		"insert behind": {
			`INSERT INTO events (seq, ` + columns + `) SELECT seq + 1, 'evt_x', ` + columns[4:] + ` FROM events ORDER BY seq DESC LIMIT 1`, "does not follow",
		},
		"swap":          {`UPDATE events SET seq = -seq WHERE seq IN (3, 4); UPDATE events SET seq = 7 + seq WHERE seq < 0`, "event 3 does not follow"},
		"cut the tail":  {`DELETE FROM events WHERE seq = (SELECT MAX(seq) FROM events)`, "its tail was cut off"},
		"cut the whole": {`DELETE FROM events`, "its tail was cut off"},
		"last rewritten": {
			`UPDATE events SET hash = x'00112233' WHERE seq = (SELECT MAX(seq) FROM events)`, "is another one than the anchor knows",
		},
		"a false checkpoint": {
			`INSERT INTO audit_checkpoints (seq, hash, at, count, pruned_at, signature) SELECT 2, hash, at, 2, at, 'x.y' FROM events WHERE seq = 2; DELETE FROM events WHERE seq <= 2`,
			"not signed by a key",
		},
	} {
		copyFile(t, good, file)
		behind(t, p, trial.does)
		stdout, stderr, code := p.Run("", "audit", "verify")
		if code != 1 || stdout != "" || !strings.Contains(stderr, trial.want) {
			t.Errorf("%s: exit code %d, want %q in: %s%s", name, code, trial.want, stdout, stderr)
		}
	}
	copyFile(t, good, file)
	if out := must(t, p, "", "audit", "verify", "--json"); !strings.Contains(out, `"ok": true`) {
		t.Errorf("put back: %s", out)
	}
}

// TestAuditVerifyFile does the same to an export.
func TestAuditVerifyFile(t *testing.T) {
	t.Parallel()
	p := testkit.Install(t, t.TempDir(), nil)
	acme(t, p)
	lines := strings.SplitAfter(strings.TrimSuffix(must(t, p, "", "audit", "export"), "\n"), "\n")
	lines[len(lines)-1] += "\n"
	path := filepath.Join(t.TempDir(), "export.jsonl")
	verify := func(list ...string) (stderr string, code int) {
		t.Helper()
		if err := os.WriteFile(path, []byte(strings.Join(list, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		_, stderr, code = p.Run("", "audit", "verify", "--file", path)
		return stderr, code
	}
	if stderr, code := verify(lines...); code != 0 {
		t.Fatalf("untouched: %s", stderr)
	}
	if stderr, code := verify(lines[2:]...); code != 0 {
		t.Errorf("a part: %s", stderr)
	}
	for name, list := range map[string][]string{
		"edit":   {lines[0], strings.Replace(lines[1], `"count":1`, `"count":2`, 1), lines[2]},
		"delete": {lines[0], lines[2]},
		"insert": {lines[0], lines[1], lines[1], lines[2]},
		"swap":   {lines[0], lines[2], lines[1], lines[3]},
		"junk":   {lines[0], "{}\n"},
		"more":   {lines[0], strings.Replace(lines[1], `"count":1`, `"count":1,"more":1`, 1)},
	} {
		if stderr, code := verify(list...); code != 1 || len(stderr) < 20 {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
	}
}

// TestPrune moves old events out beside a running server: the chain goes on from the
// checkpoint, and what was moved out verifies by itself.
func TestPrune(t *testing.T) {
	t.Parallel()
	p := testkit.Start(t, t.TempDir(), nil)
	acme(t, p)
	out := filepath.Join(p.Dir, "old.jsonl")
	prune := []string{"audit", "export", "--until", "2100-01-01", "--output", out, "--prune"}
	if _, stderr, code := p.Run("", prune...); code != 2 || !strings.Contains(stderr, "--reason") {
		t.Errorf("without a reason: exit code %d: %s", code, stderr)
	}
	before := strings.Count(must(t, p, "", "audit", "export"), "\n")
	must(t, p, "", append(prune, "--reason", reason)...)
	if text := must(t, p, "", "audit", "export"); strings.Count(text, "\n") != 0 || !strings.Contains(text, `"act":"audit.prune"`) {
		t.Errorf("afterwards the record of it is not all that is left:\n%s", text)
	}
	must(t, p, "", "token", "create", "acme/orders", "--label", "later", "--reason", reason)
	var report struct {
		OK         bool
		Events     int
		Checkpoint struct{ Seq int }
	}
	if err := json.Unmarshal([]byte(must(t, p, "", "audit", "verify", "--json")), &report); err != nil {
		t.Fatal(err)
	}
	if !report.OK || report.Events != 2 || report.Checkpoint.Seq != before+1 {
		t.Errorf("verified: %+v, with %d events before", report, before+1)
	}
	must(t, p, "", "audit", "verify", "--file", out)
	p.Stop()
	p.Start() // the anchor and the checkpoint agree
	if _, stderr, code := p.Run("", append(prune, "--reason", reason)...); code != 1 || !strings.Contains(stderr, "is there already") {
		t.Errorf("over an export that is there: exit code %d: %s", code, stderr)
	}
	p.Stop()
	behind(t, p, `DELETE FROM events WHERE act = 'audit.prune'`)
	if _, stderr, code := p.Run("", "audit", "verify"); code != 1 || !strings.Contains(stderr, "is missing") {
		t.Errorf("the event behind the checkpoint deleted: exit code %d: %s", code, stderr)
	}
}

// TestAuditVerifyBesideAServer: where a server has the anchor, the file of revocations may know a later end of the chain.
func TestAuditVerifyBesideAServer(t *testing.T) {
	t.Parallel()
	server := testkit.SharedPostgres(t)
	database := server.EmptyDatabase(t)
	p := testkit.Start(t, t.TempDir(), shared(database, filepath.Join(t.TempDir(), "claviger.key")))
	f := furnishOn(t, p)
	id := f.id(t, "revoked")
	must(t, p, "", "token", "revoke", id, "--reason", reason)
	lists(t, p, id)
	must(t, p, "", "audit", "verify")
	server.Exec(t, database, `DELETE FROM events WHERE seq = (SELECT MAX(seq) FROM events)`)
	if _, stderr, code := p.Run("", "audit", "verify"); code != 1 || !strings.Contains(stderr, "its tail was cut off") {
		t.Errorf("the last event deleted: exit code %d: %s", code, stderr)
	}
	p.Stop()
	path := filepath.Join(p.DataDir, "anchor")
	if err := errors.Join(os.WriteFile(path, []byte("claviger-anchor-1 torn\n"), 0o600), os.Remove(filepath.Join(p.DataDir, "revocations"))); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(path) // as a server would that writes nothing
	if err == nil {
		err = syscall.Flock(int(held.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if _, stderr, code := p.Run("", "audit", "verify"); code != 1 || !strings.Contains(stderr, "the anchor is damaged") {
		t.Errorf("the anchor torn, and no file of revocations: exit code %d: %s", code, stderr)
	}
}
