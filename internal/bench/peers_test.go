package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// peerVariable makes of the test's own program one of the servers to compare with. Its
// value is the upstream of the proxy among them.
const peerVariable = "BENCH_PEER"

func TestMain(m *testing.M) {
	if upstream, ok := os.LookupEnv(peerVariable); ok {
		if err := servePeer(upstream); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// The paths of the peer.
const (
	bare    = "/bare"    // 204 and nothing else
	headers = "/headers" // 200 and as many headers as a verdict has
	kilo    = "/kilo"    // a body of 1 KB
	proxied = "/proxied" // to the upstream, by the least that a reverse proxy in Go is
)

// identity is what /verify answers with.
var identity = [][2]string{
	{"Cache-Control", "no-store"},
	{"X-Auth-Organization", "acme"},
	{"X-Auth-Application", "orders"},
	{"X-Auth-Kind", "token"},
	{"X-Auth-Credential", "tok_01kaz4jz4wfkvbjw5x3zr3f5xq"},
	{"X-Auth-Label", "bench"},
	{"X-Auth-Subject", "tok_01kaz4jz4wfkvbjw5x3zr3f5xq"},
	{"X-Auth-Scope", "*:read *:write"},
}

// servePeer serves until standard input ends, which is when the test has.
func servePeer(upstream string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	target, err := url.Parse(upstream)
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 2 * connections // by default it would connect anew again and again
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
	body := strings.Repeat("x", 1024)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case headers:
			for _, h := range identity {
				w.Header().Set(h[0], h[1])
			}
			w.WriteHeader(http.StatusOK)
		case kilo:
			_, _ = io.WriteString(w, body)
		case proxied:
			r.URL.Path = kilo
			proxy.ServeHTTP(w, r)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// startPeer runs a peer in a process of its own.
func startPeer(t *testing.T, upstream string) (address string, pid int) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), peerVariable+"="+upstream)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = command.Wait()
	})
	address, err = bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the peer does not say where it listens: %v", err)
	}
	return strings.TrimSpace(address), command.Process.Pid
}

// The cores: one for the servers, one for the load and what stands behind gateways.
const (
	serverCore = 0
	loadCore   = 1
)

// pin keeps all threads of a process, and those that they will start, on one core.
// Where that cannot be done everything runs where the system puts it.
func pin(t *testing.T, pid, core int) {
	t.Helper()
	var set unix.CPUSet
	set.Set(core)
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(filepath.Base(task))
		if err == nil {
			err = unix.SchedSetaffinity(id, &set)
		}
		if err != nil {
			t.Logf("%d is not kept on core %d: %v", id, core, err)
		}
	}
}

// children returns the ids of a process's children, and of theirs.
func children(pid int) (out []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(text)) {
			if id, err := strconv.Atoi(word); err == nil {
				out = append(append(out, id), children(id)...)
			}
		}
	}
	return out
}

// spent returns the time that processes have spent on a CPU, by the kernel's clock for each
// process (clock_getcpuclockid(3)); /proc tells it by the hundredth of a second only.
func spent(t *testing.T, pids ...int) (sum time.Duration) {
	t.Helper()
	for _, pid := range pids {
		var at unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|2), &at); err != nil {
			t.Fatalf("the time that process %d has spent: %v", pid, err)
		}
		sum += time.Duration(at.Nano())
	}
	return sum
}

// resident returns the memory of a process, in MiB.
func resident(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib / 1024
}
