package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"claviger/internal/access"
)

// The file of revocations lists, beside the database, all that was revoked, disabled
// or erased: a backup that is restored does not know. It is only ever added to. It
// begins with a line that says from which event on it is complete:
//
//	claviger-revocations-1 SEQ HASH
//
// and goes on with a line for each ending, with the mark that counted when it was
// written, so that one write to the disk does for both files:
//
//	N TIME KIND ID | SERIAL SEQ HASH MICROSECONDS CHECKSUM

const (
	revocationsFile   = "revocations"
	revocationsFormat = "claviger-revocations-1"
	tailSize          = 64 << 10 // what is read of the end at each start
	seenMost          = 10_000   // endings that are remembered as written
)

// revocationsAdvice says what to do about a file that is damaged.
const revocationsAdvice = "Put your newest copy of it back; or, without one, move it aside: a new one begins, and after a restore of what is older credentials are marked as unconfirmed"

// revocations is the open file.
type revocations struct {
	file *os.File
	size int64          // up to where the file is good
	seen map[entry]bool // the last lines
	low  int64          // the lowest number of seen; what comes before is in the file
	last mark           // of the last line
}

// entry is an ending as it can be compared. Numbers alone are not enough: a database
// that has lost its end gives them a second time.
type entry struct {
	n, micros int64
	kind      access.EndingKind
	id        string
}

func numbered(e access.Ending) entry { return entry{e.N, e.At.UnixMicro(), e.Kind, e.ID} }

// makeRevocations makes a file that is complete from a head on.
func makeRevocations(dataDir string, from access.EventHead) error {
	text := fmt.Sprintf("%s %s\n", revocationsFormat, headWords(from))
	if err := writeSynced(filepath.Join(dataDir, revocationsFile), []byte(text)); err != nil {
		return fmt.Errorf("make the file of revocations: %w", err)
	}
	return nil
}

// openRevocations opens the file; nil where there is none.
func openRevocations(dataDir string) (*revocations, error) {
	file, err := os.OpenFile(filepath.Join(dataDir, revocationsFile), os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("revocations: %w", err)
	}
	r := &revocations{file: file, seen: map[entry]bool{}}
	if err := r.readTail(); err != nil {
		return nil, errors.Join(fmt.Errorf("revocations: %w", err), file.Close())
	}
	return r, nil
}

func headWords(h access.EventHead) string {
	words := strings.Fields(mark{head: h}.String())
	return words[1] + " " + words[2]
}

// readTail learns what the end of the file holds. A last line that was torn by a
// power cut is written over.
func (r *revocations) readTail() error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	from := max(0, info.Size()-tailSize)
	tail := make([]byte, info.Size()-from)
	if _, err := r.file.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if from == 0 && !bytes.HasPrefix(tail, []byte(revocationsFormat+" ")) {
		return fmt.Errorf("%s is no file of revocations: %w. %s", r.file.Name(), errDamaged, revocationsAdvice)
	}
	r.size = from + int64(bytes.LastIndexByte(tail, '\n')+1)
	for line := range bytes.Lines(tail[:r.size-from]) {
		e, m, ok := parseEnding(string(bytes.TrimSuffix(line, []byte("\n"))))
		if !ok {
			continue // the first line of all, or of the tail
		}
		if len(r.seen) == 0 {
			r.low = e.N
		}
		r.seen[numbered(e)] = true
		r.low, r.last = min(r.low, e.N), r.last.later(m)
	}
	if from == 0 {
		r.low = 0 // that is all of the file: nothing comes before it
	}
	return nil
}

func parseEnding(line string) (access.Ending, mark, bool) {
	words := strings.Fields(line)
	if len(words) != 10 || words[4] != "|" || words[9] != checksum(strings.Join(words[:9], " ")) {
		return access.Ending{}, mark{}, false
	}
	n, err1 := strconv.ParseInt(words[0], 10, 64)
	at, err2 := time.Parse(time.RFC3339Nano, words[1])
	m, ok := parseMark(words[5:9])
	id := words[3]
	if id == "-" {
		id = ""
	}
	return access.Ending{N: n, At: at.UTC(), Kind: access.EndingKind(words[2]), ID: id}, m, ok && err1 == nil && err2 == nil
}

