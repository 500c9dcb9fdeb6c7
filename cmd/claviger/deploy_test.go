package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"claviger/internal/testkit"
)

// deployed reads a file of the checkout.
func deployed(t *testing.T, name string) string {
	t.Helper()
	return readText(t, filepath.Join("../..", name))
}

// settings returns the values of a unit's key, in their order.
func settings(unit, key string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^`+key+`=(.*)$`).FindAllStringSubmatch(unit, -1) {
		out = append(out, m[1])
	}
	return out
}

// TestUnit starts what the unit starts, with its environment, and is the systemd that the unit promises: it hears that
// the server is ready, that it lives, that it reloads, and that it stops.
func TestUnit(t *testing.T) {
	unit := deployed(t, "docs/deploy/claviger.service")
	dir := t.TempDir()
	heard, address := listenDatagrams(t, dir)
	config := filepath.Join(dir, "claviger.ini")
	if err := os.WriteFile(config, []byte("[server]\nlisten = 127.0.0.1:0\n[gateway]\nlisten = 127.0.0.1:0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	place := strings.NewReplacer("/usr/local/bin/claviger", testkit.Binary(t), "/etc/claviger/claviger.ini", config, "/var/lib/claviger", filepath.Join(dir, "state"))
	words := strings.Fields(place.Replace(settings(unit, "ExecStart")[0]))
	command := exec.Command(words[0], words[1:]...)
	command.Dir = dir
	command.Env = append(command.Env, "NOTIFY_SOCKET="+address, "WATCHDOG_USEC=200000")
	for _, variable := range settings(unit, "Environment") {
		command.Env = append(command.Env, place.Replace(variable))
	}
	var stderr bytes.Buffer
	command.Stderr = &stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = command.Process.Kill() }()
	await := func(want string) {
		t.Helper()
		for {
			select {
			case message := <-heard:
				if message == want || strings.HasPrefix(message, want+"\n") {
					return
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("never heard %s", want)
			}
		}
	}
	await("READY=1")
	await("WATCHDOG=1")
	await("WATCHDOG=1")
	if got := settings(unit, "ExecReload"); !slices.Equal(got, []string{"/bin/kill -HUP $MAINPID"}) {
		t.Errorf("ExecReload=%v", got)
	}
	if err := command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	await("RELOADING=1")
	await("READY=1")
	if _, err := os.Stat(filepath.Join(dir, "state", "claviger.db")); err != nil {
		t.Errorf("the database is not in the state directory: %v", err)
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await("STOPPING=1")
	if err := command.Wait(); err != nil {
		t.Errorf("ended: %v\n%s", err, stderr.String())
	}
}

// listenDatagrams is a socket such as systemd gives, and what is said to it.
func listenDatagrams(t *testing.T, dir string) (heard chan string, address string) {
	t.Helper()
	address = filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	heard = make(chan string, 1000)
	go func() {
		for buffer := make([]byte, 4096); ; {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			heard <- string(buffer[:n])
		}
	}()
	return heard, address
}

// TestUnitIsHardened: systemd itself finds nothing wrong with the unit, where it is installed, and little exposed.
func TestUnitIsHardened(t *testing.T) {
	unit := deployed(t, "docs/deploy/claviger.service")
	for _, line := range []string{"Type=notify", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "MemoryDenyWriteExecute=yes", "StateDirectory=claviger", "User=claviger"} {
		if !slices.Contains(strings.Split(unit, "\n"), line) {
			t.Errorf("the unit lacks %s", line)
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not installed: only the lines were checked")
		return
	}
	path := filepath.Join(t.TempDir(), "claviger.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(unit, "/usr/local/bin/claviger", testkit.Binary(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v: %s", err, out)
	}
	if out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=15", path).CombinedOutput(); err != nil {
		t.Errorf("more exposed than 1.5: %v:\n%s", err, out)
	}
}

// TestDockerfile starts what the image starts, with its environment, and asks for its health as it would. The image is not
// built here: that takes a docker and a registry.
func TestDockerfile(t *testing.T) {
	file := strings.ReplaceAll(deployed(t, "Dockerfile"), "\\\n", " ")
	_, image, ok := strings.Cut(file, "\nFROM scratch\n")
	if !ok {
		t.Fatal("the last stage is not FROM scratch")
	}
	user := regexp.MustCompile(`(?m)^USER (\S+)$`).FindStringSubmatch(image)
	if user == nil || strings.HasPrefix(user[1], "0") || strings.HasPrefix(user[1], "root") {
		t.Errorf("USER %v", user)
	}
	dir := t.TempDir()
	ports := map[string]string{":8080": fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t)), ":8081": fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))}
	var env []string
	for _, m := range regexp.MustCompile(`(?m)^ENV (.*)$`).FindAllStringSubmatch(image, -1) {
		for _, variable := range strings.Fields(m[1]) {
			name, value, _ := strings.Cut(variable, "=")
			if port, ok := ports[value]; ok {
				value = port
			}
			env = append(env, name+"="+strings.ReplaceAll(value, "/data", filepath.Join(dir, "data")))
		}
	}
	run := func(words []string) *exec.Cmd {
		if words[0] != "/usr/local/bin/claviger" {
			t.Fatalf("the image holds no %s", words[0])
		}
		command := exec.Command(testkit.Binary(t), words[1:]...)
		command.Dir, command.Env = dir, env
		return command
	}
	server := run(append(execForm(t, image, `(?m)^ENTRYPOINT (\[.*\])$`), execForm(t, image, `(?m)^CMD (\[.*\])$`)...))
	var stderr bytes.Buffer
	server.Stderr = &stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Process.Kill() }()
	check := execForm(t, image, `(?m)^HEALTHCHECK .*CMD (\[.*\])$`)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for out, err := []byte(nil), error(nil); ; {
		if out, err = run(check).CombinedOutput(); err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("never healthy: %v: %s", err, out)
		}
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("ended: %v\n%s", err, stderr.String())
	}
}

// execForm returns the words of an instruction that is written as a JSON list.
func execForm(t *testing.T, text, pattern string) (words []string) {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no instruction like %s", pattern)
	}
	if err := json.Unmarshal([]byte(m[1]), &words); err != nil {
		t.Fatal(err)
	}
	return words
}
