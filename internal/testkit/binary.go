package testkit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Binary builds ./cmd/claviger, once in each test process, and returns its path. The file stands in the user's
// cache directory, one for each checkout, so that the next process finds it built and nothing is left in the
// temporary directory.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := builtBinary()
	if err != nil {
		t.Fatalf("build ./cmd/claviger: %v", err)
	}
	return path
}

var builtBinary = sync.OnceValues(func() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "bin", strings.ReplaceAll(strings.Trim(root, "/"), "/", "-"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	path := filepath.Join(dir, "claviger")
	build := exec.Command("go", "build", "-o", path, "./cmd/claviger")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	return path, nil
})

// moduleRoot is the checkout's top: this file knows where it was compiled from, and go test compiles in place.
func moduleRoot() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return "", fmt.Errorf("find the module's root: %w", err)
	}
	return root, nil
}

// cacheDir is where `.ci/deps` and this package keep what tests need again: outside the checkout.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "claviger-test"), err
}

// lockFile waits for the file's lock: the packages of one `go test ./...` build at the same time.
func lockFile(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil // closing gives the lock back
}

// Process is an installation of Claviger in a directory of its own, and the server that runs in it, if one does.
type Process struct {
	// Dir holds claviger.ini, and the data directory as data. Commands run in it.
	Dir string
	// DataDir is the server's data directory.
	DataDir string
	// Config is the path of the configuration file.
	Config string
	// ConsoleURL and GatewayURL are the base URLs of the two listeners, without a slash at the end.
	ConsoleURL, GatewayURL string
	// Under are the words of a command under which the server runs, if not by itself: it has to become the server, as
	// `ip netns exec` does, or to end as it ends.
	Under []string

	t      testing.TB
	env    []string
	child  *child
	stdout *syncBuffer
	stderr *syncBuffer
}

// Install writes the configuration of a Claviger into dir (free ports on 127.0.0.1, data in dir/data) and starts nothing. A
// configuration that is already there stays, and with it the ports. env ("KEY=value") is added to the environment of
// everything that runs in it, where CLAVIGER_<SECTION>_<KEY> overrides the file; the caller's own CLAVIGER_* are not passed on.
func Install(t testing.TB, dir string, env []string) *Process {
	t.Helper()
	p := &Process{Dir: dir, DataDir: filepath.Join(dir, "data"), Config: filepath.Join(dir, "claviger.ini"), t: t, env: env}
	if _, err := os.Stat(p.Config); errors.Is(err, os.ErrNotExist) {
		writeConfig(t, dir, "claviger.ini", fmt.Sprintf(`[server]
listen = 127.0.0.1:%d
data_dir = %s

[gateway]
listen = 127.0.0.1:%d
`, FreePort(t), p.DataDir, FreePort(t)))
	}
	text, err := os.ReadFile(p.Config)
	if err != nil {
		t.Fatalf("read the configuration: %v", err)
	}
	listeners := listenLine.FindAllStringSubmatch(string(text), -1)
	if len(listeners) != 2 {
		t.Fatalf("%s: %d listen lines, want those of [server] and [gateway]", p.Config, len(listeners))
	}
	p.ConsoleURL, p.GatewayURL = "http://"+listeners[0][1], "http://"+listeners[1][1]
	return p
}

var listenLine = regexp.MustCompile(`(?m)^listen = (\S+)$`)

// Start installs Claviger in dir (see [Install]) and runs `claviger serve` with args added. It returns once
// /healthz answers. The server ends with the test.
func Start(t testing.TB, dir string, env []string, args ...string) *Process {
	t.Helper()
	p := Install(t, dir, env)
	p.Start(args...)
	return p
}

// Start runs `claviger serve` with args added, for the first time or again after [Process.Kill] or [Process.Stop],
// and waits until /healthz answers.
func (p *Process) Start(args ...string) {
	p.t.Helper()
	if err := p.TryStart(args...); err != nil {
		p.t.Fatalf("wait for claviger serve: %v", err)
	}
}

