package web_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// The benchmarks of the check in front of every request. Each compares two servers
// of this process in turns, over loopback with a connection kept open, and reports how
// many times the one's throughput the other's is: a ratio holds on a noisy machine
// where a time does not.

// round is how many requests go to one server before it is the other one's turn.
const round = 200

// line is a connection that sends one and the same request again and again.
type line struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
	spent   time.Duration
	status  int
}

func dial(b *testing.B, address, request string) *line {
	b.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &line{conn: conn, reader: bufio.NewReader(conn), request: []byte(request)}
}

// run sends a round of requests and adds up the time that they took.
func (l *line) run(b *testing.B) {
	began := time.Now()
	for range round {
		if _, err := l.conn.Write(l.request); err != nil {
			b.Fatal(err)
		}
		response, err := http.ReadResponse(l.reader, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			b.Fatal(err)
		}
		l.status = response.StatusCode
	}
	l.spent += time.Since(began)
}

// compare runs two lines in turns and reports the ratio of their throughputs.
func compare(b *testing.B, ours, other *line, want int) {
	b.Helper()
	for b.Loop() {
		ours.run(b)
		other.run(b)
	}
	if ours.status != want {
		b.Fatalf("status %d, want %d", ours.status, want)
	}
	b.ReportMetric(float64(other.spent)/float64(ours.spent), "ratio")
	b.ReportMetric(float64(ours.spent.Microseconds())/float64(b.N*round), "µs/request")
	b.ReportMetric(0, "ns/op")
}

func serve(b *testing.B, h http.HandlerFunc) string {
	b.Helper()
	server := httptest.NewServer(h)
	b.Cleanup(server.Close)
	return server.URL
}

// noop is the limit: 200 and nothing else, or with as many headers as we send.
func noop(headers bool) http.HandlerFunc {
	names := []string{"X-Auth-Organization", "X-Auth-Application", "X-Auth-Kind", "X-Auth-Credential", "X-Auth-Label", "X-Auth-Subject", "X-Auth-Scope", "Cache-Control"}
	return func(w http.ResponseWriter, _ *http.Request) {
		if headers {
			for _, name := range names {
				w.Header()[name] = []string{"a value of some length"}
			}
		}
		w.WriteHeader(http.StatusOK)
	}
}

func get(path, authorization string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: bench\r\nAuthorization: " + authorization + "\r\nX-Original-Method: GET\r\nX-Original-URI: /\r\n\r\n"
}

// BenchmarkForwardAuth compares /verify with a server that does nothing.
func BenchmarkForwardAuth(b *testing.B) {
	s := testkit.Server(b)
	s.Organization("acme")
	s.Application("acme", "orders")
	token := "Bearer " + s.Token("acme", "orders", "bench", "").Secret.Expose()
	unknown := "Bearer " + secret.Generate(secret.Token).Expose()
	const path = "/verify/acme/orders/backend"
	for _, c := range []struct {
		name, authorization string
		headers             bool
		status              int
	}{
		{"valid-vs-noop", token, false, 200},
		{"valid-vs-noop-with-headers", token, true, 200},
		{"unknown-vs-noop", unknown, false, 401},
	} {
		b.Run(c.name, func(b *testing.B) {
			request := get(path, c.authorization)
			compare(b, dial(b, s.ConsoleURL, request), dial(b, serve(b, noop(c.headers)), request), c.status)
		})
	}
}

// BenchmarkGateway compares the gateway with the least that a proxy in Go is.
func BenchmarkGateway(b *testing.B) {
	body := strings.Repeat("x", 1024)
	upstream := serve(b, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	s := testkit.Server(b)
	s.Organization("acme")
	s.Application("acme", "orders")
	s.API("acme", "orders", "real", upstream)
	token := "Bearer " + s.Token("acme", "orders", "bench", "").Secret.Expose()
	target, err := url.Parse(upstream)
	if err != nil {
		b.Fatal(err)
	}
	least := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
	request := get("/acme/orders/real/", token)
	compare(b, dial(b, s.GatewayURL, request), dial(b, serve(b, least.ServeHTTP), request), 200)
}
