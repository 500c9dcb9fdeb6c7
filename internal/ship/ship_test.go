package ship_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/ship"
)

// chain returns events that follow each other.
func chain(n int) []access.Event {
	prev := make([]byte, sha256.Size)
	events := make([]access.Event, n)
	for i := range events {
		e := access.Event{
			Seq: int64(i) + 1, ID: fmt.Sprint("evt_", i), At: time.Unix(1_800_000_000+int64(i), 0).UTC(), Act: access.ActCreateToken,
			ActorName: "Ada", Reason: "line\nbreak <1>", Count: 1, Detail: map[string]string{"label": "ci"}, PrevHash: prev,
		}
		e.Hash = e.ChainHash()
		prev, events[i] = e.Hash, e
	}
	return events
}

// holds fails unless lines are the first n events of the chain, each once.
func holds(t *testing.T, what string, text []byte, n int) {
	t.Helper()
	follow := access.NewChain(access.EventHead{})
	for line := range bytes.Lines(text) {
		e, err := access.ParseEventLine(line)
		if err != nil {
			t.Fatalf("%s: %v: %q", what, err, line)
		}
		follow.Follow(e)
	}
	if follow.Broken > 0 || follow.Head.Seq != int64(n) {
		t.Errorf("%s: up to %d of %d, %v", what, follow.Head.Seq, n, follow.Breaks)
	}
}

