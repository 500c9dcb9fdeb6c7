package main_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"claviger/internal/testkit"
)

// diskFiles are those that a server writes.
func diskFiles(p *testkit.Process) (paths []string) {
	for _, name := range []string{"claviger.db", "claviger.db-wal", "anchor", "revocations"} {
		paths = append(paths, filepath.Join(p.DataDir, name))
	}
	return paths
}

// diskFaults are ways in which a disk fails, the most different ones first.
func diskFaults() []testkit.Fault {
	faults := []testkit.Fault{
		{Calls: "pwrite64", Error: "EIO", When: "2+3"},
		{Calls: "fsync,fdatasync", Error: "EIO", When: "1+2"},
		{Calls: "pwrite64", Error: "ENOSPC", When: "1+7"},
		{Calls: "pwrite64,fsync,fdatasync", Error: "EROFS", When: "1+"},
	}
	for _, errno := range []string{"EIO", "ENOSPC", "EROFS"} {
		for _, calls := range []string{"pwrite64", "fsync,fdatasync", "pwrite64,fsync,fdatasync,ftruncate"} {
			for n := 1; n <= 29; n += 1 + n/4 {
				faults = append(faults, testkit.Fault{Calls: calls, Error: errno, When: fmt.Sprintf("%d+%d", 1+n/2, n)})
			}
		}
	}
	return faults
}

// TestFaultDisk has every so-manieth write or sync of the database, its log, the anchor and the file of revocations fail,
// while people act and callers call. What was acknowledged before, meanwhile and afterwards is there, also after a kill -9.
func TestFaultDisk(t *testing.T) {
	c := newCrash(t, nil)
	c.signIn(t, 4)
	faults := diskFaults()
	faults = faults[:dose(t, 4, len(faults))]
	var served []map[int]int
	for round, fault := range faults {
		c.act(round, 1, 2)
		before := c.acknowledged()
		calls := c.watch(t, c.p, 0)
		stop := testkit.Inject(t, c.p.PID(), fault, diskFiles(c.p)...)
		c.act(round, 3, 3)
		if fault.When == "1+" && c.acknowledged() != before {
			t.Errorf("%s: %d acts were acknowledged that are on no disk", fault, c.acknowledged()-before)
		}
		stop()
		c.heals(t, round)
		served = append(served, calls.stop())
		if round%4 == 3 {
			c.p.Kill()
			c.p.Start()
		}
		c.check(t, c.p, round)
		if t.Failed() {
			t.Fatalf("under %s", fault)
		}
	}
	refused := c.onlyUnavailable(t)
	c.checkAll(t)
	t.Logf("%d ways to fail: %d acts acknowledged, 0 lost; %d answered 503; calls meanwhile: %s", len(faults), c.acknowledged(), refused, printed(served...))
	if refused < len(faults)/2 {
		t.Errorf("only %d acts failed: the faults were none", refused)
	}
}

// TestFaultDiskFull fills the disk of a server that serves: calls go on being judged, acts are answered 503, and all is
// well when there is space again; also where the server was killed and started on the full disk.
func TestFaultDiskFull(t *testing.T) {
	dir := t.TempDir()
	testkit.SmallDisk(t, filepath.Join(dir, "data"), 12<<20)
	c := newCrashAt(t, dir, nil)
	c.signIn(t, 4)
	for round := range dose(t, 2, 20) {
		c.act(round, 3, 3)
		before := c.acknowledged()
		calls := c.watch(t, c.p, 0)
		free := testkit.FillDisk(t, c.p.DataDir)
		for n := 0; c.write(c.people[0], round, fmt.Sprint("last space ", round, n)) == http.StatusOK; n++ { // what the log had left
			if n > 5000 {
				t.Fatal("the disk is full, and there is no end of acts")
			}
		}
		c.act(round, 3, 2)
		full := c.acknowledged()
		_, stderr, code := c.p.Run("", "org", "add", fmt.Sprint("other-", round))
		if code != 1 || !strings.Contains(stderr, "disk") && !strings.Contains(stderr, "space") {
			t.Errorf("a command on a full disk: exit code %d: %s", code, stderr)
		}
		if round%2 == 1 {
			calls.stop()
			c.p.Kill()
			if err := c.p.TryStart(); err == nil {
				c.check(t, c.p, round)
			} else if !strings.Contains(c.p.Stderr(), "full") && !strings.Contains(c.p.Stderr(), "space") {
				t.Errorf("it does not start on a full disk, and does not say why: %s", c.p.Stderr())
			}
			free()
			if c.p.Ended() {
				c.p.Start()
			}
		} else {
			free()
		}
		c.heals(t, round)
		c.check(t, c.p, round)
		t.Logf("round %d: %d acts, %d until the disk was really full; calls: %s", round, before, full-before, printed(calls.stop()))
	}
	if c.onlyUnavailable(t) == 0 {
		t.Error("no act failed: the disk was not full")
	}
	c.checkAll(t)
}

// TestFaultReadOnly: on a disk that nobody can write to nothing starts, and that is said; afterwards all is there.
func TestFaultReadOnly(t *testing.T) {
	dir := t.TempDir()
	testkit.SmallDisk(t, filepath.Join(dir, "data"), 12<<20)
	c := newCrashAt(t, dir, nil)
	c.signIn(t, 4)
	c.act(0, 3, 3)
	c.p.Kill()
	testkit.ReadOnly(t, c.p.DataDir, true)
	for _, words := range [][]string{{"serve"}, {"org", "add", "other"}} {
		if _, stderr, code := c.p.Run("", words...); code != 1 || !strings.Contains(stderr, "read-only") {
			t.Errorf("%v: exit code %d: %s", words, code, stderr)
		}
	}
	testkit.ReadOnly(t, c.p.DataDir, false)
	c.p.Start()
	c.check(t, c.p, 0)
	c.heals(t, 0)
	c.checkAll(t)
}
