package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"claviger/internal/testkit"
)

// wire is a connection to a listener, for what http.Client would not do.
type wire struct {
	net.Conn
	in *bufio.Reader
}

func dialWire(t *testing.T, baseURL, text string) wire {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(baseURL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return wire{conn, bufio.NewReader(conn)}
}

// line reads lines until one says something.
func (w wire) line(t *testing.T, says string) {
	t.Helper()
	for {
		line, err := w.in.ReadString('\n')
		if strings.Contains(line, says) {
			return
		}
		if err != nil {
			t.Fatalf("no %q: %v", says, err)
		}
	}
}

// TestDrain: told to end, the server accepts no more and says so, lets what is under
// way finish, cuts what does not, WebSockets too, and ends well.
func TestDrain(t *testing.T) {
	release := make(chan struct{})
	letGo := sync.OnceFunc(func() { close(release) })
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			_ = http.NewResponseController(w).Flush()
			<-release
			_, _ = io.WriteString(w, "all of it\n")
		case "/events":
			_, _ = io.WriteString(w, "event\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/socket":
			conn, in, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			_, _ = io.Copy(conn, in)
		}
	}))
	defer upstream.Close()
	defer upstream.CloseClientConnections()
	defer letGo()
	p := testkit.Start(t, t.TempDir(), []string{"CLAVIGER_SERVER_DRAIN_TIME=5s"})
	acme(t, p)
	must(t, p, "", "api", "add", "acme/orders/live", "--upstream", upstream.URL)
	token := must(t, p, "", "token", "create", "acme/orders", "--label", "drain", "--reason", reason)
	get := func(path, more string) string {
		return fmt.Sprintf("GET /acme/orders/live/%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n", path, token, more)
	}
	probe := dialWire(t, p.ConsoleURL, "GET /readyz HTTP/1.1\r\n")                          // whose head is not whole yet
	dialWire(t, p.ConsoleURL, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").line(t, "200 OK") // so the one before was accepted, too
	slow, events := dialWire(t, p.GatewayURL, get("slow", "")), dialWire(t, p.GatewayURL, get("events", ""))
	socket := dialWire(t, p.GatewayURL, get("socket", "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
	slow.line(t, "200 OK")
	events.line(t, "event")
	socket.line(t, "101")

	ended := make(chan int, 1)
	go func() { ended <- p.Stop() }()
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(time.Millisecond) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.ConsoleURL, "http://"))
		if err != nil {
			break
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("the server still accepts connections")
		}
	}
	_, _ = io.WriteString(probe, "Host: x\r\n\r\n")
	probe.line(t, "503")
	probe.line(t, "The server is stopping.")
	_, _ = io.WriteString(socket, "still there\n")
	socket.line(t, "still there")
	letGo()
	slow.line(t, "all of it")
	for name, w := range map[string]wire{"events": events, "socket": socket} {
		if _, err := io.ReadAll(w.in); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("the %s are not cut: %v", name, err)
		}
	}
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}
