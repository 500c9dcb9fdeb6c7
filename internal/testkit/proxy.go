package testkit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait of the test kit. It is long, because it only matters when something is wrong.
const patience = 30 * time.Second

// Tool returns the path of a program that the test needs. Where it is not installed the test is skipped, or, with
// CI=true, fails: in CI `.ci/deps` has put everything in place.
func Tool(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	unavailable(t, name+" is not installed; .ci/deps installs it")
	return ""
}

// unavailable skips the test, or fails it in CI, where nothing may be skipped.
func unavailable(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s (CI=true: a failure)", why)
	}
	t.Skip(why)
}

// Ports below the range from which the system takes the local ends of connections, so that no connection of this
// machine can be in the way of a listener that starts a moment later.
const (
	firstPort = 12000
	lastPort  = 32000
)

var handedOut sync.Map // port (int) → true: what FreePort has already returned in this process

// FreePort returns a TCP port of 127.0.0.1 on which nothing listens. No two calls of one process get the same.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func freePort() (int, error) {
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if _, taken := handedOut.LoadOrStore(port, true); taken {
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		return port, listener.Close()
	}
	return 0, errors.New("no free port found")
}

// Nginx runs the real nginx with one server that listens on a free port of 127.0.0.1 and holds serverBlock
// (locations and directives, without `server {}` and `listen`). It returns the server's base URL, without a slash
// at the end, once it answers. nginx ends with the test; if the test failed its error log is in the test's log.
func Nginx(t testing.TB, serverBlock string) (baseURL string) {
	t.Helper()
	program := Tool(t, "nginx")
	dir, port := t.TempDir(), FreePort(t)
	config := fmt.Sprintf(`%[1]s
daemon off;
pid %[2]s/nginx.pid;
error_log stderr info;
worker_processes 1;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	server {
		listen 127.0.0.1:%[3]d;
%[4]s
	}
}
`, nginxUser(), dir, port, serverBlock)
	file := writeConfig(t, dir, "nginx.conf", config)
	// -e: until the configuration is read, nginx writes errors to a file that only root may open.
	runProxy(t, exec.Command(program, "-e", "stderr", "-p", dir, "-c", file), port)
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

// nginxUser keeps the workers of a master that runs as root from changing to a user that cannot read the test's files.
func nginxUser() string {
	if os.Geteuid() == 0 {
		return "user root;"
	}
	return ""
}

// Caddy runs the real Caddy with one plain-http site on a free port of 127.0.0.1 that holds siteBlock. It returns
// the site's base URL, without a slash at the end, once it answers. Caddy ends with the test; if the test failed its log is
// in the test's log.
func Caddy(t testing.TB, siteBlock string) (baseURL string) {
	t.Helper()
	program := Tool(t, "caddy")
	dir, port := t.TempDir(), FreePort(t)
	config := fmt.Sprintf(`{
	admin off
	auto_https off
	storage file_system %[1]s/storage
}
http://127.0.0.1:%[2]d {
	bind 127.0.0.1
%[3]s
}
`, dir, port, siteBlock)
	file := writeConfig(t, dir, "Caddyfile", config)
	command := exec.Command(program, "run", "--config", file, "--adapter", "caddyfile")
	command.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir+"/data", "XDG_CONFIG_HOME="+dir+"/config")
	runProxy(t, command, port)
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

// HAProxy runs the real HAProxy with one plain-http frontend on a free port of 127.0.0.1: frontend is what stands in
// it, with the sections that follow; script is a Lua file that is loaded. It returns the frontend's base URL, without
// a slash at the end, once it answers. HAProxy ends with the test; if the test failed its log is in the test's log.
func HAProxy(t testing.TB, frontend, script string) (baseURL string) {
	t.Helper()
	program := Tool(t, "haproxy")
	dir, port := t.TempDir(), FreePort(t)
	lua := writeConfig(t, dir, "script.lua", script)
	config := fmt.Sprintf(`global
	log stderr local0
	lua-load %[1]s
defaults
	log global
	mode http
	timeout connect 60s
	timeout client 60s
	timeout server 60s
frontend front
	bind 127.0.0.1:%[2]d
%[3]s
`, lua, port, frontend)
	file := writeConfig(t, dir, "haproxy.cfg", config)
	runProxy(t, exec.Command(program, "-db", "-f", file), port)
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

func writeConfig(t testing.TB, dir, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("write the configuration: %v", err)
	}
	return path
}

// runProxy starts the command, waits until it listens on the port, and stops it when the test ends.
func runProxy(t testing.TB, command *exec.Cmd, port int) {
	t.Helper()
	name := filepath.Base(command.Path)
	output := &syncBuffer{}
	child := startChild(t, command, output, output)
	t.Cleanup(func() {
		if _, ok := child.stop(syscall.SIGTERM); !ok {
			t.Errorf("%s did not end within %s of SIGTERM", name, patience)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, output.tail(8000))
		}
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	err := await(func() (bool, error) {
		if child.ended() {
			return false, fmt.Errorf("%s ended before it listened", name)
		}
		connection, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false, nil
		}
		return true, connection.Close()
	})
	if err != nil {
		t.Fatalf("wait for %s on %s: %v", name, address, err)
	}
}

// errPatience is what await returns when the condition did not come true in time.
var errPatience = errors.New("not within " + patience.String())

// await asks again and again whether the condition holds, until it does, fails, or patience is at an end.
func await(condition func() (bool, error)) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); ; {
		done, err := condition()
		if err != nil || done {
			return err
		}
		if time.Now().After(deadline) {
			return errPatience
		}
		<-ticker.C
	}
}

// child is a program that runs beside the test. It is waited for exactly once, whoever ends it.
type child struct {
	command *exec.Cmd
	done    chan struct{} // closed when it has ended
}

func startChild(t testing.TB, command *exec.Cmd, stdout, stderr *syncBuffer) *child {
	t.Helper()
	command.Stdout, command.Stderr = stdout, stderr
	// A grandchild that holds the pipe open must not hold up the test.
	command.WaitDelay = 5 * time.Second
	if err := command.Start(); err != nil {
		t.Fatalf("start %s: %v", command.Path, err)
	}
	c := &child{command: command, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		_ = command.Wait() // how it ended is in ProcessState
	}()
	return c
}

// ended says whether the program is no longer running.
func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// stop sends the signal and waits. It returns the exit code (-1 if a signal ended it), and false if the program
// outlived the wait and had to be killed.
func (c *child) stop(signal os.Signal) (code int, ok bool) {
	_ = c.command.Process.Signal(signal) // fails only when it has ended, which is what is wanted
	select {
	case <-c.done:
		return c.command.ProcessState.ExitCode(), true
	case <-time.After(patience):
		_ = c.command.Process.Kill()
		<-c.done
		return c.command.ProcessState.ExitCode(), false
	}
}

// syncBuffer collects what a program prints while the test reads it.
type syncBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// tail returns the last n bytes.
func (b *syncBuffer) tail(n int) string {
	text := b.String()
	return text[max(0, len(text)-n):]
}
