package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// supervisor is systemd, if it started us and wants to hear how we are (sd_notify(3)):
// a datagram socket that takes lines such as READY=1. Without one nothing is sent.
type supervisor struct {
	address  string
	watchdog time.Duration // how long it waits for a sign of life; 0 = it does not
}

// newSupervisor finds the supervisor in the environment.
func newSupervisor(getenv func(string) string, pid int) *supervisor {
	s := &supervisor{address: getenv("NOTIFY_SOCKET")}
	micros, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if of := getenv("WATCHDOG_PID"); err == nil && micros > 0 && (of == "" || of == strconv.Itoa(pid)) {
		s.watchdog = time.Duration(micros) * time.Microsecond
	}
	return s
}

// notify sends a message, if there is somebody to hear it.
func (s *supervisor) notify(message string) error {
	if s.address == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.address, Net: "unixgram"}) // "@…" is an abstract name, as Go has it too
	if err != nil {
		return err
	}
	_, err = conn.Write([]byte(message))
	return errors.Join(err, conn.Close())
}

// say is notify for where nothing can be done about a failure but to log it.
func (s *supervisor) say(log *slog.Logger, message string) {
	if err := s.notify(message); err != nil {
		log.Warn("the supervisor could not be told", "message", message, "error", err)
	}
}

// keepAlive gives signs of life twice in the time that the supervisor waits for one,
// whenever alive returns, until ctx ends.
func (s *supervisor) keepAlive(ctx context.Context, log *slog.Logger, alive func()) error {
	if s.address == "" || s.watchdog == 0 {
		return nil
	}
	tick := time.NewTicker(s.watchdog / 2)
	defer tick.Stop()
	for {
		alive()
		s.say(log, "WATCHDOG=1")
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// monotonic is the line that goes with RELOADING=1: the time on the clock that systemd
// compares by.
func monotonic() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return ""
	}
	return "MONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/1000, 10)
}
