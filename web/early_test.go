package web_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"claviger/internal/testkit"
	"claviger/web"
)

// sayTo sends text to a listener and returns the connection, on which nothing may take
// longer than a few seconds.
func sayTo(t *testing.T, base, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(15 * time.Second))
	if _, err := io.WriteString(connection, text); err != nil {
		t.Fatal(err)
	}
	return connection, bufio.NewReader(connection)
}

// isLogged waits for a moment until the log says something: a request is logged when it is over.
func isLogged(log *testkit.Log, text string) bool {
	for range 500 {
		if strings.Contains(log.String(), text) {
			return true
		}
		<-time.After(10 * time.Millisecond)
	}
	return false
}

// TestAnswersDoNotWaitForBodies: whoever is refused hears so at once, also one who sends
// the rest of a body only then, or never; and what comes next is no request.
func TestAnswersDoNotWaitForBodies(t *testing.T) {
	s := bounded(t, ignore, func(o *web.Options) { o.IdleTimeout = 10 * time.Minute })
	hostile := "GET /acme/orders/live/ HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, c := range []struct {
		name, base, head, rest string
		status                 int
		says                   string
	}{
		{"told to wait", s.GatewayURL, "POST /acme/orders/live/ HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n", "", 401, "credential-needed"},
		{"told to wait, much", s.GatewayURL, "POST /acme/orders/live/ HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1000000\r\n", "", 401, "credential-needed"},
		{"half a body", s.GatewayURL, "POST /acme/orders/live/ HTTP/1.1\r\nContent-Length: 1000\r\n", hostile, 401, "credential-needed"},
		{"half a chunk", s.GatewayURL, "POST /acme/orders/live/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "FF\r\n" + hostile, 401, "credential-needed"},
		{"no such API", s.GatewayURL, "POST /acme/orders/none/ HTTP/1.1\r\nContent-Length: 1000\r\nAuthorization: Bearer " + s.token + "\r\n", hostile, 404, "unknown-api"},
		{"ambiguous", s.GatewayURL, "POST /acme//orders HTTP/1.1\r\nContent-Length: 1000\r\n", hostile, 400, "path-not-plain"},
		{"health", s.GatewayURL, "POST /healthz HTTP/1.1\r\nContent-Length: 1000\r\n", hostile, 200, "ok"},
		{"forward-auth refuses", s.ConsoleURL, "POST /verify/acme/orders/live HTTP/1.1\r\nContent-Length: 1000\r\n", hostile, 401, "credential-needed"},
		{"forward-auth accepts", s.ConsoleURL, "POST /verify/acme/orders/live HTTP/1.1\r\nContent-Length: 1000\r\nAuthorization: Bearer " + s.token + "\r\n", "", 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, reader := sayTo(t, c.base, c.head+"Host: x\r\n\r\n"+c.rest)
			answer(t, reader, c.status, c.says, true)
		})
	}
}

// TestRefusedBodiesKeepConnections: a body that is there is taken, and the connection goes on.
func TestRefusedBodiesKeepConnections(t *testing.T) {
	s := bounded(t, ignore, func(*web.Options) {})
	for base, path := range map[string]string{s.GatewayURL: "/acme/orders/live/", s.ConsoleURL: "/verify/acme/orders/live"} {
		head := "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
		connection, reader := sayTo(t, base, head)
		for range 3 {
			_, _ = io.WriteString(connection, "hello")
			answer(t, reader, http.StatusUnauthorized, "credential-needed", false)
			_, _ = io.WriteString(connection, head)
		}
	}
}

// TestRefusedBodiesThatGoOn: who sends more than we take hears the answer all the same,
// rather than that the connection was reset.
func TestRefusedBodiesThatGoOn(t *testing.T) {
	s := bounded(t, ignore, func(*web.Options) {})
	for _, length := range []string{"Content-Length: 4000000", "Transfer-Encoding: chunked"} {
		connection, reader := sayTo(t, s.GatewayURL, "POST /acme/orders/live/ HTTP/1.1\r\nHost: x\r\n"+length+"\r\n\r\n")
		part := strings.Repeat("x", 10_000)
		if strings.HasPrefix(length, "T") {
			part = "2710\r\n" + part + "\r\n"
		}
		for range 390 {
			if _, err := io.WriteString(connection, part); err != nil {
				t.Fatalf("%s: the connection is closed before all is sent: %v", length, err)
			}
		}
		answer(t, reader, http.StatusUnauthorized, "credential-needed", true)
	}
}

// TestFormsThatBreakOffAreNoFailuresOfOurs: whoever goes away in the middle of a form causes
// no 5xx, which would be an alarm that anybody could raise.
func TestFormsThatBreakOffAreNoFailuresOfOurs(t *testing.T) {
	s := bounded(t, ignore, func(*web.Options) {})
	connection, _ := sayTo(t, s.ConsoleURL, "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nemail=")
	_ = connection.Close()
	if !isLogged(s.Log, `"route":"POST /sign-in","status":422`) {
		t.Errorf("the log tells of something else: %s", s.Log)
	}
}

// TestWhoeverHasGoneIsAnsweredNothing: neither a false 503 nor a 500 is counted for callers
// who went away while the database was asked.
func TestWhoeverHasGoneIsAnsweredNothing(t *testing.T) {
	s := bounded(t, ignore, func(*web.Options) {})
	gone, leave := context.WithCancel(t.Context())
	leave()
	for _, path := range []string{"/verify/acme/orders/live", "/orgs/acme"} {
		answer := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(gone, http.MethodGet, path, nil)
		request.Header.Set("Authorization", "Bearer "+s.token)
		request.Header.Set("Cookie", "claviger="+strings.Repeat("x", 43))
		func() {
			defer func() {
				if cause := recover(); cause != http.ErrAbortHandler {
					t.Errorf("%s: status %d: %s (%v)", path, answer.Code, answer.Body, cause)
				}
			}()
			s.Console.ServeHTTP(answer, request)
		}()
	}
}
