package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
	"claviger/web"
)

// bounded is a shop whose gateway is impatient, with an upstream.
func bounded(t *testing.T, upstream http.HandlerFunc, change func(*web.Options)) shop {
	t.Helper()
	s := newShop(t, testkit.Gateway(change))
	server := httptest.NewServer(upstream)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	s.live = s.API("acme", "orders", "live", server.URL)
	return s
}

// say sends text to the gateway and returns the connection.
func (s shop) say(t *testing.T, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	connection, reader := sayTo(t, s.GatewayURL, text)
	_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
	return connection, reader
}

// post is the head of a POST to the API "live".
func (s shop) post(token string, lines ...string) string {
	return "POST /acme/orders/live/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// answer reads an answer and checks its status and that its body says something; the
// connection is closed after it where closed says so.
func answer(t *testing.T, reader *bufio.Reader, status int, says string, closed bool) {
	t.Helper()
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status || !strings.Contains(string(body), says) {
		t.Errorf("status %d (%v): %s; want %d and %q", response.StatusCode, err, body, status, says)
	}
	if !closed {
		return
	}
	if _, err := reader.ReadByte(); err == nil || isTimeout(err) {
		t.Errorf("the connection is still open (%v)", err)
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

func ignore(http.ResponseWriter, *http.Request) {}

// TestGatewayTimeoutOfAnAPI: an API's own timeout goes before the gateway's.
func TestGatewayTimeoutOfAnAPI(t *testing.T) {
	done := make(chan struct{})
	s := bounded(t, func(http.ResponseWriter, *http.Request) { <-done }, func(o *web.Options) { o.UpstreamTimeout = 10 * time.Minute })
	defer close(done)
	draft := access.APIDraft{Name: s.live.Name, Upstream: s.live.Upstream, Timeout: time.Second}
	if err := s.Registry.UpdateAPI(t.Context(), s.Operator(), "acme", "orders", "live", draft); err != nil {
		t.Fatal(err)
	}
	a := s.Call("GET", s.GatewayURL+"/acme/orders/live/", "Authorization", "Bearer "+s.token)
	if a.Status != http.StatusGatewayTimeout || !strings.Contains(a.Body, "upstream-timeout") {
		t.Errorf("status %d: %s", a.Status, a.Body)
	}
	_, reference, _ := strings.Cut(a.Body, `"reference":"`)
	reference, _, _ = strings.Cut(reference, `"`)
	for line := range strings.Lines(s.Log.String()) {
		if strings.Contains(line, reference) && strings.Contains(line, `"organization":"acme","application":"orders","api":"live"`) {
			return
		}
	}
	t.Errorf("no line of the log tells of %q and names the API: %s", reference, s.Log)
}

// TestGatewayTimeoutIsNoneOfStreams: the upstream's time runs neither while the caller
// sends nor once the answer has begun.
func TestGatewayTimeoutIsNoneOfStreams(t *testing.T) {
	const limit, pause, parts = 300 * time.Millisecond, 100 * time.Millisecond, 6
	s := bounded(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for range parts {
			_, _ = io.WriteString(w, "part ")
			_ = http.NewResponseController(w).Flush()
			<-time.After(pause)
		}
	}, func(o *web.Options) { o.UpstreamTimeout = limit })
	connection, reader := s.say(t, s.post(s.token, "Transfer-Encoding: chunked"))
	for range parts {
		_, _ = io.WriteString(connection, "1\r\nx\r\n")
		<-time.After(pause)
	}
	_, _ = io.WriteString(connection, "0\r\n\r\n")
	answer(t, reader, http.StatusOK, strings.Repeat("part ", parts), false)
}

// TestGatewayCallerStopsSending: whether or not anybody wants the body.
func TestGatewayCallerStopsSending(t *testing.T) {
	s := bounded(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }, func(o *web.Options) { o.IdleTimeout = 200 * time.Millisecond })
	for name, c := range map[string]struct {
		token, line, part string
		status            int
		says              string
	}{
		"half of a body":        {s.token, "Content-Length: 100", "half", 408, "request-timeout"},
		"half of a chunk":       {s.token, "Transfer-Encoding: chunked", "5\r\nha", 408, "request-timeout"},
		"refused, half a body":  {"wrong", "Content-Length: 100", "half", 401, "invalid-token"},
		"refused, half a chunk": {"wrong", "Transfer-Encoding: chunked", "5\r\nha", 401, "invalid-token"},
	} {
		t.Run(name, func(t *testing.T) {
			_, reader := s.say(t, s.post(c.token, c.line)+c.part)
			answer(t, reader, c.status, c.says, true)
		})
	}
}

// TestGatewayBodyBreaksOff: what the caller breaks is not the upstream's fault.
func TestGatewayBodyBreaksOff(t *testing.T) {
	s := bounded(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }, func(*web.Options) {})
	for _, line := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
		connection, reader := s.say(t, s.post(s.token, line)+"5\r\nhello\r\n")
		if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answer(t, reader, http.StatusBadRequest, "body-unreadable", true)
	}
	if strings.Contains(s.Log.String(), "upstream failed") {
		t.Errorf("the log blames the upstream: %s", s.Log)
	}
}

