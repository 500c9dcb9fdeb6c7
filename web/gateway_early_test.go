package web_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"claviger/web"
)

// TestGatewayEarlyAnswerEndsTheConnection: where an upstream answers before the body is
// there, what comes late of the body must never be taken for another request. A proxy
// that shares its connections among callers would hand the answer to somebody else.
func TestGatewayEarlyAnswerEndsTheConnection(t *testing.T) {
	s := bounded(t, func(w http.ResponseWriter, _ *http.Request) {
		connection, buffered, err := http.NewResponseController(w).Hijack() // or net/http would wait for the body
		if err != nil {
			return
		}
		_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly")
		_, _ = io.Copy(io.Discard, buffered)
		_ = connection.Close()
	}, func(o *web.Options) { o.IdleTimeout = 200 * time.Millisecond })
	const hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, c := range map[string]struct{ path, line, part string }{
		"by length":     {"live", "Content-Length: 40", "1234"},
		"in chunks":     {"live", "Transfer-Encoding: chunked", "4\r\n1234\r\n24\r\n"},
		"at the echo":   {"backend", "Content-Length: 40", "1234"},
		"to nobody":     {"none", "Content-Length: 40", "1234"},
		"nothing of it": {"live", "Content-Length: 36", ""},
	} {
		t.Run(name, func(t *testing.T) {
			connection, reader := s.say(t, strings.Replace(s.post(s.token, c.line), "/live/", "/"+c.path+"/", 1)+c.part)
			first, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, first.Body)
			<-time.After(800 * time.Millisecond) // longer than the gateway waits for the rest
			_ = connection.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = io.WriteString(connection, hidden)
			if second, err := http.ReadResponse(reader, nil); err == nil {
				t.Errorf("what stood in the body was answered %d", second.StatusCode)
			} else if isTimeout(err) {
				t.Error("the connection is held for a body that does not come")
			}
		})
	}
}

// TestGatewayNeverAnswersForNobody: a caller who sends no more may still read. What the
// upstream did not answer must not become an empty 200 of ours.
func TestGatewayNeverAnswersForNobody(t *testing.T) {
	begun, done := make(chan struct{}), make(chan struct{})
	s := bounded(t, func(http.ResponseWriter, *http.Request) { close(begun); <-done }, func(*web.Options) {})
	defer close(done)
	connection, reader := s.say(t, "GET /acme/orders/live/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.token+"\r\n\r\n")
	<-begun
	if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if response, err := http.ReadResponse(reader, nil); err == nil && response.StatusCode < 500 {
		t.Errorf("answered %d, though the upstream said nothing", response.StatusCode)
	}
}

// TestGatewayWaitsForNoBody: whatever is asked for, also by strangers, a body that does
// not come holds no connection.
func TestGatewayWaitsForNoBody(t *testing.T) {
	s := bounded(t, ignore, func(o *web.Options) { o.IdleTimeout = 200 * time.Millisecond })
	for name, head := range map[string]string{
		"health":             "POST /healthz",
		"a method not known": "PUT /oauth/token",
		"metadata":           "POST /.well-known/oauth-authorization-server",
		"an ambiguous path":  "POST /acme//orders",
		"too short a path":   "POST /",
	} {
		t.Run(name, func(t *testing.T) {
			connection, reader := s.say(t, head+" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
			_ = connection.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.Copy(io.Discard, reader); isTimeout(err) {
				t.Error("the connection is held")
			}
		})
	}
}

// TestGatewayReachesNoLinkLocalAddress: an admin who names the upstream does not get at
// the credentials of the machine.
func TestGatewayReachesNoLinkLocalAddress(t *testing.T) {
	s := newShop(t)
	for i, host := range []string{"169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1%25lo]", "[fd00:ec2::254]"} {
		slug := fmt.Sprint("inner-", i)
		s.API("acme", "orders", slug, "http://"+host+"/latest")
		a := s.Call("GET", s.GatewayURL+"/acme/orders/"+slug+"/meta-data", "Authorization", "Bearer "+s.token)
		if a.Status != http.StatusBadGateway || strings.Count(s.Log.String(), "is a link-local address") != i+1 {
			t.Errorf("%s: status %d, and the log does not say why", host, a.Status)
		}
	}
}
