package main

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math/bits"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// gate is a listener that holds a bounded number of connections, so that nobody can
// take all of the process's files (S20). Where it is full, the connection that has
// waited longest for a request makes room; where none waits, a new one is shed: it
// gets 503 and is closed. It also knows the connections that a server has handed
// over, such as WebSockets, which http.Server forgets.
type gate struct {
	net.Listener
	most int
	tls  bool // what is shed could not read our words
	log  *slog.Logger

	mu       sync.Mutex
	open     map[*gateConn]struct{}
	waiting  *list.List    // of *gateConn: without a request, the longest waiting first
	empty    chan struct{} // closed when nothing is open any more; nil: nobody asks
	shed     uint64
	failed   uint64
	shedding chan struct{} // holds a place for each connection that is being shed
}

// gateConn is a connection that came through a gate. *net.TCPConn keeps its ways of
// copying without the detour through memory, and its half-close.
type gateConn struct {
	*net.TCPConn
	gate *gate
	at   *list.Element // its place among those that wait; nil: it does not
}

// mostShedding bounds how many connections are told at a time that there is no room.
const mostShedding = 64

func newGate(l net.Listener, most int, tls bool, log *slog.Logger) *gate {
	return &gate{
		Listener: l, most: most, tls: tls, log: log,
		open: map[*gateConn]struct{}{}, waiting: list.New(), shedding: make(chan struct{}, mostShedding),
	}
}

// Accept returns the next connection that there is room for.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			g.complain(&g.failed, "connections cannot be accepted: the process has no files left", err)
			g.makeRoom(0) // and http.Server tries again in a moment
		}
		if err != nil {
			return nil, err
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return conn, nil
		}
		if c := g.admit(tcp); c != nil {
			return c, nil
		}
		g.turnAway(tcp)
	}
}

// admit takes a connection in, if there is room or some can be made; else nil.
func (g *gate) admit(tcp *net.TCPConn) *gateConn {
	if !g.makeRoom(1) {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	c := &gateConn{TCPConn: tcp, gate: g}
	g.open[c] = struct{}{}
	c.at = g.waiting.PushBack(c)
	return c
}

// makeRoom closes those that have waited longest until so many more connections fit
// in, one at least where none is asked for. It reports whether they do.
func (g *gate) makeRoom(places int) bool {
	for {
		g.mu.Lock()
		if places > 0 && len(g.open)+places <= g.most {
			g.mu.Unlock()
			return true
		}
		front := g.waiting.Front()
		if front == nil {
			g.mu.Unlock()
			return false
		}
		c := front.Value.(*gateConn)
		g.mu.Unlock()
		_ = c.Close() // an idle connection may be closed at any time (RFC 9112 §9.5)
		if places == 0 {
			return true
		}
	}
}

// crowded is all that a connection hears for which there is no room.
const crowded = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\n\r\ntoo many connections\n"

// turnAway sheds a connection: it says so, if that is quickly done, and closes it.
func (g *gate) turnAway(tcp *net.TCPConn) {
	g.complain(&g.shed, "connections are turned away: there are too many, and all of them are busy", nil)
	select {
	case g.shedding <- struct{}{}:
	default:
		_ = tcp.Close()
		return
	}
	go func() {
		defer func() { _ = tcp.Close(); <-g.shedding }()
		if g.tls || tcp.SetDeadline(time.Now().Add(time.Second)) != nil {
			return
		}
		if _, err := tcp.Write([]byte(crowded)); err != nil || tcp.CloseWrite() != nil {
			return
		}
		// What was sent and not read would make the kernel throw our answer away.
		_, _ = tcp.Read(make([]byte, 4096))
	}()
}

// complain counts what should not happen and tells the log of it ever more rarely:
// the first time, the second, the fourth, and so on.
func (g *gate) complain(count *uint64, what string, err error) {
	g.mu.Lock()
	*count++
	n := *count
	g.mu.Unlock()
	if bits.OnesCount64(n) == 1 {
		g.log.Warn(what, "listener", g.Addr().String(), "max_connections", g.most, "times", n, "error", err)
	}
}

// Close closes a connection and gives its place back.
func (c *gateConn) Close() error {
	g := c.gate
	g.mu.Lock()
	if _, there := g.open[c]; there {
		delete(g.open, c)
		g.settle(c)
		if len(g.open) == 0 && g.empty != nil {
			close(g.empty)
			g.empty = nil
		}
	}
	g.mu.Unlock()
	return c.TCPConn.Close()
}

// settle takes a connection from those that wait. The gate is locked.
func (g *gate) settle(c *gateConn) {
	if c.at != nil {
		g.waiting.Remove(c.at)
		c.at = nil
	}
}

// changed is an http.Server's ConnState: it says which connections wait for a request.
// A connection that has not sent a whole head yet waits, too.
func (g *gate) changed(conn net.Conn, state http.ConnState) {
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	c, ok := conn.(*gateConn)
	if !ok {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, there := g.open[c]; !there {
		return
	}
	switch state {
	case http.StateIdle:
		g.settle(c)
		c.at = g.waiting.PushBack(c)
	case http.StateActive, http.StateHijacked:
		g.settle(c)
	}
}

// wait waits until every connection has ended, or ctx has.
func (g *gate) wait(ctx context.Context) {
	g.mu.Lock()
	if len(g.open) == 0 {
		g.mu.Unlock()
		return
	}
	if g.empty == nil {
		g.empty = make(chan struct{})
	}
	empty := g.empty
	g.mu.Unlock()
	select {
	case <-empty:
	case <-ctx.Done():
	}
}

// closeAll closes every connection, also those that a server has handed over.
func (g *gate) closeAll() {
	g.mu.Lock()
	left := make([]*gateConn, 0, len(g.open))
	for c := range g.open {
		left = append(left, c)
	}
	g.mu.Unlock()
	for _, c := range left {
		_ = c.Close()
	}
}

// ownFiles is how many files the process needs beside its listeners' connections:
// database, socket, log, name resolution, and what is being shed.
const ownFiles = 256

// roomFor returns how many connections each listener can hold: as many as the
// configuration says, if the limit of open files allows for them. A connection of the
// gateway's needs another one to an upstream. Go has raised the soft limit to the hard
// one by the time main runs.
func roomFor(wanted int, log *slog.Logger) int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		log.Warn("the limit of open files is not known", "error", err)
		return wanted
	}
	most := max((int(min(limit.Cur, 1<<30))-ownFiles)/3, 16)
	if wanted <= most {
		return wanted
	}
	log.Info("fewer connections than [server] max_connections, because of the limit of open files: raise it (ulimit -n, LimitNOFILE)",
		"max_connections", wanted, "open_files", limit.Cur, "in_force", most)
	return most
}
