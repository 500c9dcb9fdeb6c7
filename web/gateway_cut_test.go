package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
)

// promptly is within what a stream must be cut. The promise is one second; a machine
// that does much else gets another one.
const promptly = 2 * time.Second

// longStreams is an upstream of streams that do not end by themselves.
type longStreams struct {
	*httptest.Server
	begun, over chan string
}

func newLongStreams(t *testing.T) *longStreams {
	u := &longStreams{begun: make(chan string, 100), over: make(chan string, 100)}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { u.over <- r.URL.Path }()
		switch r.URL.Path {
		case "/download":
			u.begun <- r.URL.Path
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 1<<16))
			}
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: hello\n\n")
			_ = http.NewResponseController(w).Flush()
			u.begun <- r.URL.Path
			<-r.Context().Done()
		case "/upload":
			_, _ = r.Body.Read(make([]byte, 1))
			u.begun <- r.URL.Path
			_, _ = io.Copy(io.Discard, r.Body)
		case "/socket":
			u.socket(w, r)
		}
	}))
	t.Cleanup(u.CloseClientConnections)
	return u
}

// socket echoes what comes after the handshake of a WebSocket.
func (u *longStreams) socket(w http.ResponseWriter, r *http.Request) {
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = connection.Close() }()
	_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	u.begun <- r.URL.Path
	_, _ = io.Copy(connection, buffered)
}

// stream is one end of a stream: a caller's connection to the gateway.
type stream struct {
	net.Conn
	kind     string
	answered *bufio.Reader
}

// open begins a stream and waits until it has reached the upstream.
func (u *longStreams) open(t *testing.T, gateway, kind, authorization string) stream {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(gateway, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	head := "GET"
	more := ""
	switch kind {
	case "upload":
		head, more = "POST", "Transfer-Encoding: chunked\r\n"
	case "socket":
		more = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	}
	_, _ = fmt.Fprintf(connection, "%s /acme/orders/long/%s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n%s\r\n", head, kind, authorization, more)
	s := stream{connection, kind, bufio.NewReader(connection)}
	if kind == "upload" {
		_, _ = io.WriteString(connection, "5\r\nhello\r\n")
	}
	if kind == "socket" {
		if response, err := http.ReadResponse(s.answered, nil); err != nil || response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("the handshake: %v (%v)", response, err)
		}
		s.echoes(t)
	}
	await(t, u.begun, kind, 20*time.Second)
	return s
}

// echoes checks that a WebSocket is open in both directions.
func (s stream) echoes(t *testing.T) {
	t.Helper()
	_, _ = io.WriteString(s, "ping\n")
	if line, err := s.answered.ReadString('\n'); line != "ping\n" {
		t.Errorf("the socket answers %q (%v)", line, err)
	}
}

// ends reads until the connection is closed and returns what came.
func (s stream) ends(t *testing.T) string {
	t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(10 * time.Second))
	rest, err := io.ReadAll(s.answered)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		t.Errorf("the %s is still open after ten seconds", s.kind)
	}
	return string(rest)
}

// cuts checks that what happens cuts a stream at both ends.
func (u *longStreams) cuts(t *testing.T, s stream, happens func()) (rest string) {
	t.Helper()
	happens()
	began := time.Now()
	rest = s.ends(t)
	if took := time.Since(began); took > promptly {
		t.Errorf("the %s was cut after %s", s.kind, took)
	}
	await(t, u.over, s.kind, promptly)
	return rest
}

// await waits until the upstream tells of a stream of that kind.
func await(t *testing.T, told <-chan string, kind string, limit time.Duration) {
	t.Helper()
	for end := time.After(limit); ; {
		select {
		case path := <-told:
			if path == "/"+kind {
				return
			}
		case <-end:
			t.Fatalf("the upstream says nothing of the %s", kind)
		}
	}
}

var streamKinds = []string{"download", "events", "upload", "socket"}

// TestStreamsAreCutByRevocation: whatever kind of stream it is.
func TestStreamsAreCutByRevocation(t *testing.T) {
	s, u := newShop(t), newLongStreams(t)
	s.API("acme", "orders", "long", u.URL)
	for _, kind := range streamKinds {
		t.Run(kind, func(t *testing.T) {
			token := s.Token("acme", "orders", "stream", "")
			opened := u.open(t, s.GatewayURL, kind, "Bearer "+token.Secret.Expose())
			bystander := u.open(t, s.GatewayURL, "socket", "Bearer "+s.token)
			rest := u.cuts(t, opened, func() { s.revoke(t, access.RevokeThem, token.Credential.ID) })
			if kind == "upload" && (!strings.HasPrefix(rest, "HTTP/1.1 401 ") || !strings.Contains(rest, "revoked") || !strings.Contains(rest, "Connection: close")) {
				t.Errorf("the upload is answered %q", rest)
			}
			bystander.echoes(t) // who is still accepted goes on
			says := func() bool {
				return slices.ContainsFunc(strings.Split(s.Log.String(), "\n"), func(line string) bool {
					return strings.Contains(line, `"msg":"stream cut"`) && strings.Contains(line, token.Credential.ID)
				})
			}
			for deadline := time.Now().Add(10 * time.Second); !says(); <-time.After(time.Millisecond) { // written once both ends are closed
				if time.Now().After(deadline) {
					t.Fatal("the log does not say which credential's stream was cut")
				}
			}
		})
	}
	if _, cut := s.Verifier.Streams(); cut != int64(len(streamKinds)) {
		t.Errorf("%d streams were cut, want %d", cut, len(streamKinds))
	}
}

