package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"claviger/internal/access"
)

// The anchor is the end of the chain of events, kept outside the database: two slots
// in one file, written in turn, so that a write that a power cut tears leaves the
// other one. Each write is on the disk before it returns, and changes nothing of the
// file but the bytes of its slot, which costs a fraction of a commit.
//
// A slot is a line of text, padded with spaces:
//
//	claviger-anchor-1 SERIAL SEQ HASH MICROSECONDS CHECKSUM
//
// SERIAL goes up with each write; the highest one counts.

const (
	anchorFile   = "anchor"
	anchorFormat = "claviger-anchor-1"
	slotSize     = 4096 // apart as far as disks write at once
	slotText     = 512
)

// mark is a head of the chain, and which of the marks that were made it is.
type mark struct {
	serial int64
	head   access.EventHead
}

// later returns the later one of two marks.
func (m mark) later(other mark) mark {
	if other.serial > m.serial {
		return other
	}
	return m
}

// anchor is the open file. One process has it, which its lock sees to.
type anchor struct{ file *os.File }

// errDamaged says that a file beside the database holds what nobody wrote.
var errDamaged = errors.New("damaged")

// openAnchor opens the anchor, makes it where there is none, and returns what it
// knows: a mark of serial 0 where that is nothing. With errDamaged the anchor can be
// used, but nothing is known. It returns nil where another process has it.
func openAnchor(dataDir string) (*anchor, mark, error) {
	path := filepath.Join(dataDir, anchorFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		empty := strings.Repeat(strings.Repeat(" ", slotSize-1)+"\n", 2)
		if err := writeSynced(path, []byte(empty)); err != nil {
			return nil, mark{}, fmt.Errorf("make the anchor: %w", err)
		}
	}
	file, err := os.OpenFile(path, os.O_RDWR|syscall.O_DSYNC, 0o600)
	if err != nil {
		return nil, mark{}, fmt.Errorf("anchor: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, mark{}, file.Close()
		}
		return nil, mark{}, errors.Join(fmt.Errorf("anchor: %w", err), file.Close())
	}
	m, err := readAnchor(path)
	if err != nil && !errors.Is(err, errDamaged) {
		return nil, mark{}, errors.Join(err, file.Close())
	}
	return &anchor{file}, m, err
}

// readAnchor returns what the anchor at path knows, without opening it for writing.
func readAnchor(path string) (mark, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, fmt.Errorf("anchor: %w", err)
	}
	var out mark
	written, good := 0, 0
	for slot := range 2 {
		from := min(slot*slotSize, len(text))
		line := strings.TrimSpace(string(text[from:min(from+slotText, len(text))]))
		if line == "" {
			continue
		}
		written++
		if m, ok := parseSlot(line); ok {
			good++
			out = out.later(m)
		}
	}
	if written > 0 && good == 0 || len(text) < 2*slotSize {
		return mark{}, fmt.Errorf("anchor %s: %w", path, errDamaged)
	}
	return out, nil
}

func parseSlot(line string) (mark, bool) {
	words := strings.Fields(line)
	if len(words) != 6 || words[0] != anchorFormat || words[5] != checksum(strings.Join(words[:5], " ")) {
		return mark{}, false
	}
	return parseMark(words[1:5])
}

// parseMark reads SERIAL SEQ HASH MICROSECONDS.
func parseMark(words []string) (mark, bool) {
	serial, err1 := strconv.ParseInt(words[0], 10, 64)
	seq, err2 := strconv.ParseInt(words[1], 10, 64)
	hash, err3 := hex.DecodeString(strings.TrimPrefix(words[2], "-"))
	micros, err4 := strconv.ParseInt(words[3], 10, 64)
	if errors.Join(err1, err2, err3, err4) != nil {
		return mark{}, false
	}
	m := mark{serial, access.EventHead{Seq: seq, Hash: hash}}
	if micros != 0 {
		m.head.At = time.UnixMicro(micros).UTC()
	}
	return m, true
}

// String prints what parseMark reads.
func (m mark) String() string {
	hash, micros := "-", int64(0)
	if len(m.head.Hash) > 0 {
		hash = hex.EncodeToString(m.head.Hash)
	}
	if !m.head.At.IsZero() {
		micros = m.head.At.UnixMicro()
	}
	return fmt.Sprintf("%d %d %s %d", m.serial, m.head.Seq, hash, micros)
}

// write puts a mark into the slot whose turn it is.
func (a *anchor) write(m mark) error {
	text := anchorFormat + " " + m.String()
	text += " " + checksum(text)
	text += strings.Repeat(" ", slotText-1-len(text)) + "\n"
	_, err := a.file.WriteAt([]byte(text), m.serial%2*slotSize)
	if err != nil {
		return fmt.Errorf("write the anchor: %w", err)
	}
	return nil
}

func (a *anchor) close() error { return a.file.Close() }

// checksum finds what a power cut or a bad disk did to a line; it is no protection
// against anybody.
func checksum(text string) string {
	return fmt.Sprintf("%08x", crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
}

// writeSynced makes a file of mode 0600, whole or not at all, that survives a power
// cut from here on. It replaces none.
func writeSynced(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".claviger-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.Write(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return moveSynced(file.Name(), path)
}

// moveSynced renames a file to a name that nothing has yet, and makes that last.
func moveSynced(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system that does not know how
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(&fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}, err)
		}
		err = os.Rename(from, to)
	}
	if err != nil {
		return &fs.PathError{Op: "rename to", Path: to, Err: err}
	}
	return syncDir(filepath.Dir(to))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
