package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownerOf returns the user who has a file.
func ownerOf(path string) (uid int, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

// ourFiles are the names of what Claviger makes in its data directory.
var ourFiles = []string{"claviger.*", anchorFile, revocationsFile, setupFile, snapshotPrefix + "*"}

// giveBack gives what root made in a data directory of somebody else's, such as a
// database that was restored, to that user: the server has to be able to open it.
func giveBack(dataDir string) error {
	owner, err := os.Stat(dataDir)
	if os.Geteuid() != 0 || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	to, ok := owner.Sys().(*syscall.Stat_t)
	if !ok || to.Uid == 0 {
		return nil
	}
	for _, pattern := range ourFiles {
		paths, globErr := filepath.Glob(filepath.Join(dataDir, pattern))
		err = errors.Join(err, globErr)
		for _, path := range paths {
			err = errors.Join(err, giveTo(path, to))
		}
	}
	return err
}

// giveTo gives a file of root's away, unless it has another name elsewhere: whoever has the
// directory may have put that there.
func giveTo(path string, to *syscall.Stat_t) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ELOOP) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	file := os.NewFile(uintptr(fd), path)
	defer func() { _ = file.Close() }()
	var is unix.Stat_t
	if err := unix.Fstat(fd, &is); err != nil || is.Uid != 0 || is.Nlink != 1 || is.Mode&unix.S_IFMT != unix.S_IFREG {
		return err
	}
	return file.Chown(int(to.Uid), int(to.Gid))
}