// TryStart is Start for a server that may have reasons to refuse: that it ended by itself is an error to be looked at.
func (p *Process) TryStart(args ...string) error {
	p.t.Helper()
	if p.child != nil && !p.child.ended() {
		p.t.Fatal("the server already runs")
	}
	p.stdout, p.stderr = &syncBuffer{}, &syncBuffer{}
	command := p.command(append([]string{"serve"}, args...))
	if len(p.Under) > 0 {
		under := exec.Command(p.Under[0], append(p.Under[1:len(p.Under):len(p.Under)], command.Args...)...)
		under.Dir, under.Env = command.Dir, command.Env
		command = under
	}
	server := startChild(p.t, command, p.stdout, p.stderr)
	stderr := p.stderr
	p.child = server
	p.t.Cleanup(func() {
		if _, ok := server.stop(syscall.SIGTERM); !ok {
			p.t.Errorf("claviger serve did not end within %s of SIGTERM", patience)
		}
		if p.t.Failed() {
			p.t.Logf("standard error of claviger serve:\n%s", stderr.tail(8000))
		}
	})
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	return await(func() (bool, error) {
		if server.ended() {
			return false, fmt.Errorf("it ended with exit code %d", server.command.ProcessState.ExitCode())
		}
		response, err := client.Get(p.ConsoleURL + "/healthz")
		if err != nil {
			return false, nil
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
}

// command makes a command of the installation's binary. Its configuration file is named on the command line; the
// working directory holds it too, for what looks there.
func (p *Process) command(args []string) *exec.Cmd {
	command := exec.Command(Binary(p.t), append(args, "--config", p.Config)...)
	command.Dir = p.Dir
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "CLAVIGER_") {
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(command.Env, p.env...)
	return command
}

// Run runs one command of the command line in the installation, whether or not its server runs, with stdin as its
// standard input. A command that ends is never a failure of the test: its exit code is returned.
func (p *Process) Run(stdin string, args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	var out, errs strings.Builder
	prepared := p.command(args) // built first: that is not what must not take long
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, prepared.Path, prepared.Args[1:]...)
	command.Dir, command.Env = prepared.Dir, prepared.Env
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &out, &errs
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			p.t.Fatalf("claviger %s did not end within %s; standard error:\n%s", strings.Join(args, " "), patience, errs.String())
		}
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
			p.t.Fatalf("run claviger %s: %v", strings.Join(args, " "), err)
		}
	}
	return out.String(), errs.String(), command.ProcessState.ExitCode()
}

// setupLink finds the link in a line for people as well as in one of JSON.
var setupLink = regexp.MustCompile(`https?://[^\s"'<>\\]+/setup/[A-Za-z0-9_.~-]+`)

// SetupURL returns the one-time link that a first start prints, waiting for it.
func (p *Process) SetupURL() string {
	p.t.Helper()
	var link string
	err := await(func() (bool, error) {
		link = setupLink.FindString(p.stdout.String() + "\n" + p.stderr.String())
		return link != "", nil
	})
	if err != nil {
		p.t.Fatalf("wait for the set-up link: %v", err)
	}
	return link
}

// Stdout returns what the running (or last) server has written to standard output so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr returns what the running (or last) server has written to standard error so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// Ended reports whether the server has ended, by itself or not.
func (p *Process) Ended() bool { return p.child.ended() }

// PID returns the process id of the running server.
func (p *Process) PID() int { return p.child.command.Process.Pid }

// Kill ends the server at once (SIGKILL), as a power cut would, and waits until it is gone.
func (p *Process) Kill() {
	p.t.Helper()
	if p.child.ended() {
		p.t.Fatal("the server had already ended")
	}
	p.child.stop(syscall.SIGKILL)
}

// Stop asks the server to end (SIGTERM), waits, and returns its exit code. One that does not end fails the test.
func (p *Process) Stop() (code int) {
	p.t.Helper()
	code, ok := p.child.stop(syscall.SIGTERM)
	if !ok {
		p.t.Fatalf("the server did not end within %s of SIGTERM", patience)
	}
	return code
}
