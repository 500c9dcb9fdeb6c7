package main

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// gated is a server behind a gate for two connections, whose requests to /stay wait
// for the test.
func gated(t *testing.T) (g *gate, log *safeBuffer, stay chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log, stay = &safeBuffer{}, make(chan struct{})
	g = newGate(listener, 2, false, slog.New(slog.NewTextHandler(log, nil)))
	server := &http.Server{ConnState: g.changed, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stay" {
			_ = http.NewResponseController(w).Flush()
			<-stay
		}
		_, _ = io.WriteString(w, "ok")
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(g) }()
	t.Cleanup(func() { _ = server.Close(); <-ended })
	return g, log, stay
}

// caller is a connection to a gate.
type caller struct {
	net.Conn
	*bufio.Reader
}

func (c caller) Read(b []byte) (int, error) { return c.Reader.Read(b) }

func dialGate(t *testing.T, g *gate, text string) caller {
	t.Helper()
	conn, err := net.Dial("tcp", g.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(conn, text)
	return caller{conn, bufio.NewReader(conn)}
}

// head reads the head of an answer.
func (c caller) head(t *testing.T) *http.Response {
	t.Helper()
	response, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return response
}

const get, stayThere = "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET /stay HTTP/1.1\r\nHost: x\r\n\r\n"

// TestGateSheds: where all are busy, one more is told so, and is let in once there is
// room again.
func TestGateSheds(t *testing.T) {
	g, log, stay := gated(t)
	busy := []caller{dialGate(t, g, stayThere), dialGate(t, g, stayThere)}
	for _, c := range busy {
		c.head(t) // now it is busy
	}
	for range 3 {
		c := dialGate(t, g, get)
		response := c.head(t)
		body, err := io.ReadAll(response.Body)
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") != "1" || !response.Close || string(body) != "too many connections\n" || err != nil {
			t.Errorf("%v (%v): %s", response, err, body)
		}
	}
	if n := strings.Count(log.String(), "turned away"); n != 2 { // of the first and of the second
		t.Errorf("%d lines in the log: %s", n, log.String())
	}
	close(stay)
	for _, c := range busy {
		_ = c.Conn.Close()
	}
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(time.Millisecond) {
		c := dialGate(t, g, get)
		if c.head(t).StatusCode == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("there is no room although nobody is there")
		}
	}
}

// TestGateMakesRoom: who waits for nothing, or has not said what they want, is closed
// for others, the longest waiting first; who is busy stays.
func TestGateMakesRoom(t *testing.T) {
	g, _, stay := gated(t)
	busy := dialGate(t, g, stayThere)
	busy.head(t)
	for _, before := range []string{"", "GET / HTTP/1.1\r\nHost:", get} {
		idle := dialGate(t, g, before)
		if before == get {
			response := idle.head(t)
			_, _ = io.Copy(io.Discard, response.Body)
			g.waitFor(t, 2, 1) // the server says that it is idle a moment after its answer
		}
		next := dialGate(t, g, get)
		if response := next.head(t); response.StatusCode != http.StatusOK {
			t.Errorf("%q is there: status %d", before, response.StatusCode)
		}
		if _, err := idle.ReadByte(); err == nil || isTimeoutError(err) {
			t.Errorf("%q is still open: %v", before, err)
		}
		_ = next.Conn.Close()
		g.waitFor(t, 1, 0) // until it has gone it takes room
	}
	close(stay)
	if line, err := busy.ReadString('\n'); err != nil || line != "2\r\n" { // a chunk of two bytes
		t.Errorf("the busy one got %q (%v)", line, err)
	}
}

// waitFor waits until so many connections are open, and so many of them wait for a request.
func (g *gate) waitFor(t *testing.T, open, waiting int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(time.Millisecond) {
		g.mu.Lock()
		opened, waits := len(g.open), g.waiting.Len()
		g.mu.Unlock()
		if opened == open && waits == waiting {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are open and %d wait, want %d and %d", opened, waits, open, waiting)
		}
	}
}

func isTimeoutError(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// TestRoomFor: never more than the limit of open files allows.
func TestRoomFor(t *testing.T) {
	log := &safeBuffer{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	if n := roomFor(16, logger); n != 16 || log.String() != "" {
		t.Errorf("room for %d of 16: %s", n, log.String())
	}
	if n := roomFor(1_000_000_000, logger); n < 16 || n >= 1_000_000_000/3 || !strings.Contains(log.String(), "open files") {
		t.Errorf("room for %d: %s", n, log.String())
	}
}
