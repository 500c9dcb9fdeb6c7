package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"claviger/internal/access"
)

// maxTail is how far back from its end a file is searched for its last line.
const maxTail = 4 << 20

// File appends events to a file, which it makes with mode 0600. It opens it anew for
// each batch, so that the file can be moved away at any time, and returns when the
// lines are on the disk.
type File struct{ Path string }

// Send appends what is not there yet: after a crash the file can be ahead of what is
// known to have arrived, and can end with half a line, which is cut off.
func (f File) Send(_ context.Context, events []access.Event) (err error) {
	made, err := f.regular()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(f.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	end, last, err := lastLine(file)
	if err != nil {
		return err
	}
	text, err := lines(behind(events, last))
	if err != nil {
		return err
	}
	if err := file.Truncate(end); err != nil { // half a line
		return err
	}
	if _, err := file.WriteAt(text, end); err != nil {
		return errors.Join(err, file.Truncate(end))
	}
	if err := file.Sync(); err != nil || !made {
		return err
	}
	return syncDir(filepath.Dir(f.Path))
}

// regular looks before the file is opened, because opening a pipe would wait.
func (f File) regular() (made bool, err error) {
	info, err := os.Stat(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("%s is not a regular file", f.Path)
	}
	return false, nil
}

// behind leaves out the events up to the one that a file ends with.
func behind(events []access.Event, last access.Event) []access.Event {
	i := slices.IndexFunc(events, func(e access.Event) bool { return e.Seq == last.Seq && bytes.Equal(e.Hash, last.Hash) })
	return events[i+1:]
}

// lastLine returns where a file's last whole line ends, and its event. What follows it
// is the beginning of a line that a crash cut short. A file that does not hold events is
// an error: nothing of it is changed.
func lastLine(file *os.File) (end int64, last access.Event, err error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return 0, last, err
	}
	from := max(0, size-maxTail)
	tail := make([]byte, size-from)
	if _, err := file.ReadAt(tail, from); err != nil {
		return 0, last, err
	}
	whole := bytes.LastIndexByte(tail, '\n') + 1
	if !begun(tail[whole:]) || whole == 0 && from > 0 {
		return 0, last, fmt.Errorf("%s does not end with a line of events, so nothing is added to it: name another file", file.Name())
	}
	if whole == 0 {
		return 0, last, nil
	}
	line := tail[bytes.LastIndexByte(tail[:whole-1], '\n')+1 : whole]
	if last, err = access.ParseEventLine(line); err != nil {
		return 0, last, fmt.Errorf("%s does not end with a line of events, so nothing is added to it: %w", file.Name(), err)
	}
	return from + int64(whole), last, nil
}

// begun reports whether a text can be the beginning of a line of an event.
func begun(text []byte) bool {
	const head = `{"encoding":"claviger-event-`
	n := min(len(text), len(head))
	return string(text[:n]) == head[:n]
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
