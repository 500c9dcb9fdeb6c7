package testkit

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
)

// Wire passes TCP connections on, and can hold back what some of them carry, as a
// network does that loses every packet: nothing breaks, and nothing arrives.
type Wire struct {
	listener net.Listener
	to, mark string

	mu   sync.Mutex
	free chan struct{} // closed while nothing is held back
}

// NewWire returns a wire to a TCP address. It holds back what connections carry whose
// first bytes contain mark. It ends with the test.
func NewWire(t testing.TB, to, mark string) *Wire {
	t.Helper()
	return NewWireAt(t, "127.0.0.1", to, mark)
}

// NewWireAt is NewWire for one that begins at another address of this machine.
func NewWireAt(t testing.TB, host, to, mark string) *Wire {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatalf("make a wire: %v", err)
	}
	w := &Wire{listener: listener, to: to, mark: mark, free: make(chan struct{})}
	close(w.free)
	t.Cleanup(func() { _ = listener.Close(); w.Release() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go w.connect(conn)
		}
	}()
	return w
}

// Address is where the wire begins.
func (w *Wire) Address() string { return w.listener.Addr().String() }

// Hold holds back what comes from now on.
func (w *Wire) Hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free = make(chan struct{})
}

// Release lets everything pass again, and what was held back first.
func (w *Wire) Release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.free:
	default:
		close(w.free)
	}
}

func (w *Wire) connect(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	first := make([]byte, 4096)
	n, err := conn.Read(first)
	if err != nil {
		return
	}
	marked := bytes.Contains(first[:n], []byte(w.mark))
	other, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer func() { _ = other.Close() }()
	if w.pass(other, first[:n], marked) != nil {
		return
	}
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{conn, other}, {other, conn}} {
		go func() {
			w.copy(way[1], way[0], marked)
			_ = way[1].Close()
			done <- struct{}{}
		}()
	}
	<-done
	<-done
}

func (w *Wire) copy(to io.Writer, from io.Reader, marked bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil || w.pass(to, buffer[:n], marked) != nil {
			return
		}
	}
}

func (w *Wire) pass(to io.Writer, data []byte, marked bool) error {
	w.mu.Lock()
	free := w.free
	w.mu.Unlock()
	if marked {
		<-free
	}
	_, err := to.Write(data)
	return err
}