// TestGatewayCallerStopsReading: the upstream is let go.
func TestGatewayCallerStopsReading(t *testing.T) {
	over := make(chan struct{})
	s := bounded(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(over)
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}, func(o *web.Options) { o.IdleTimeout = 200 * time.Millisecond })
	s.say(t, "GET /acme/orders/live/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.token+"\r\n\r\n")
	select {
	case <-over:
	case <-time.After(20 * time.Second):
		t.Error("the upstream writes for a caller who does not read")
	}
}

// TestGatewayIdleStreamsStay: an upstream may be silent for longer than a caller, a
// WebSocket too; and connections go on after it.
func TestGatewayIdleStreamsStay(t *testing.T) {
	const idle = 150 * time.Millisecond
	s := bounded(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "one ")
		_ = http.NewResponseController(w).Flush()
		<-time.After(3 * idle)
		_, _ = io.WriteString(w, "two")
	}, func(o *web.Options) { o.IdleTimeout = idle })
	connection, reader := s.say(t, s.post(s.token, "Content-Length: 4")+"body")
	answer(t, reader, http.StatusOK, "one two", false)
	<-time.After(2 * idle)
	_, _ = io.WriteString(connection, s.post(s.token, "Content-Length: 4")+"body")
	answer(t, reader, http.StatusOK, "one two", false)

	u := newLongStreams(t)
	s.API("acme", "orders", "long", u.URL)
	socket := u.open(t, s.GatewayURL, "socket", "Bearer "+s.token)
	<-time.After(2 * idle)
	socket.echoes(t)
}

// TestGatewayMaxBody: a body that is too large is refused, at once where its length is
// told, and never arrives as a whole.
func TestGatewayMaxBody(t *testing.T) {
	var whole atomic.Int64
	s := bounded(t, func(w http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); err == nil {
			whole.Store(n)
			_, _ = fmt.Fprint(w, "got ", n)
		}
	}, func(o *web.Options) { o.MaxBody = 1000 })
	thousand := strings.Repeat("x", 1000)
	for name, c := range map[string]struct {
		line, body string
		status     int
		says       string
	}{
		"as large as may be":    {"Content-Length: 1000", thousand, 200, "got 1000"},
		"in chunks":             {"Transfer-Encoding: chunked", "3e8\r\n" + thousand + "\r\n0\r\n\r\n", 200, "got 1000"},
		"too large":             {"Content-Length: 1001", "", 413, "body-too-large"},
		"too large by a chunk":  {"Transfer-Encoding: chunked", "3e8\r\n" + thousand + "\r\n1\r\nx\r\n", 413, "body-too-large"},
		"much too large, told":  {"Content-Length: 100000000000", "", 413, "body-too-large"},
		"much too large, large": {"Transfer-Encoding: chunked", "fffff\r\n" + strings.Repeat(thousand, 50), 413, "body-too-large"},
	} {
		t.Run(name, func(t *testing.T) {
			whole.Store(-1)
			_, reader := s.say(t, s.post(s.token, c.line)+c.body)
			answer(t, reader, c.status, c.says, false)
			if n := whole.Load(); (n == 1000) != (c.status == 200) {
				t.Errorf("the upstream got %d bytes as a whole", n)
			}
		})
	}
}

// TestGatewayReusesConnections: as many connections to an upstream as requests at a
// time, not as requests.
func TestGatewayReusesConnections(t *testing.T) {
	const together, rounds = 200, 5
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(ignore))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	s := newShop(t)
	s.API("acme", "orders", "live", server.URL)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: together}}
	t.Cleanup(client.CloseIdleConnections)
	var wait sync.WaitGroup
	for range together {
		wait.Go(func() {
			for range rounds {
				request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.GatewayURL+"/acme/orders/live/", nil)
				request.Header.Set("Authorization", "Bearer "+s.token)
				response, err := client.Do(request)
				if err != nil {
					t.Error(err)
					return
				}
				_ = response.Body.Close()
				if response.StatusCode != http.StatusOK {
					t.Errorf("status %d", response.StatusCode)
				}
			}
		})
	}
	wait.Wait()
	if n := opened.Load(); n > together+together/2 { // some are opened before others come back
		t.Errorf("%d connections for %d requests, %d at a time", n, together*rounds, together)
	}
}
