package web_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// hostileUpstream answers every request with a text, which need not be HTTP.
func hostileUpstream(t *testing.T, text string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(connection)); err == nil {
				_, _ = io.WriteString(connection, text)
			}
			_ = connection.Close()
		}
	}()
	return "http://" + listener.Addr().String()
}

// TestUpstreamFillsNoLog: what an API answers stands in some errors word for word. It is
// cut before it comes into the log.
func TestUpstreamFillsNoLog(t *testing.T) {
	s := newShop(t)
	long := strings.Repeat("9", 900_000)
	for slug, text := range map[string]string{
		"no-http": long + "\r\n\r\n",
		"status":  "HTTP/1.1 " + long + "\r\n\r\n",
		"length":  "HTTP/1.1 200 OK\r\nContent-Length: " + long + "\r\n\r\n",
		"coding":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + long + "\r\n\r\n",
		"upgrade": "HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: " + long + "\r\n\r\n",
	} {
		s.API("acme", "orders", slug, hostileUpstream(t, text))
		before := len(s.Log.String())
		a := s.Call("GET", s.GatewayURL+"/acme/orders/"+slug+"/", "Authorization", "Bearer "+s.token)
		if logged := len(s.Log.String()) - before; a.Status != http.StatusBadGateway || logged > 4000 {
			t.Errorf("%s: status %d, and %d bytes in the log", slug, a.Status, logged)
		}
	}
}