func endingLine(e access.Ending, m mark) string {
	id := e.ID
	if id == "" {
		id = "-"
	}
	line := fmt.Sprintf("%d %s %s %s | %s", e.N, e.At.UTC().Format(time.RFC3339Nano), e.Kind, id, m)
	return line + " " + checksum(line) + "\n"
}

// add appends endings with the mark that counts now, and has them on the disk when
// it returns. After a failure the file is as it was, but for what the next call
// writes over.
func (r *revocations) add(list []access.Ending, m mark) error {
	var b strings.Builder
	for _, e := range list {
		b.WriteString(endingLine(e, m))
	}
	if _, err := r.file.WriteAt([]byte(b.String()), r.size); err != nil {
		return fmt.Errorf("write to the file of revocations: %w", err)
	}
	if err := unix.Fdatasync(int(r.file.Fd())); err != nil {
		return fmt.Errorf("write to the file of revocations: %w", err)
	}
	r.size += int64(b.Len())
	if len(r.seen) > seenMost {
		clear(r.seen) // what is then written twice is read once
	}
	for _, e := range list {
		r.seen[numbered(e)] = true
	}
	r.last = m
	return nil
}

// settled notes that all endings up to a number are in the file.
func (r *revocations) settled(n int64) {
	r.low = n + 1
	maps.DeleteFunc(r.seen, func(e entry, _ bool) bool { return e.n <= n })
}

func (r *revocations) close() error { return r.file.Close() }

// readMarks returns the latest mark of both files, of which another process has the
// anchor, as a process that only looks may. With errDamaged the anchor knew something that
// cannot be read, and the other file does not know it either.
func readMarks(dataDir string) (mark, error) {
	m, damage := readAnchor(filepath.Join(dataDir, anchorFile))
	if damage != nil && !errors.Is(damage, errDamaged) {
		return mark{}, damage
	}
	r, err := openRevocations(dataDir)
	if err != nil || r == nil {
		return m, errors.Join(damage, err)
	}
	if r.last.serial > 0 {
		damage = nil // the other file knows
	}
	return m.later(r.last), errors.Join(damage, r.close())
}

// revoked is what a file of revocations says.
type revoked struct {
	from mark            // the event from which on it is complete
	list []access.Ending // from a number on, in order
}

// readRevocations reads the endings with numbers from first on; nil where there is no
// file. A line that is damaged is an error: nobody knows what it revoked. Only
// the last one may be torn.
func readRevocations(dataDir string, first int64) (*revoked, error) {
	path := filepath.Join(dataDir, revocationsFile)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("revocations: %w", err)
	}
	defer func() { _ = file.Close() }()
	reader := bufio.NewReader(file)
	head, err := reader.ReadString('\n')
	words := strings.Fields(head)
	if err != nil || len(words) != 3 || words[0] != revocationsFormat {
		return nil, fmt.Errorf("%s is no file of revocations: %w. %s", path, errDamaged, revocationsAdvice)
	}
	out := &revoked{}
	var ok bool
	if out.from, ok = parseMark([]string{"0", words[1], words[2], "0"}); !ok {
		return nil, fmt.Errorf("%s, line 1: %w. %s", path, errDamaged, revocationsAdvice)
	}
	seen := map[entry]bool{}
	for number := 2; ; number++ {
		line, err := reader.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return out, nil // what comes behind the last line break was torn
		}
		if err != nil {
			return nil, fmt.Errorf("revocations: %w", err)
		}
		e, _, ok := parseEnding(strings.TrimSuffix(line, "\n"))
		if !ok {
			return nil, fmt.Errorf("%s, line %d: %w. %s", path, number, errDamaged, revocationsAdvice)
		}
		if e.N >= first && !seen[numbered(e)] {
			seen[numbered(e)] = true
			out.list = append(out.list, e)
		}
	}
}