// revoke does something to tokens of orders.
func (s shop) revoke(t *testing.T, verb access.Verb, ids ...string) {
	t.Helper()
	if _, err := s.Registry.Each(t.Context(), s.Operator(), "acme", "orders", verb, ids); err != nil {
		t.Error(err)
	}
}

// TestStreamsAreCutByEveryEnd: whatever it is that ends what a credential may do.
func TestStreamsAreCutByEveryEnd(t *testing.T) {
	s, u := newShop(t), newLongStreams(t)
	s.API("acme", "orders", "long", u.URL)
	act := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	s.User("mia@acme.example", "acme", access.Member)
	s.User("vic@acme.example", "acme", access.Member)
	expiring, err := s.Registry.IssueToken(t.Context(), s.Operator(), "acme", "orders", access.Draft{Label: "short", Expires: "1d"})
	act(err)
	paused := s.Token("acme", "orders", "paused", "")
	personal := till{shop: s, t: t}.personal("mia@acme.example", "mia").Secret.Expose()
	lowered := till{shop: s, t: t}.personal("vic@acme.example", "vic").Secret.Expose()
	for _, c := range []struct {
		name, kind, authorization string
		happens                   func()
	}{
		{"paused", "events", "Bearer " + paused.Secret.Expose(), func() { s.revoke(t, access.PauseThem, paused.Credential.ID) }},
		{"Basic disabled", "socket", pair(s.username, s.password), func() { act(s.Registry.DisableBasic(t.Context(), s.Operator(), "acme", "orders", "orders")) }},
		{"removed from the organization", "download", "Bearer " + personal, func() {
			_, err := s.Accounts.RemoveMember(t.Context(), s.Operator(), "acme", "mia@acme.example")
			act(err)
		}},
		{"a role that may only read", "upload", "Bearer " + lowered, func() {
			_, err := s.Accounts.ChangeRole(t.Context(), s.Operator(), "acme", "vic@acme.example", access.Viewer)
			act(err)
		}},
		{"expired", "events", "Bearer " + expiring.Secret.Expose(), func() { s.Clock.Advance(72 * time.Hour) }},
	} {
		t.Run(c.name, func(t *testing.T) { u.cuts(t, u.open(t, s.GatewayURL, c.kind, c.authorization), c.happens) })
	}
}

// TestStreamsAreCutWhoeverReads: a caller who takes nothing of an endless answer keeps
// neither their connection nor the upstream's.
func TestStreamsAreCutWhoeverReads(t *testing.T) {
	s, u := newShop(t), newLongStreams(t)
	s.API("acme", "orders", "long", u.URL)
	u.open(t, s.GatewayURL, "download", "Bearer "+s.token) // and nobody reads
	s.revoke(t, access.RevokeThem, s.tokenID)
	select {
	case <-u.over:
	case <-time.After(promptly):
		t.Error("the upstream of a download that nobody reads goes on")
	}
	for deadline := time.Now().Add(10 * time.Second); ; <-time.After(5 * time.Millisecond) {
		if running, _ := s.Verifier.Streams(); running == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the stream is still under way")
		}
	}
}

// TestStreamsCountOnce: however often a stream is judged again, it is one use; that
// it was cut is one refusal.
func TestStreamsCountOnce(t *testing.T) {
	s, u := newShop(t), newLongStreams(t)
	s.API("acme", "orders", "long", u.URL)
	opened := u.open(t, s.GatewayURL, "socket", "Bearer "+s.token)
	s.Token("acme", "orders", "other", "") // has everything judged again
	opened.echoes(t)
	u.cuts(t, opened, func() { s.revoke(t, access.RevokeThem, s.tokenID) })
	s.FlushUses()
	var spans []access.UseSpan
	err := s.Store.View(t.Context(), func(tx access.ReadTx) (err error) {
		spans, err = tx.UseSpans(s.tokenID, false, s.Clock.Now().Truncate(time.Hour))
		return err
	})
	if err != nil || len(spans) != 1 || spans[0].Accepted != 1 || spans[0].Refused != 1 {
		t.Errorf("%+v (%v), want one accepted and one refused", spans, err)
	}
}
