package main_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"claviger/internal/testkit"
)

// siege is a server under attack by many callers at a time (S20).
type siege struct {
	t      *testing.T
	p      *testkit.Process
	token  string
	ctx    context.Context
	wait   sync.WaitGroup
	counts map[string]*atomic.Int64 // what the attackers met with
}

// breath is how long attackers wait between two connections, or it would be a test of
// who has more processors.
const breath = 500 * time.Millisecond

// attack runs n attackers until the siege ends. Each is given a connection to a
// listener, again and again. They do not begin all at once: the normal caller is one of
// this process's goroutines, and would wait its turn behind all of theirs for longer
// than a connection may be silent here.
func (s *siege) attack(name string, n int, baseURL string, do func(net.Conn) (met bool)) {
	count := &atomic.Int64{}
	s.counts[name] = count
	for i := range n {
		s.wait.Go(func() {
			pauseFor(s.ctx, breath*time.Duration(i)/time.Duration(n))
			for s.ctx.Err() == nil {
				conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(s.ctx, "tcp", strings.TrimPrefix(baseURL, "http://"))
				if err != nil {
					pauseFor(s.ctx, 100*time.Millisecond)
					continue
				}
				stop := context.AfterFunc(s.ctx, func() { _ = conn.Close() })
				if do(conn) {
					count.Add(1)
				}
				stop()
				_ = conn.Close()
				pauseFor(s.ctx, breath)
			}
		})
	}
}

func pauseFor(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// status reads the first line of an answer, if there is one.
func statusLine(conn net.Conn) string {
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 12)
	n, _ := io.ReadFull(conn, b)
	return string(b[:n])
}

// endless writes the same again and again until the other end has had enough.
func endless(conn net.Conn, head, more string, most int) {
	if _, err := io.WriteString(conn, head); err != nil {
		return
	}
	for range most {
		if _, err := io.WriteString(conn, more); err != nil {
			return
		}
	}
}

// begin sends all attackers out.
func (s *siege) begin() {
	gate := func(method, path, more string) string {
		return fmt.Sprintf("%s /acme/orders/live%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n", method, path, s.token, more)
	}
	both := map[string]string{"console": s.p.ConsoleURL, "gateway": s.p.GatewayURL}
	for name, url := range both {
		s.attack("slow heads at the "+name, 60, url, func(conn net.Conn) bool {
			for _, c := range "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: " + strings.Repeat("x", 1000) {
				if _, err := conn.Write([]byte{byte(c)}); err != nil {
					return true
				}
				pauseFor(s.ctx, 100*time.Millisecond)
			}
			return false
		})
		s.attack("endless heads at the "+name, 4, url, func(conn net.Conn) bool {
			endless(conn, "GET / HTTP/1.1\r\nHost: x\r\n", "X-More: "+strings.Repeat("x", 1000)+"\r\n", 10_000)
			return strings.HasSuffix(statusLine(conn), "431")
		})
		s.attack("idle at the "+name, 1000, url, func(conn net.Conn) bool {
			_, err := conn.Read(make([]byte, 1))
			return err != nil && s.ctx.Err() == nil
		})
	}
	s.attack("endless bodies at the gateway", 4, s.p.GatewayURL, func(conn net.Conn) bool {
		endless(conn, gate("POST", "/", "Transfer-Encoding: chunked\r\n"), "400\r\n"+strings.Repeat("x", 1024)+"\r\n", 100_000)
		return strings.HasSuffix(statusLine(conn), "413")
	})
	s.attack("endless forms at the console", 4, s.p.ConsoleURL, func(conn net.Conn) bool {
		endless(conn, "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n", "400\r\n"+strings.Repeat("x", 1024)+"\r\n", 100_000)
		return strings.Contains(statusLine(conn), " 4")
	})
	s.attack("bodies that stop", 50, s.p.GatewayURL, func(conn net.Conn) bool {
		_, _ = io.WriteString(conn, gate("POST", "/", "Content-Length: 1000\r\n")+"half")
		return strings.HasSuffix(statusLine(conn), "408")
	})
	s.attack("readers that do not read", 50, s.p.GatewayURL, func(conn net.Conn) bool {
		_, err := io.WriteString(conn, gate("GET", "/large", ""))
		pauseFor(s.ctx, 3*time.Second)
		return err == nil
	})
}

// TestUnderSiege: while all of that goes on, every request of a normal caller is let
// in, at forward-auth and at the gateway, with connections that are kept and new ones.
func TestUnderSiege(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path != "/large" {
			_, _ = io.WriteString(w, "ok")
			return
		}
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}))
	defer upstream.Close()
	defer upstream.CloseClientConnections()
	p := testkit.Start(t, t.TempDir(), []string{
		"CLAVIGER_SERVER_MAX_CONNECTIONS=1000", "CLAVIGER_GATEWAY_IDLE_TIMEOUT=1s", "CLAVIGER_GATEWAY_MAX_BODY=1000000", "CLAVIGER_SERVER_DRAIN_TIME=1s",
	})
	acme(t, p)
	must(t, p, "", "api", "add", "acme/orders/live", "--upstream", upstream.URL)
	ctx, end := context.WithCancel(t.Context())
	s := &siege{t: t, p: p, token: must(t, p, "", "token", "create", "acme/orders", "--label", "siege", "--reason", reason), ctx: ctx, counts: map[string]*atomic.Int64{}}
	s.begin()
	defer func() { end(); s.wait.Wait() }()
	var took []time.Duration
	for began := time.Now(); time.Since(began) < 6*time.Second; {
		took = append(took, s.normal(len(took)%2 == 0)...)
	}
	slices.Sort(took)
	t.Logf("%d requests, median %s, p99 %s, longest %s", len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
	for name, count := range s.counts {
		t.Logf("%-32s ended %d times", name, count.Load())
		if count.Load() == 0 {
			t.Errorf("%s: nobody was turned away", name)
		}
	}
}

// normal sends a request to each listener and returns how long they took.
func (s *siege) normal(kept bool) (took []time.Duration) {
	client := http.DefaultClient
	if !kept {
		client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	}
	for _, url := range []string{s.p.ConsoleURL + "/verify/acme/orders/live", s.p.GatewayURL + "/acme/orders/live/x"} {
		began := time.Now()
		request, err := http.NewRequestWithContext(s.ctx, http.MethodGet, url, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+s.token)
		request.Header.Set("X-Original-Method", "GET")
		response, err := client.Do(request)
		if err != nil {
			s.t.Errorf("%s: %v", url, err)
			continue
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			s.t.Errorf("%s: %d, %v: %s", url, response.StatusCode, err, body)
		}
		took = append(took, time.Since(began))
	}
	return took
}
