package web_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// proxies are the programs that run the configurations of the Getting started page, as
// they stand there. files are what is copied from the page, in its order.
var proxies = map[string]func(t testing.TB, files []string) string{
	"nginx":   func(t testing.TB, files []string) string { return testkit.Nginx(t, files[0]) },
	"Caddy":   func(t testing.TB, files []string) string { return testkit.Caddy(t, files[0]) },
	"HAProxy": func(t testing.TB, files []string) string { return testkit.HAProxy(t, files[0], files[1]) },
}

// proxyFiles returns the files of each proxy as somebody would copy them from a page.
func proxyFiles(t testing.TB, page *testkit.HTML) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, panel := range page.All(".panel.proxy") {
		name := panel.One("h4").Text()
		for _, code := range panel.All("pre code") {
			out[name] = append(out[name], strings.TrimSpace(html.UnescapeString(tag.ReplaceAllString(code.String(), ""))))
		}
	}
	return out
}

// arrived is a request as the upstream got it, byte for byte.
type arrived struct {
	method, target string
	header         http.Header // by canonical names, each line a value
	lines          []string
	body           string
}

// rawUpstream is a real upstream that takes requests as they come over the wire and
// normalises nothing: a server that did could not tell one spelling from another.
type rawUpstream struct {
	listener net.Listener
	url      string
	mu       sync.Mutex
	got      []arrived
}

func newRawUpstream(t testing.TB) *rawUpstream {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	u := &rawUpstream{listener: listener, url: "http://" + listener.Addr().String()}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go u.serve(connection)
		}
	}()
	return u
}

func (u *rawUpstream) serve(connection net.Conn) {
	defer func() { _ = connection.Close() }()
	reader := bufio.NewReader(connection)
	for {
		request, err := readRaw(reader)
		if err != nil {
			return
		}
		u.mu.Lock()
		u.got = append(u.got, request)
		u.mu.Unlock()
		if strings.EqualFold(request.header.Get("Upgrade"), "websocket") {
			accept := sha1.Sum([]byte(request.header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // RFC 6455 §4.2.2
			_, _ = fmt.Fprintf(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(accept[:]))
			_, _ = io.Copy(connection, reader)
			return
		}
		if _, err := io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Upstream: yes\r\n\r\n"); err != nil {
			return
		}
	}
}

// readRaw reads one request: its head line by line, and its body as its head says.
func readRaw(reader *bufio.Reader) (arrived, error) {
	first, err := textproto.NewReader(reader).ReadLine()
	if err != nil {
		return arrived{}, err
	}
	method, rest, _ := strings.Cut(first, " ")
	target, _, _ := strings.Cut(rest, " HTTP/")
	request := arrived{method: method, target: target, header: http.Header{}}
	for {
		line, err := textproto.NewReader(reader).ReadLine()
		if err != nil {
			return arrived{}, err
		}
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		request.lines = append(request.lines, line)
		request.header.Add(name, strings.TrimSpace(value))
	}
	var body []byte
	if strings.EqualFold(request.header.Get("Transfer-Encoding"), "chunked") {
		if body, err = io.ReadAll(httputil.NewChunkedReader(reader)); err == nil {
			_, err = textproto.NewReader(reader).ReadMIMEHeader() // trailers, to the empty line
		}
	} else if length, _ := strconv.Atoi(request.header.Get("Content-Length")); length > 0 {
		body = make([]byte, length)
		_, err = io.ReadFull(reader, body)
	}
	request.body = string(body)
	return request, err
}

// take returns what has arrived and forgets it.
func (u *rawUpstream) take() []arrived {
	u.mu.Lock()
	defer u.mu.Unlock()
	got := u.got
	u.got = nil
	return got
}

// fort is one application behind every door: the three proxies, with the
// configurations of its page, and the gateway.
type fort struct {
	shop
	upstream *rawUpstream
	office   string // a token for addresses that nobody here has
	files    map[string][]string
	doors    []door
}

// door is one way to the application; prefix stands before each path.
type door struct{ name, base, prefix string }

// newFort builds one; upstreamPath is the path of the API's upstream.
func newFort(t testing.TB, upstreamPath string) *fort {
	t.Helper()
	f := &fort{shop: shop{Site: testkit.Server(t, testkit.TrustedProxies("127.0.0.1/32"))}, upstream: newRawUpstream(t)}
	f.Organization("acme")
	var err error
	if f.app, err = f.Registry.CreateApplication(t.Context(), f.Operator(), "acme", access.ApplicationDraft{Slug: "orders"}); err != nil {
		t.Fatal(err)
	}
	f.API("acme", "orders", "backend", f.upstream.url+upstreamPath)
	issued := f.Token("acme", "orders", "till", "")
	f.token, f.tokenID = issued.Secret.Expose(), issued.Credential.ID
	f.reader = f.Token("acme", "orders", "reader", "*:read").Secret.Expose()
	f.username, f.password = f.Basic("acme", "orders")
	restricted, err := f.Registry.IssueToken(t.Context(), f.Operator(), "acme", "orders", access.Draft{Label: "office", Allow: []string{"203.0.113.0/24"}})
	if err != nil {
		t.Fatal(err)
	}
	f.office = restricted.Secret.Expose()
	f.User("ada@acme.example", "acme", access.Member)
	f.setQuery(t, true)
	f.files = proxyFiles(t, f.SignedIn("ada@acme.example").Get("/orgs/acme/apps/orders").Page(t))
	return f
}

// open starts the doors.
func (f *fort) open(t testing.TB) *fort {
	t.Helper()
	for _, name := range []string{"nginx", "Caddy", "HAProxy"} {
		if len(f.files[name]) == 0 {
			t.Fatalf("the page shows nothing for %s", name)
		}
		f.doors = append(f.doors, door{name: name, base: proxies[name](t, f.files[name])})
	}
	f.doors = append(f.doors, door{name: "gateway", base: f.GatewayURL, prefix: "/acme/orders/backend"})
	return f
}

func (f *fort) setQuery(t testing.TB, on bool) {
	t.Helper()
	err := f.Store.Update(t.Context(), func(tx access.Tx) error {
		app, err := tx.ApplicationByID(f.app.ID)
		if err != nil {
			return err
		}
		app.Switches.QueryCredentials = on
		return tx.UpdateApplication(app)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// knock sends bytes as they are and returns the answer; its status is 0 where the
// other end hung up without one.
func knock(t testing.TB, base, request string) testkit.Answer {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	// From another address than the proxies', which Claviger trusts.
	dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	connection, err := dialer.DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	request = strings.Replace(request, "Host: localhost\r\n", "Host: "+u.Host+"\r\n", 1)
	_, _ = io.WriteString(connection, request) // who refuses early need not read all of it
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: method})
	if err != nil {
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Errorf("no answer to %.200q within 20 s", request)
		}
		return testkit.Answer{}
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(response.Body)
	return testkit.Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}
}

func (d door) String() string { return fmt.Sprintf("%s (%s)", d.name, d.base) }
