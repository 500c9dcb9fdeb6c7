package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"claviger/internal/access"
	"claviger/internal/config"
	"claviger/internal/secret"
	"claviger/store"
)

type backupCommand struct {
	File     string `arg:"" help:"A new file; one that is there is not overwritten."`
	Snapshot string `hidden:"" help:"Where in the data directory the server puts its copy."`
	jsonFlag
}

// Help shows how it is used.
func (*backupCommand) Help() string {
	return `The backup is the state of one moment, of mode 0600, and is verified before it gets its name.
The key file is not in it: keep a copy of that apart. Neither is of use to a thief without the other.

Examples:
  claviger backup /var/backups/claviger-$(date +%F).db
  claviger restore /var/backups/claviger-2026-11-21.db --reason "the disk has failed"`
}

// snapshotPrefix begins the names of copies on their way, in the data directory.
const snapshotPrefix = "snapshot-"

// Run makes a backup. The process that has the database open copies it within the
// data directory, which is the one place that both it and the caller see; the rest is
// the caller's to do, with the caller's rights.
func (c *backupCommand) Run(t *terminal, cli *commandLine) error {
	cfg, err := loadConfig(cli.Config, t.stderr)
	if err != nil {
		return err
	}
	if !cfg.Store.URL.IsZero() {
		return store.ErrNotOurs
	}
	if _, err := os.Lstat(c.File); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s is there already, and is not overwritten: name another file", c.File), err)
	}
	if info, err := os.Stat(filepath.Dir(c.File)); err != nil || !info.IsDir() {
		return errors.Join(fmt.Errorf("%s is no directory", filepath.Dir(c.File)), err)
	}
	c.Snapshot = snapshotPrefix + strings.ToLower(secret.RandomText(12))
	snapshot := filepath.Join(cfg.Server.DataDir, c.Snapshot)
	defer func() { _ = os.Remove(snapshot) }()
	making := *t
	making.args = append(slices.Clone(t.args), "--snapshot="+c.Snapshot)
	if err := perform(&making, cli.Config, c); err != nil {
		return err
	}
	moved := filepath.Join(filepath.Dir(c.File), "."+c.Snapshot)
	defer func() { _ = removeDatabase(moved) }() // gone already when all went well
	if err := copySynced(snapshot, moved); err != nil {
		return err
	}
	report, err := verifyCopy(t.ctx, cfg, moved)
	if err != nil {
		return fmt.Errorf("the backup was thrown away: %w", err)
	}
	if err := moveSynced(moved, c.File); err != nil {
		return err
	}
	return c.tell(t, cfg, report)
}

func (c *backupCommand) tell(t *terminal, cfg *config.Config, report access.ChainReport) error {
	d := &desk{stdout: t.stdout, stderr: t.stderr}
	if c.JSON {
		return d.printJSON(map[string]any{"file": c.File, "events": report.Count, "head": rowOf(report.Head)})
	}
	d.say("Backup written and verified: %s, %d events, up to %s.\nThe key file %s is not in it. Keep a copy of that apart: without it no credential in the backup works.",
		c.File, report.Count, report.Head, cfg.Security.KeyFile)
	return nil
}

func (c *backupCommand) act(d *desk) error {
	if !strings.HasPrefix(c.Snapshot, snapshotPrefix) || c.Snapshot != filepath.Base(c.Snapshot) {
		return usageError{errors.New("--snapshot is for the program's own use")}
	}
	d.uses.Settle(d.ctx)
	detail := map[string]string{"file": filepath.Base(c.File)}
	if err := d.auditor.Record(d.ctx, d.operator(""), access.ActBackup, detail); err != nil {
		return err
	}
	path := filepath.Join(d.cfg.Server.DataDir, c.Snapshot)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Close(), d.store.Backup(d.ctx, path)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// dropSnapshots removes copies that a process left behind when it was killed: those
// so old that nobody can be at work on them.
func dropSnapshots(dataDir string) error {
	left, err := filepath.Glob(filepath.Join(dataDir, snapshotPrefix+"*"))
	for _, path := range left {
		if info, statErr := os.Stat(path); statErr == nil && time.Since(info.ModTime()) > time.Hour {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}

// removeDatabase removes a copy of a database, with what stands beside it.
func removeDatabase(path string) error {
	var err error
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if gone := os.Remove(path + suffix); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// copySynced copies a file to a new one of mode 0600, which is on the disk when it
// returns. On the same file system it costs nothing: it is renamed. The data directory is
// the server's user's, and this may be root: no link that lies there is followed.
func copySynced(from, to string) error {
	if info, err := os.Lstat(from); err != nil || !info.Mode().IsRegular() {
		return errors.Join(fmt.Errorf("%s is not a regular file", from), err)
	}
	if err := os.Rename(from, to); err == nil {
		file, err := os.OpenFile(to, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		return errors.Join(file.Chmod(0o600), file.Chown(os.Geteuid(), os.Getegid()), file.Sync(), file.Close())
	}
	return duplicate(from, to, syscall.O_NOFOLLOW|syscall.O_NONBLOCK)
}

// duplicate copies a file, which it opens with more flags, to a new one of mode 0600,
// which is on the disk when it returns.
func duplicate(from, to string, flags int) error {
	in, err := os.OpenFile(from, os.O_RDONLY|flags, 0)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// verifyCopy checks a copy of a database that nobody has open: its pages, its schema
// and its chain of events. It brings the copy's schema up to date.
func verifyCopy(ctx context.Context, cfg *config.Config, path string) (report access.ChainReport, err error) {
	if err := store.Examine(ctx, path); err != nil {
		return report, err
	}
	err = openCopy(ctx, cfg, path, func(a *access.Auditor, _ *store.Store) error {
		report, err = a.Verify(ctx, access.EventHead{})
		return err
	})
	if err != nil {
		return report, err
	}
	if report.Broken > 0 {
		return report, fmt.Errorf("its chain of events does not hold: %s", report.Breaks[0].What)
	}
	return report, store.Examine(ctx, path) // again one file, without a log
}

// openCopy opens a database that is not in place, for as long as do runs.
func openCopy(ctx context.Context, cfg *config.Config, path string, do func(*access.Auditor, *store.Store) error) error {
	keys, err := secret.OpenKeyring(cfg.Security.KeyFile)
	if err != nil {
		return err
	}
	st, err := store.Open(ctx, store.Options{Path: path, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		return err
	}
	deps := access.Deps{Store: st, Keys: keys, Clock: access.NewSteadyClock(time.Now)}
	err = errors.Join(deps.CheckKeys(ctx), claimKeys(ctx, st, keys))
	if err == nil {
		err = do(access.NewAuditor(deps), st)
	}
	return errors.Join(err, st.Close())
}
