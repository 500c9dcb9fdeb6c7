package main_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"claviger/internal/testkit"
)

// TestPasswordDoesNotShow types a password at a terminal, when it is asked for: the terminal shows nothing of it, neither
// where the command acts by itself nor where the server does; afterwards typing shows again.
func TestPasswordDoesNotShow(t *testing.T) {
	p := testkit.Install(t, t.TempDir(), nil)
	must(t, p, "", "org", "add", "acme")
	for _, email := range []string{"alone@example.com", "beside@example.com"} {
		screen, keyboard := terminal(t)
		command := exec.CommandContext(t.Context(), testkit.Binary(t), "user", "add", email, "--org", "acme", "--role", "viewer", "--config", p.Config)
		command.Stdin = keyboard
		stderr, err := command.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewReader(stderr)
		if prompt, err := said.ReadString(':'); err != nil || prompt != "Password:" {
			t.Fatalf("asked %q, %v", prompt, err)
		}
		if _, err := screen.WriteString(testkit.Password + "\n"); err != nil {
			t.Fatal(err)
		}
		rest, _ := said.ReadString(0)
		if err := command.Wait(); err != nil || !strings.Contains(rest, "User "+email+" made.") {
			t.Errorf("%s: %v: %s", email, err, rest)
		}
		if _, err := screen.WriteString("shows again\n"); err != nil {
			t.Fatal(err)
		}
		if shown := read(t, screen, "shows again"); strings.Contains(shown, "horse") {
			t.Errorf("the terminal shows %q", shown)
		}
		if email == "alone@example.com" {
			p.Start()
		}
	}
	for _, email := range []string{"alone@example.com", "beside@example.com"} {
		if status, _, err := newPerson(t, p).post("/sign-in", "email", email, "password", testkit.Password); err != nil || status != http.StatusSeeOther {
			t.Errorf("%s signs in with what was typed: %d, %v", email, status, err)
		}
	}
}

// TestInterruptedAtThePassword: Ctrl+C ends the command, which changes nothing and leaves a terminal that shows what is typed.
func TestInterruptedAtThePassword(t *testing.T) {
	p := testkit.Install(t, t.TempDir(), nil)
	must(t, p, "", "org", "add", "acme")
	for _, beside := range []bool{false, true} {
		if beside {
			p.Start()
		}
		screen, keyboard := terminal(t)
		command := exec.CommandContext(t.Context(), testkit.Binary(t), "user", "add", owner, "--org", "acme", "--role", "owner", "--config", p.Config)
		command.Stdin = keyboard
		stderr, err := command.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewReader(stderr)
		if prompt, err := said.ReadString(':'); err != nil || prompt != "Password:" {
			t.Fatalf("asked %q, %v", prompt, err)
		}
		if err := command.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		rest, _ := said.ReadString(0)
		if err := command.Wait(); err == nil || command.ProcessState.ExitCode() != 1 || !strings.Contains(rest, "interrupted: nothing was changed") {
			t.Errorf("beside a server %t: %v: %q", beside, err, rest)
		}
		if _, err := screen.WriteString("shows again\n"); err != nil {
			t.Fatal(err)
		}
		read(t, screen, "shows again")
		if users := must(t, p, "", "user", "list"); strings.Contains(users, owner) {
			t.Errorf("a user was made all the same:\n%s", users)
		}
	}
}

// terminal opens a pseudo terminal: what a person sees and types on, and what the program has as its standard input.
func terminal(t *testing.T) (screen, keyboard *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	screen = os.NewFile(uintptr(fd), "screen")
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatalf("open a pseudo terminal: %v", err)
	}
	keyboard, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close(); _ = keyboard.Close() })
	return screen, keyboard
}

// read returns what the screen shows, up to some words.
func read(t *testing.T, screen *os.File, until string) (shown string) {
	t.Helper()
	if err := screen.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 1000); !strings.Contains(shown, until); {
		n, err := screen.Read(b)
		if err != nil {
			t.Fatalf("the screen shows %q, and then %v", shown, err)
		}
		shown += string(b[:n])
	}
	return shown
}
