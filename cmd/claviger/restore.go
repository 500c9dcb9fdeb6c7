package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"claviger/internal/access"
	"claviger/internal/config"
	"claviger/store"
)

type restoreCommand struct {
	File string `arg:"" help:"What claviger backup made."`
	reasonFlag
	jsonFlag
}

// Help shows how it is used.
func (*restoreCommand) Help() string {
	return `Stop the server first. The database that is there is moved aside, never deleted. What the file of
revocations in the data directory lists is revoked again; without that file every credential of the
backup works, and is marked until somebody confirms or revokes it. Everybody has to sign in again.

Examples:
  claviger restore /var/backups/claviger-2026-11-21.db --reason "the disk has failed"`
}

// Run puts a backup in place.
func (c *restoreCommand) Run(t *terminal, cli *commandLine) error {
	cfg, err := loadConfig(cli.Config, t.stderr)
	if err != nil {
		return err
	}
	if !cfg.Store.URL.IsZero() {
		return store.ErrNotOurs
	}
	if err := c.given(); err != nil {
		return err
	}
	held, err := takeLock(cfg.Server.DataDir)
	if errors.Is(err, errLocked) {
		return fmt.Errorf("the server runs, or another command does: stop it first, then restore")
	}
	if err != nil {
		return err
	}
	return errors.Join(c.restore(t, cfg), held.release())
}

// given fails where no reason is given, before anything is done for whose sake the
// domain would ask for one.
func (f reasonFlag) given() error {
	if n := len([]rune(strings.TrimSpace(f.Reason))); n < 10 || n > 500 {
		return usageError{errors.New("--reason: say why, in 10 to 500 characters; it is recorded")}
	}
	return nil
}

// restoring is one restore under way.
type restoring struct {
	cfg    *config.Config
	copied string // the backup, in the data directory
	ledger *ledger
	done   access.Reinstated
	gap    access.Gap
	aside  string // where the database went that was there; empty = there was none
}

func (c *restoreCommand) restore(t *terminal, cfg *config.Config) error {
	if _, err := os.Stat(cfg.Security.KeyFile); err != nil {
		return fmt.Errorf("the key file is needed, and is not in the backup: put yours at %s: %w", cfg.Security.KeyFile, err)
	}
	beside, err := openLedger(cfg.Server.DataDir)
	if err != nil {
		return err
	}
	r := &restoring{cfg: cfg, ledger: beside, copied: filepath.Join(cfg.Server.DataDir, snapshotPrefix+"restore")}
	if err := removeDatabase(r.copied); err != nil { // of one that was killed
		return errors.Join(err, beside.close())
	}
	err = c.inPlace(t.ctx, r)
	if err := errors.Join(err, beside.close(), removeDatabase(r.copied)); err != nil {
		return err
	}
	return c.tell(t, r)
}

// inPlace does everything on a copy first, and swaps at the end.
func (c *restoreCommand) inPlace(ctx context.Context, r *restoring) error {
	if err := duplicate(c.File, r.copied, 0); err != nil {
		return err
	}
	if _, err := verifyCopy(ctx, r.cfg, r.copied); err != nil {
		return fmt.Errorf("nothing was changed: %s", strings.ReplaceAll(err.Error(), r.copied, c.File)) // the copy is gone by then
	}
	var head access.EventHead
	err := openCopy(ctx, r.cfg, r.copied, func(a *access.Auditor, st *store.Store) error {
		r.gap = access.Gap{Act: access.ActRestore, Backup: filepath.Base(c.File), Anchor: r.ledger.known()}
		if err := knownEndings(ctx, r.cfg.Server.DataDir, st, &r.gap); err != nil {
			return err
		}
		var err error
		who := access.Operator(nameOf(os.Geteuid()), c.Reason)
		if r.done, err = a.Reinstate(ctx, who, r.gap); err != nil {
			return err
		}
		head, err = a.Head(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	if err := store.Examine(ctx, r.copied); err != nil { // one file, without a log
		return fmt.Errorf("nothing was changed: %w", err)
	}
	if err := r.swap(); err != nil {
		return err
	}
	return r.ledger.reset(head)
}

// swap moves the database that is there aside, with its log, and the copy into its
// place. Where it breaks off in between, the next start finds no database that the
// anchor knows and says so.
func (r *restoring) swap() error {
	place := filepath.Join(r.cfg.Server.DataDir, databaseFile)
	aside := place + ".before-restore-" + time.Now().UTC().Format("20060102T150405.000")
	for _, suffix := range []string{"-wal", "-shm", ""} {
		err := os.Rename(place+suffix, aside+suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("move the present database aside: %w", err)
		}
		r.aside = aside
	}
	if err := moveSynced(r.copied, place); err != nil {
		return fmt.Errorf("put the backup in place (the database that was there is %s): %w", r.aside, err)
	}
	return nil
}

// tell lists what was done.
func (c *restoreCommand) tell(t *terminal, r *restoring) error {
	done := r.done
	rows := []restoredRow{}
	add := func(kind, id, name string) { rows = append(rows, restoredRow{kind, id, name}) }
	for _, x := range done.Credentials {
		add(string(x.Kind), x.ID, x.Label)
	}
	for _, x := range done.Shortened {
		add("expiry of "+string(x.Kind), x.ID, x.Label)
	}
	for _, u := range done.Users {
		add("user", u.ID, u.Email)
	}
	for _, m := range done.Members {
		add("member", m.User.ID, m.User.Email)
	}
	d := &desk{stdout: t.stdout, stderr: t.stderr}
	if c.JSON {
		return d.printJSON(map[string]any{
			"from": rowOf(done.From), "anchor": rowOf(r.gap.Anchor), "ended_again": rows, "access_tokens": done.AccessTokens, "sessions": done.Sessions,
			"invitations": done.Invites, "revocations_known": r.gap.Known, "unconfirmed": done.Unconfirmed, "moved_aside": r.aside,
		})
	}
	d.say("Restored %s, which ends at %s.", c.File, done.From)
	if r.gap.Anchor.Seq > 0 {
		d.say("The anchor knew %s: what happened in between is gone from the database, but for this:", r.gap.Anchor)
	}
	for _, row := range rows {
		fmt.Fprintf(d.stdout, "ended again: %s %s %s\n", row.Kind, row.ID, row.Name)
	}
	d.say("%d access tokens revoked, %d sessions ended, %d invitations withdrawn.", done.AccessTokens, done.Sessions, done.Invites)
	if !r.gap.Known {
		d.say("\nWARNING: there is no file of revocations that reaches back to this backup. What was revoked or disabled after it"+
			"\nworks again, but for access tokens. All %d live credentials are marked as unconfirmed and go on working: confirm or revoke each"+
			"\n(claviger unconfirmed; claviger confirm ID).\n", done.Unconfirmed)
	}
	if r.aside != "" {
		d.say("The database that was there is %s. Remove it when you are sure.", r.aside)
	}
	return nil
}

// restoredRow is something that ended again.
type restoredRow struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Name string `json:"name"`
}