// TestFile: what a crash left half is cut off, what is there is not written again, and a file that is none of ours stays as it is.
func TestFile(t *testing.T) {
	events := chain(6)
	path := filepath.Join(t.TempDir(), "events.jsonl")
	file := ship.File{Path: path}
	read := func() []byte {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	send := func(events []access.Event) {
		t.Helper()
		if err := file.Send(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	send(events[:2])
	holds(t, "made", read(), 2)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	whole := read()
	line, err := events[2].Line()
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{0, 1, 20, len(line) - 1} { // killed within the third line, or before anybody knew of the first two
		if err := os.WriteFile(path, append(bytes.Clone(whole), line[:cut]...), 0o600); err != nil {
			t.Fatal(err)
		}
		send(events[:4])
		holds(t, fmt.Sprint("torn after ", cut), read(), 4)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	send(events[4:])
	if got := bytes.Count(read(), []byte("\n")); got != 2 {
		t.Errorf("moved away: %d lines in the new file", got)
	}
	for what, text := range map[string]string{"text": "hello", "lines": "hello\n", "json": "{}\n", "torn text": string(whole) + "hello"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := file.Send(t.Context(), events); err == nil || string(read()) != text {
			t.Errorf("%s: %v, and it holds %q", what, err, read())
		}
	}
	if err := (ship.File{Path: t.TempDir()}).Send(t.Context(), events); err == nil {
		t.Error("a directory is taken")
	}
}

// clock stands still.
type clock struct{}

func (clock) Now() time.Time { return time.Unix(1_800_000_123, 0) }

// TestWebhook: only 2xx acknowledges; redirects are not followed; who cannot prove who they are gets nothing; what is sent is signed.
func TestWebhook(t *testing.T) {
	const secret = "a secret of many characters"
	events := chain(3)
	status, calls := http.StatusNoContent, 0
	var got []byte
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if want := ship.Sign([]byte(secret), clock{}.Now(), body); r.Header.Get("Claviger-Signature") != want {
			t.Errorf("signed %q, want %q", r.Header.Get("Claviger-Signature"), want)
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-ndjson" || r.URL.Path != "/events" {
			t.Errorf("%s %s of %s", r.Method, r.URL, r.Header.Get("Content-Type"))
		}
		got = body
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	webhook := ship.NewWebhook(server.URL+"/events", secret, "test", clock{}, &tls.Config{RootCAs: roots})
	if err := webhook.Send(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	holds(t, "received", got, 3)
	for _, status = range []int{301, 307, 400, 401, 429, 500, 503} {
		before := calls
		if err := webhook.Send(t.Context(), events); err == nil || !strings.Contains(err.Error(), strconv.Itoa(status)) || calls != before+1 {
			t.Errorf("%d: %v, after %d calls", status, err, calls-before)
		}
	}
	before := calls
	if err := ship.NewWebhook(server.URL+"/events", secret, "test", clock{}, nil).Send(t.Context(), events); err == nil || calls != before {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
}

// TestSignature: the example of docs/operations.md.
func TestSignature(t *testing.T) {
	const want = "t=1800000123,v1=65711bcf111fd8fbd6bb9fcc8f46411d95023df1cdb8c70078629ba28c75f94c"
	if got := ship.Sign([]byte("0123456789abcdef"), clock{}.Now(), []byte("{}\n")); got != want {
		t.Errorf("signed %q", got)
	}
}

// collector takes streams, as a syslog daemon does, and tells what was in each.
func collector(t *testing.T, listener net.Listener) <-chan string {
	t.Helper()
	t.Cleanup(func() { _ = listener.Close() })
	out := make(chan string, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			text, _ := io.ReadAll(conn)
			_ = conn.Close()
			out <- string(text)
		}
	}()
	return out
}

func TestSyslogStreams(t *testing.T) {
	events := chain(2)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "log")
	local, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	secured, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: server.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	for network, listener := range map[string]net.Listener{"tcp": plain, "tls": secured, "unix": local} {
		got := collector(t, listener)
		s := ship.NewSyslog(network, listener.Addr().String(), "key keeper", 42, &tls.Config{RootCAs: roots})
		if err := s.Send(t.Context(), events); err != nil {
			t.Errorf("%s: %v", network, err)
			continue
		}
		text := <-got
		if network == "unix" {
			holds(t, network, after(t, text, "]: "), 2)
			continue
		}
		var messages []string
		for reader := bufio.NewReader(strings.NewReader(text)); ; {
			length, err := reader.ReadString(' ')
			if err == io.EOF {
				break
			}
			n, err := strconv.Atoi(strings.TrimSpace(length))
			if err != nil {
				t.Fatalf("%s: no frame: %q", network, text)
			}
			message := make([]byte, n)
			if _, err := io.ReadFull(reader, message); err != nil {
				t.Fatal(err)
			}
			messages = append(messages, string(message))
		}
		if want := "<86>1 2027-01-15T08:00:00.000000Z keykeeper claviger 42 audit - {"; len(messages) != 2 || !strings.HasPrefix(messages[0], want) {
			t.Errorf("%s: %q", network, messages)
		}
		holds(t, network, after(t, strings.Join(messages, "\n")+"\n", "audit - "), 2)
	}
	strangers := ship.NewSyslog("tls", secured.Addr().String(), "x", 1, nil)
	if err := strangers.Send(t.Context(), events); err == nil {
		t.Error("a certificate that nobody vouches for is taken")
	}
}

// after returns what follows a separator in each line.
func after(t *testing.T, text, separator string) []byte {
	t.Helper()
	var out []byte
	for line := range strings.Lines(text) {
		_, rest, ok := strings.Cut(line, separator)
		if !ok {
			t.Fatalf("no %q in %q", separator, line)
		}
		out = append(out, rest...)
	}
	return out
}

func TestSyslogDatagrams(t *testing.T) {
	events := chain(3)
	events[2].Detail = map[string]string{"long": strings.Repeat("x", 100_000)}
	path := filepath.Join(t.TempDir(), "log")
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	local, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	for network, listener := range map[string]net.PacketConn{"udp": udp, "unix": local} {
		address, separator := listener.LocalAddr().String(), "audit - "
		if network == "unix" {
			address, separator = path, "]: "
		}
		if err := ship.NewSyslog(network, address, "", 42, nil).Send(t.Context(), events); err != nil {
			t.Fatalf("%s: %v", network, err)
		}
		buffer := make([]byte, 1<<17)
		for i := range events {
			if err := listener.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			n, _, err := listener.ReadFrom(buffer)
			if err != nil {
				t.Fatalf("%s: %v", network, err)
			}
			e, err := access.ParseEventLine(after(t, string(buffer[:n]), separator))
			if err != nil || e.Seq != events[i].Seq {
				t.Errorf("%s: %v: %s", network, err, buffer[:n])
			}
			if i == 2 && e.Detail["omitted"] == "" {
				t.Errorf("%s: too long: %v", network, e.Detail)
			}
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := ship.NewSyslog("unix", path, "", 42, nil).Send(t.Context(), events); err == nil {
		t.Error("nobody listens, and it is acknowledged")
	}
}

// TestSyslogThatGoesAway: a stream that breaks off is no acknowledgement, and one that hangs ends with its context.
func TestSyslogThatGoesAway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close() // a reset, as from a collector that died
	}()
	s := ship.NewSyslog("tcp", listener.Addr().String(), "x", 1, nil)
	if err := s.Send(t.Context(), chain(200)); err == nil {
		t.Error("a collector that died has acknowledged")
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Send(over, chain(1)); err == nil {
		t.Error("sent after the end")
	}
}
