package ship

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"claviger/internal/access"
)

const (
	// priority is the facility authpriv (10) with the severity informational (6), RFC 5424 §6.2.1.
	priority = 10*8 + 6
	// maxDatagram is the largest line that is sent in one datagram. A longer one could
	// never be sent, and would keep those after it from being sent.
	maxDatagram = 60_000
	// closing is how long a collector may take to close a connection from its side. One
	// that refuses what it was sent has said so by then.
	closing  = time.Second
	dialTime = 10 * time.Second
)

// Syslog sends each event as one message. To the network that is one of RFC 5424, in a
// datagram, or framed by its length in a stream (RFC 5425 §4.3, RFC 6587 §3.4.1); to
// this machine's daemon one of the form that those expect (RFC 3164).
type Syslog struct {
	network, address string
	host             string
	pid              int
	tls              *tls.Config
}

// NewSyslog returns a sender to a socket's path (network "unix") or to host:port ("udp",
// "tcp", "tls"). host is how this machine calls itself.
func NewSyslog(network, address, host string, pid int, tlsConfig *tls.Config) *Syslog {
	return &Syslog{network: network, address: address, host: headerName(host), pid: pid, tls: tlsConfig}
}

// headerName is a name as a header of a message can hold it.
func headerName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, name)
	if name == "" {
		return "-"
	}
	return name[:min(len(name), 255)]
}

// Send sends events over a connection of its own. By TCP and TLS it waits for the
// collector to close it too, as far as it does: one that went away is found out so.
func (s *Syslog) Send(ctx context.Context, events []access.Event) error {
	conn, datagrams, err := s.dial(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	for _, e := range events {
		message, err := s.message(e, datagrams)
		if err == nil {
			_, err = conn.Write(message)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("syslog: %w", err), conn.Close())
		}
	}
	if !datagrams {
		err = s.finish(ctx, conn)
	}
	_ = conn.Close() // by now it may be closed
	return err
}

func (s *Syslog) dial(ctx context.Context) (conn net.Conn, datagrams bool, err error) {
	dialer := &net.Dialer{Timeout: dialTime}
	switch s.network {
	case "udp":
		conn, err = dialer.DialContext(ctx, "udp", s.address)
		return conn, true, err
	case "tls":
		conn, err = (&tls.Dialer{NetDialer: dialer, Config: s.tls}).DialContext(ctx, "tcp", s.address)
		return conn, false, err
	case "unix":
		if conn, err = dialer.DialContext(ctx, "unixgram", s.address); err == nil {
			return conn, true, nil
		}
		conn, err = dialer.DialContext(ctx, "unix", s.address)
		return conn, false, err
	}
	conn, err = dialer.DialContext(ctx, "tcp", s.address)
	return conn, false, err
}

// finish says that there is no more, and waits for the other side to say so, too.
func (s *Syslog) finish(ctx context.Context, conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil {
			return fmt.Errorf("syslog: %w", err)
		}
	}
	enough := time.AfterFunc(closing, func() { _ = conn.Close() })
	defer enough.Stop()
	_, err := io.Copy(io.Discard, conn)
	if errors.Is(err, net.ErrClosed) {
		return ctx.Err() // a collector that keeps its side open has taken all
	}
	return err
}

// message returns an event as the network wants it.
func (s *Syslog) message(e access.Event, datagram bool) ([]byte, error) {
	line, err := e.Line()
	if err == nil && datagram && len(line) > maxDatagram {
		e.Detail = map[string]string{"omitted": "too long for a datagram"}
		line, err = e.Line()
	}
	if err != nil {
		return nil, err
	}
	line = line[:len(line)-1]
	if s.network == "unix" {
		text := fmt.Appendf(nil, "<%d>%s claviger[%d]: %s", priority, e.At.Local().Format(time.Stamp), s.pid, line)
		if !datagram {
			text = append(text, '\n')
		}
		return text, nil
	}
	text := fmt.Appendf(nil, "<%d>1 %s %s claviger %d audit - %s", priority, e.At.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), s.host, s.pid, line)
	if !datagram {
		text = append(strconv.AppendInt(nil, int64(len(text)), 10), append([]byte(" "), text...)...)
	}
	return text, nil
}
