package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"claviger/internal/testkit"
)

// TestLongSocketPath: a data directory whose socket's path does not fit into an address gets one in the temp directory.
func TestLongSocketPath(t *testing.T) {
	temp := t.TempDir()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 20), strings.Repeat("path", 10))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p := testkit.Start(t, dir, []string{"TMPDIR=" + temp})
	if _, err := os.Stat(filepath.Join(p.DataDir, "claviger.sock")); err == nil {
		t.Error("the socket is in the data directory: the path was not long enough")
	}
	sockets, err := filepath.Glob(filepath.Join(temp, "claviger-*.sock"))
	if err != nil || len(sockets) != 1 {
		t.Fatalf("sockets in the temp directory: %v, %v", sockets, err)
	}
	info, err := os.Stat(sockets[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode: %v, %v; want 0600", info.Mode(), err)
	}
	must(t, p, "", "org", "add", "acme")
	if out := must(t, p, "", "org", "list"); !strings.Contains(out, "acme") {
		t.Errorf("org list: %s", out)
	}
	p.Stop()
	if _, err := os.Stat(sockets[0]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// TestNoFilesLeft: where the process has no files left a command is not taken, and the server serves on and takes the next one.
func TestNoFilesLeft(t *testing.T) {
	p := testkit.Start(t, t.TempDir(), nil)
	must(t, p, "", "org", "add", "acme")
	var before unix.Rlimit
	if err := unix.Prlimit(p.PID(), unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	none := unix.Rlimit{Cur: 3, Max: before.Max} // files that are open stay
	if err := unix.Prlimit(p.PID(), unix.RLIMIT_NOFILE, &none, nil); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", filepath.Join(p.DataDir, "claviger.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(p.Stderr(), "commands cannot be taken") {
		if p.Ended() || time.Now().After(deadline) {
			t.Fatalf("the server has ended, or did not say that it takes no commands: %s", p.Stderr())
		}
		<-time.After(10 * time.Millisecond)
	}
	if err := unix.Prlimit(p.PID(), unix.RLIMIT_NOFILE, &before, nil); err != nil {
		t.Fatal(err)
	}
	if out := must(t, p, "", "org", "list"); !strings.Contains(out, "acme") {
		t.Errorf("org list: %s", out)
	}
}

// TestStaleSocket: after kill -9 the socket's file is still there; commands act by themselves, and the next server takes it over.
func TestStaleSocket(t *testing.T) {
	p := testkit.Start(t, t.TempDir(), nil)
	p.Kill()
	if _, err := os.Stat(filepath.Join(p.DataDir, "claviger.sock")); err != nil {
		t.Fatalf("no stale socket to try: %v", err)
	}
	must(t, p, "", "org", "add", "acme")
	p.Start()
	if out := must(t, p, "", "org", "list"); !strings.Contains(out, "acme") {
		t.Errorf("org list: %s", out)
	}
}

// TestSocketRefusesOtherUsers: even a socket that somebody opened to all carries out nothing for another user.
func TestSocketRefusesOtherUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	temp, err := os.MkdirTemp("", "claviger-socket-") // reachable for others, as /tmp is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(temp) })
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 25))
	if err := errors.Join(os.Chmod(temp, 0o755), os.MkdirAll(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	p := testkit.Start(t, dir, []string{"TMPDIR=" + temp})
	sockets, err := filepath.Glob(filepath.Join(temp, "*.sock"))
	if err != nil || len(sockets) != 1 {
		t.Fatalf("sockets: %v, %v", sockets, err)
	}
	if _, err := orgAddAs(65534, sockets[0], "nobody"); !errors.Is(err, os.ErrPermission) {
		t.Errorf("another user reaches a socket of mode 0600: %v", err)
	}
	if err := os.Chmod(sockets[0], 0o666); err != nil {
		t.Fatal(err)
	}
	answer, err := orgAddAs(65534, sockets[0], "nobody")
	if answer != "" || errors.Is(err, os.ErrPermission) {
		t.Errorf("another user is answered %q, %v; want to be let in and not answered", answer, err)
	}
	answer, err = orgAddAs(0, sockets[0], "mine")
	if err != nil || !strings.Contains(answer, `"exit":0`) {
		t.Errorf("our own user is answered %q, %v", answer, err)
	}
	if out := must(t, p, "", "org", "list"); strings.Contains(out, "nobody") || !strings.Contains(out, "mine") {
		t.Errorf("org list:\n%s", out)
	}
}

// orgAddAs asks the socket, as another user, to make an organization. The goroutine keeps its thread, whose user is changed, and
// the runtime ends both.
func orgAddAs(uid int, socket, slug string) (answer string, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
			err = errno
			return
		}
		answer, err = askSocket(socket, "org", "add", slug)
	}()
	<-done
	return answer, err
}

