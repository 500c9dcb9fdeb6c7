package bench

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// connections is how many requests are under way at any moment.
const connections = 32

// load sends requests over its connections to one server, each as soon as the one
// before it is answered. It goes by epoll, because a client of net/http would need
// more of the machine than the servers that it is to load.
type load struct {
	epoll    int
	lines    map[int32]*line
	requests [][]byte // sent in this order, again and again
	sent     int
	status   int // what every answer must have
	least    int // bytes that every answer must have
}

// line is one connection, with the part of its answer that is there.
type line struct {
	fd     int
	answer []byte
}

// dial opens the connections of a load.
func dial(t *testing.T, address string, status int, requests ...[]byte) *load {
	t.Helper()
	return dialSome(t, connections, address, status, requests...)
}

func dialSome(t *testing.T, connections int, address string, status int, requests ...[]byte) *load {
	t.Helper()
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(epoll) })
	l := &load{epoll: epoll, lines: map[int32]*line{}, requests: requests, status: status}
	for range connections {
		fd, err := connect(address)
		if err != nil {
			t.Fatalf("connect to %s: %v", address, err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			t.Fatal(err)
		}
		l.lines[int32(fd)] = &line{fd: fd, answer: make([]byte, 0, 64<<10)}
	}
	return l
}

func connect(address string) (int, error) {
	tcp, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	to := &unix.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(tcp.IP.To4())}
	if err := unix.Connect(fd, to); err != nil {
		return 0, err
	}
	return fd, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
}

// run loads the server for a time and returns how many answers came, and in which time.
func (l *load) run(wanted time.Duration) (answers int, took time.Duration, err error) {
	defer onLoadCore()()
	began := time.Now()
	for _, line := range l.lines {
		if err := l.send(line); err != nil {
			return 0, 0, err
		}
	}
	events := make([]unix.EpollEvent, connections)
	for open := len(l.lines); open > 0; {
		n, err := unix.EpollWait(l.epoll, events, 10_000)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return 0, 0, fmt.Errorf("no answer within ten seconds: %v", err)
		}
		over := time.Since(began) >= wanted
		for _, event := range events[:n] {
			line := l.lines[event.Fd]
			whole, err := l.receive(line)
			if err != nil {
				return 0, 0, err
			}
			switch {
			case !whole:
				continue
			case over:
				open--
			default:
				err = l.send(line)
			}
			if err != nil {
				return 0, 0, err
			}
			answers++
		}
	}
	return answers, time.Since(began), nil
}

// onLoadCore keeps the calling goroutine on the load's core until the function that it
// returns is called, where there is such a core.
func onLoadCore() (done func()) {
	runtime.LockOSThread()
	var before, core unix.CPUSet
	core.Set(loadCore)
	if unix.SchedGetaffinity(0, &before) != nil || unix.SchedSetaffinity(0, &core) != nil {
		return runtime.UnlockOSThread
	}
	return func() {
		_ = unix.SchedSetaffinity(0, &before) // what could be set a moment ago can be set again
		runtime.UnlockOSThread()
	}
}

func (l *load) send(to *line) error {
	to.answer = to.answer[:0]
	request := l.requests[l.sent%len(l.requests)]
	l.sent++
	n, err := unix.Write(to.fd, request)
	if err == nil && n < len(request) {
		err = fmt.Errorf("only %d of %d bytes could be sent", n, len(request))
	}
	return err
}

// receive reads what has come and reports whether the answer is whole.
func (l *load) receive(from *line) (bool, error) {
	n, err := unix.Read(from.fd, from.answer[len(from.answer):cap(from.answer)])
	if err != nil || n == 0 {
		return false, fmt.Errorf("the server closed a connection: %v", err)
	}
	from.answer = from.answer[:len(from.answer)+n]
	size, status, err := measure(from.answer)
	if err == nil && size > 0 && (status != l.status || size < l.least) {
		err = fmt.Errorf("status %d and %d bytes, want %d and at least %d: %.600s", status, size, l.status, l.least, from.answer)
	}
	return size > 0 && len(from.answer) >= size, err
}

// measure returns how long an answer is with its body, and its status; 0 where its head
// is not whole yet.
func measure(answer []byte) (size, status int, err error) {
	end := bytes.Index(answer, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, 0, nil
	}
	if status, err = strconv.Atoi(string(answer[9:12])); err != nil {
		return 0, 0, err
	}
	const length = "Content-Length: "
	i := bytes.Index(answer[:end], []byte(length))
	if i < 0 {
		switch {
		case status == 204:
			return end + 4, status, nil
		case bytes.Contains(answer[:end], []byte("Transfer-Encoding: chunked")):
			if bytes.HasSuffix(answer, []byte("\r\n0\r\n\r\n")) {
				return len(answer), status, nil
			}
			return 0, 0, nil
		}
		return 0, 0, fmt.Errorf("an answer without a length: %.300s", answer)
	}
	for _, c := range answer[i+len(length) : end] {
		if c < '0' || c > '9' {
			break
		}
		size = size*10 + int(c-'0')
	}
	return end + 4 + size, status, nil
}
