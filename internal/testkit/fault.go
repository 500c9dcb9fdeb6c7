package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Fault is a way in which system calls fail.
type Fault struct {
	Calls string // "fsync,pwrite64"
	Error string // "EIO"
	When  string // which calls of each thread: "3+5" is the third and every fifth after it, "1+" all
}

func (f Fault) String() string { return f.Calls + " " + f.Error + " " + f.When }

// Inject makes system calls of a running process fail on some files, by strace, until stop. It begins before it returns.
func Inject(t testing.TB, pid int, fault Fault, files ...string) (stop func()) {
	t.Helper()
	strace := Tool(t, "strace")
	words := []string{
		"-f", "-p", strconv.Itoa(pid), "-o", os.DevNull,
		"-e", "trace=" + fault.Calls, "-e", "inject=" + fault.Calls + ":error=" + fault.Error + ":when=" + fault.When,
	}
	for _, file := range files {
		words = append(words, "-P", file)
	}
	said := &syncBuffer{}
	tracer := startChild(t, exec.Command(strace, words...), said, said)
	err := await(func() (bool, error) { return strings.Contains(said.String(), " attached") || tracer.ended(), nil })
	if err != nil || tracer.ended() {
		tracer.stop(syscall.SIGKILL)
		unavailable(t, "strace may not look into processes here: "+said.tail(500))
	}
	done := false
	stop = func() {
		if !done {
			done = true
			tracer.stop(syscall.SIGINT)
		}
	}
	t.Cleanup(stop)
	return stop
}

// RunUntil runs a command of the installation, which is killed (SIGKILL) when one of its threads makes the n-th of some
// system calls. It reports whether it came to that.
func (p *Process) RunUntil(calls string, n int, args ...string) (killed bool) {
	p.t.Helper()
	strace := Tool(p.t, "strace")
	prepared := p.command(args)
	words := []string{"-f", "-o", os.DevNull, "-e", "trace=" + calls, "-e", "inject=" + calls + ":signal=KILL:when=" + strconv.Itoa(n)}
	command := exec.Command(strace, append(words, prepared.Args...)...)
	command.Dir, command.Env = prepared.Dir, prepared.Env
	said := &syncBuffer{}
	ran := startChild(p.t, command, said, said)
	select {
	case <-ran.done:
	case <-time.After(patience):
		ran.stop(syscall.SIGKILL)
		p.t.Fatalf("claviger %s did not end within %s under strace", strings.Join(args, " "), patience)
	}
	status, _ := ran.command.ProcessState.Sys().(syscall.WaitStatus)
	if killed = status.Signaled(); !killed && !ran.command.ProcessState.Success() {
		p.t.Fatalf("claviger %s under strace: %s", strings.Join(args, " "), said.tail(2000))
	}
	return killed
}

// SmallDisk mounts a file system of so many bytes at dir, which is made. It goes with the test. Only root can.
func SmallDisk(t testing.TB, dir string, size int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a disk")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("claviger-test", dir, "tmpfs", 0, "mode=0700,size="+strconv.Itoa(size)); err != nil {
		unavailable(t, "nothing can be mounted here: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

// ReadOnly makes a disk of [SmallDisk] read-only, or writable again. Nothing may be open for writing on it.
func ReadOnly(t testing.TB, dir string, readOnly bool) {
	t.Helper()
	flags := uintptr(syscall.MS_REMOUNT)
	if readOnly {
		flags |= syscall.MS_RDONLY
	}
	if err := syscall.Mount("claviger-test", dir, "tmpfs", flags, ""); err != nil {
		t.Fatalf("remount %s: %v", dir, err)
	}
}

// FillDisk leaves no free byte on a disk; free gives them back.
func FillDisk(t testing.TB, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 64 << 10; size > 0; {
		if _, err := file.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	_ = file.Close() // what it says of a full disk is what was wanted
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}