// askSocket has the server carry out a command and returns all that it answers, as soon as it says how the command ended.
func askSocket(socket string, words ...string) (answer string, err error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	if err := json.NewEncoder(conn).Encode(map[string]any{"args": words}); err != nil {
		return "", err
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		answer += lines.Text()
		if strings.Contains(lines.Text(), `"exit":`) {
			return answer, nil
		}
	}
	return answer, io.ErrUnexpectedEOF
}

// TestCommandWaitsForLock: a command that finds the directory in use by somebody who does not answer yet (a server that is
// starting) waits, and then acts.
func TestCommandWaitsForLock(t *testing.T) {
	p := testkit.Install(t, t.TempDir(), nil)
	must(t, p, "", "org", "add", "acme")
	file, err := os.OpenFile(filepath.Join(p.DataDir, "claviger.lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, testkit.Binary(t), "org", "add", "beta", "--config", p.Config)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	select {
	case err := <-ended:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the command after its wait: %v", err)
	}
	if out := must(t, p, "", "org", "list"); !strings.Contains(out, "beta") {
		t.Errorf("org list:\n%s", out)
	}
}

// TestCommandsWhileServerStarts: commands from before the server's start until after it all act, whoever holds the lock.
func TestCommandsWhileServerStarts(t *testing.T) {
	p := testkit.Install(t, t.TempDir(), nil)
	must(t, p, "", "org", "add", "acme")
	testkit.Binary(t)
	var wait sync.WaitGroup
	for i := range 12 {
		wait.Go(func() {
			if _, stderr, code := p.Run("", "app", "add", fmt.Sprintf("acme/app-%d", i)); code != 0 {
				t.Errorf("app-%d: exit code %d: %s", i, code, stderr)
			}
		})
	}
	p.Start()
	wait.Wait()
	if out := must(t, p, "", "app", "list"); strings.Count(out, "acme/app-") != 12 {
		t.Errorf("12 commands made:\n%s", out)
	}
	p.Stop()
	if out := must(t, p, "", "app", "list"); strings.Count(out, "acme/app-") != 12 {
		t.Errorf("after the server has ended:\n%s", out)
	}
	checkChain(t, p, 12)
}

// TestSameCommandTwiceAtOnce: of two that make the same thing one does, and the other says that it is there.
func TestSameCommandTwiceAtOnce(t *testing.T) {
	p := testkit.Install(t, t.TempDir(), nil)
	for _, slug := range []string{"acme", "beta"} {
		codes := make([]int, 2)
		var wait sync.WaitGroup
		for i := range codes {
			wait.Go(func() { _, _, codes[i] = p.Run("", "org", "add", slug) })
		}
		wait.Wait()
		if codes[0]+codes[1] != 1 {
			t.Errorf("exit codes %v, want one 0 and one 1", codes)
		}
		if slug == "acme" {
			p.Start() // the second pair acts in the server
		}
	}
}

// TestCommandsWhileServerStops: commands that meet a server at its end act all the same: in it, or by themselves.
func TestCommandsWhileServerStops(t *testing.T) {
	p := testkit.Install(t, t.TempDir(), nil)
	must(t, p, "", "org", "add", "acme")
	made := 0
	for round := range 3 {
		p.Start()
		var wait sync.WaitGroup
		first := make(chan struct{}, 100)
		for i := range 10 {
			made++
			wait.Go(func() {
				_, stderr, code := p.Run("", "app", "add", fmt.Sprintf("acme/app-%d-%d", round, i))
				if code != 0 {
					t.Errorf("app-%d-%d: exit code %d: %s", round, i, code, stderr)
				}
				first <- struct{}{}
			})
		}
		<-first // the others are under way
		p.Stop()
		wait.Wait()
	}
	if out := must(t, p, "", "app", "list"); strings.Count(out, "acme/app-") != made {
		t.Errorf("%d commands made:\n%s", made, out)
	}
}
