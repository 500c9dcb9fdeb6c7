package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A command that finds the lock held sends its words to the server over a Unix
// socket, and the act runs there. The two exchange JSON values: the command's first
// one has its words; the server says that it has taken them, and answers with output,
// a question for standard input, and at last the exit code. Before it has said "taken"
// it has done nothing, so that a command that meets a server at its end tries again.

// call is what a command sends: its words, and later its standard input.
type call struct {
	Args  []string `json:"args,omitempty"`
	Input *string  `json:"input,omitempty"`
	Fault string   `json:"fault,omitempty"` // why there is no input
}

// reply is what the server sends: one of its fields is set.
type reply struct {
	Taken  bool   `json:"taken,omitempty"` // the words have arrived; from here on the act may have its effect
	Stdout string `json:"stdout,omitempty"`
	Stderr string `json:"stderr,omitempty"`
	Ask    bool   `json:"ask,omitempty"`
	Exit   *int   `json:"exit,omitempty"`
}

// maxSocketPath is what fits a socket's address on every system, with room to spare.
const maxSocketPath = 100

// socketPath returns where the socket is: in the data directory, or, where that
// path is too long for an address, under a hashed name in the temp directory.
func socketPath(dataDir string) (string, error) {
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, socketFile)
	if len(path) <= maxSocketPath {
		return path, nil
	}
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(os.TempDir(), "claviger-"+hex.EncodeToString(sum[:8])+".sock"), nil
}

func dialSocket(dataDir string) (*net.UnixConn, error) {
	path, err := socketPath(dataDir)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return nil, err
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(errors.New("not a Unix socket"), conn.Close())
	}
	if uid, err := peerUID(unixConn); err != nil || !believed(uid, dataDir) {
		return nil, errors.Join(errors.New("the socket belongs to somebody else"), err, conn.Close())
	}
	return unixConn, nil
}

// believed reports whether a command takes a process of that user for the server: root,
// who runs the command, and, for root's commands, whoever has the data directory.
func believed(uid int, dataDir string) bool {
	if uid == 0 || uid == os.Geteuid() {
		return true
	}
	owner, ok := ownerOf(dataDir)
	return ok && os.Geteuid() == 0 && uid == owner
}

// listenSocket listens on the socket, for the holder of the lock: one that is there
// already is stale.
func listenSocket(dataDir string) (*net.UnixListener, error) {
	path, err := socketPath(dataDir)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("stale socket: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("socket for commands: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// peerUID returns who is at the other end (SO_PEERCRED).
func peerUID(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var inner error
	if err := raw.Control(func(fd uintptr) {
		cred, inner = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if inner != nil {
		return 0, inner
	}
	return int(cred.Uid), nil
}

// errNotTaken says that a server ended before it took the command.
var errNotTaken = errors.New("the server ended before it took the command")

// actRemotely has the server carry out this command. With errNotTaken nothing was
// done.
func actRemotely(t *terminal, conn *net.UnixConn) error {
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(t.ctx, func() { _ = conn.Close() })
	defer stop()
	encoder, decoder := json.NewEncoder(conn), json.NewDecoder(conn)
	var first reply
	if err := errors.Join(encoder.Encode(call{Args: t.args}), decoder.Decode(&first)); err != nil || !first.Taken {
		return errors.Join(errNotTaken, err)
	}
	for {
		var r reply
		if err := decoder.Decode(&r); err != nil {
			return fmt.Errorf("the running server broke off; look whether the command took effect: %w", err)
		}
		switch {
		case r.Exit != nil && *r.Exit != 0:
			return exitError(*r.Exit)
		case r.Exit != nil:
			return nil
		case r.Ask:
			input := answer(t)
			if t.ctx.Err() != nil {
				return errors.New(cmp.Or(input.Fault, "interrupted: nothing was changed")) // the server gives up too
			}
			if err := encoder.Encode(input); err != nil {
				return fmt.Errorf("send standard input to the running server: %w", err)
			}
		}
		if _, err := io.WriteString(t.stdout, r.Stdout); err != nil {
			return err
		}
		if _, err := io.WriteString(t.stderr, r.Stderr); err != nil {
			return err
		}
	}
}

func answer(t *terminal) call {
	text, err := t.readInput()
	if err != nil {
		return call{Fault: err.Error()}
	}
	return call{Input: &text}
}

// acceptPause is how long the socket waits where a caller could not be taken.
const acceptPause = 50 * time.Millisecond

// serveSocket carries out commands until ctx ends and those under way are done.
func serveSocket(ctx context.Context, in *installation, listener *net.UnixListener) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var under sync.WaitGroup
	defer under.Wait()
	for failing := false; ; {
		conn, err := listener.AcceptUnix()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("socket for commands: %w", err)
		}
		if err != nil { // no files left, or a caller who is gone: commands wait for a moment, and the server serves on
			if !failing {
				in.log.Warn("commands cannot be taken; it is tried again", "error", err)
			}
			failing = true
			pause(ctx, acceptPause)
			continue
		}
		failing = false
		under.Go(func() {
			if err := serveCall(ctx, in, conn); err != nil {
				in.log.Warn("a command broke off", "error", err)
			}
		})
	}
}

// callPatience bounds how long one command may take, its typing included.
const callPatience = 10 * time.Minute

// serveCall carries out one command for a caller who is root or our own user.
func serveCall(ctx context.Context, in *installation, conn *net.UnixConn) error {
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(callPatience)); err != nil {
		return err
	}
	uid, err := peerUID(conn)
	if err != nil {
		return err
	}
	if uid != 0 && uid != os.Geteuid() {
		return fmt.Errorf("refused: the caller has uid %d", uid)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) }) // no more typing; the answer still leaves
	defer stop()
	encoder, decoder := json.NewEncoder(conn), json.NewDecoder(conn)
	var c call
	if err := decoder.Decode(&c); err != nil {
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil // somebody looked whether we are there, or will try again
		}
		return err
	}
	if err := encoder.Encode(reply{Taken: true}); err != nil {
		return err
	}
	d := &desk{
		installation: in, ctx: context.WithoutCancel(ctx), osUser: nameOf(uid),
		stdout: replyWriter{encoder, false}, stderr: replyWriter{encoder, true},
		readInput: func() (string, error) { return ask(encoder, decoder) },
	}
	err = actHere(d, c.Args)
	if err != nil {
		tell(d.stderr, err)
	}
	code := exitCode(err)
	return encoder.Encode(reply{Exit: &code})
}

// actHere parses a command's words again and carries out its act.
func actHere(d *desk, args []string) error {
	c, err := parse(args, d.stdout, d.stderr)
	if err != nil || c == nil {
		return err
	}
	a, ok := c.Selected().Target.Addr().Interface().(act)
	if !ok {
		return usageError{errors.New("this command does not run in the server")}
	}
	return a.act(d)
}

func ask(encoder *json.Encoder, decoder *json.Decoder) (string, error) {
	if err := encoder.Encode(reply{Ask: true}); err != nil {
		return "", err
	}
	var c call
	if err := decoder.Decode(&c); err != nil {
		return "", err
	}
	if c.Input == nil {
		return "", errors.New(c.Fault)
	}
	return *c.Input, nil
}

// replyWriter sends what a command writes to its own terminal.
type replyWriter struct {
	encoder *json.Encoder
	stderr  bool
}

// Write sends b.
func (w replyWriter) Write(b []byte) (int, error) {
	r := reply{Stdout: string(b)}
	if w.stderr {
		r = reply{Stderr: string(b)}
	}
	return len(b), w.encoder.Encode(r)
}
