package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"claviger/internal/testkit"
)

// older puts an older state of the database in place, as a damaged write-ahead log or
// a copy by hand would.
func (f *furnished) older(t *testing.T) {
	t.Helper()
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(filepath.Join(f.DataDir, "claviger.db"+suffix)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	copyFile(t, f.backup, filepath.Join(f.DataDir, "claviger.db"))
}

// TestLostActsAreRefused (S15): a database that is behind the anchor is refused, by
// the server and by commands, until somebody agrees; what had been revoked is then
// revoked again, and the agreement is recorded.
func TestLostActsAreRefused(t *testing.T) {
	t.Parallel()
	f := furnish(t)
	f.cutOff(t)
	f.Kill()
	f.older(t)
	for _, words := range [][]string{{"serve"}, {"org", "add", "other"}, {"backup", filepath.Join(f.Dir, "b2.db")}} {
		stdout, stderr, code := f.Run("", words...)
		if code != 1 || stdout != "" || !strings.Contains(stderr, "acts that were acknowledged are missing") || strings.Count(stderr, "event ") < 2 || !strings.Contains(stderr, "--accept-data-loss") {
			t.Errorf("%v: exit code %d: %s%s", words, code, stdout, stderr)
		}
	}
	if _, stderr, code := f.Run("", "audit", "verify"); code != 1 || !strings.Contains(stderr, "its tail was cut off") {
		t.Errorf("audit verify: exit code %d: %s", code, stderr)
	}
	f.Start("--accept-data-loss")
	f.expect(t, "accepted", http.StatusOK, http.StatusUnauthorized, http.StatusUnauthorized)
	if !strings.Contains(f.Stderr(), "acts are missing from the database") {
		t.Errorf("nothing in the log:\n%s", f.Stderr())
	}
	if text := must(t, f.Process, "", "audit", "export"); !strings.Contains(text, `"act":"database.accept-loss"`) {
		t.Error("it is not recorded")
	}
	must(t, f.Process, "", "audit", "verify")
	f.Kill()
	f.Start() // once is enough
	f.expect(t, "after the next start", http.StatusOK, http.StatusUnauthorized, http.StatusUnauthorized)
}

// TestAnchorDamaged: an anchor that nobody can read is no reason to believe anything.
func TestAnchorDamaged(t *testing.T) {
	t.Parallel()
	p := testkit.Install(t, t.TempDir(), nil)
	acme(t, p)
	path := filepath.Join(p.DataDir, "anchor")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := []byte(strings.ReplaceAll(string(text), "claviger-anchor-1 ", "claviger-anchor-1 9"))
	if err := os.WriteFile(path, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{{"org", "list"}, {"serve"}} {
		if _, stderr, code := p.Run("", words...); code != 1 || !strings.Contains(stderr, "anchor in the data directory is damaged") {
			t.Errorf("%v: exit code %d: %s", words, code, stderr)
		}
	}
	if _, stderr, code := p.Run("", "audit", "verify"); code != 1 || !strings.Contains(stderr, "the anchor is damaged") {
		t.Errorf("audit verify: exit code %d: %s", code, stderr)
	}
	p.Start("--accept-data-loss")
	must(t, p, "", "audit", "verify")
	p.Stop()
	must(t, p, "", "audit", "verify")

	// One slot that a power cut tore leaves the other one, which is behind.
	text, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	newest := 0
	if string(text[18:40]) < string(text[4096+18:4096+40]) {
		newest = 4096
	}
	copy(text[newest+30:], "torn")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, p, "", "org", "list")
}

// TestClockBehind (S16): a clock that is behind the newest event is refused until
// somebody agrees, and that is recorded.
func TestClockBehind(t *testing.T) {
	t.Parallel()
	p := testkit.Install(t, t.TempDir(), nil)
	acme(t, p)
	future := time.Now().Add(3 * time.Minute).UnixMicro()
	rewriteLast(t, p, future)
	for _, words := range [][]string{{"serve"}, {"org", "add", "other"}} {
		if _, stderr, code := p.Run("", words...); code != 1 || !strings.Contains(stderr, "before the newest event") || !strings.Contains(stderr, "--accept-clock") {
			t.Errorf("%v: exit code %d: %s", words, code, stderr)
		}
	}
	p.Start("--accept-clock")
	if text := must(t, p, "", "audit", "export"); !strings.Contains(text, `"act":"clock.accept"`) {
		t.Error("it is not recorded")
	}
	p.Stop()
	p.Start() // once is enough
	p.Stop()
	rewriteLast(t, p, time.Now().Add(30*time.Second).UnixMicro())
	p.Start() // half a minute is what clocks differ by
}

// rewriteLast gives the last event another time, as if the clock had been wrong then,
// with a hash that fits, and lets the anchor know nothing.
func rewriteLast(t *testing.T, p *testkit.Process, micros int64) {
	t.Helper()
	events := checkChain(t, p, 1)
	last := events[len(events)-1]
	last.At = time.UnixMicro(micros).UTC()
	behind(t, p, fmt.Sprintf(`UPDATE events SET at = %d, hash = x'%x' WHERE seq = %d`, micros, last.ChainHash(), last.Seq))
	for _, name := range []string{"anchor", "revocations"} {
		if err := os.Remove(filepath.Join(p.DataDir, name)); err != nil {
			t.Fatal(err)
		}
	}
}
