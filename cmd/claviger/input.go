package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxInput bounds what is read from standard input, in bytes.
const maxInput = 64 << 10

// readInput reads standard input: all of a pipe, or one line that is typed at a
// terminal, without showing it. The line break at the end is no part of it.
func (t *terminal) readInput() (string, error) {
	if file, ok := t.stdin.(*os.File); ok && isTerminal(file) {
		restore := hideTyping(file)
		defer restore()
		fmt.Fprint(t.stderr, "Password: ") // once nothing shows any more
		defer fmt.Fprintln(t.stderr)
		return t.await(func() (string, error) { return readLine(file) })
	}
	text, err := io.ReadAll(io.LimitReader(t.stdin, maxInput))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}

// await returns what read returns, or an error as soon as somebody presses Ctrl+C:
// a terminal cannot be told to stop reading.
func (t *terminal) await(read func() (string, error)) (string, error) {
	type outcome struct {
		text string
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		text, err := read()
		done <- outcome{text, err}
	}()
	select {
	case o := <-done:
		return o.text, o.err
	case <-t.ctx.Done():
		return "", errors.New("interrupted: nothing was changed")
	}
}

// hideTyping switches a terminal's echo off and returns how to switch it on again.
func hideTyping(file *os.File) (restore func()) {
	fd := int(file.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &hidden); err != nil {
		return func() {}
	}
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) }
}

func readLine(r io.Reader) (string, error) {
	var line []byte
	var b [1]byte
	for len(line) < maxInput {
		n, err := r.Read(b[:])
		if n == 1 {
			if b[0] == '\n' {
				break
			}
			line = append(line, b[0])
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", fmt.Errorf("standard input: %w", err)
		}
	}
	return strings.TrimSuffix(string(line), "\r"), nil
}
