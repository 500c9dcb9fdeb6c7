package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"claviger/internal/access"
	"claviger/internal/config"
)

// desk is where a command acts: an open installation, in this process or in the
// server's, and what the command reads and writes.
type desk struct {
	*installation
	ctx            context.Context
	stdout, stderr io.Writer
	readInput      func() (string, error) // standard input, read when it is needed
	osUser         string
}

// operator returns the actor of the command.
func (d *desk) operator(reason string) access.Actor { return access.Operator(d.osUser, reason) }

// say prints a line for people on standard error.
func (d *desk) say(format string, args ...any) { fmt.Fprintf(d.stderr, format+"\n", args...) }

// printJSON prints a value for programs.
func (d *desk) printJSON(value any) error {
	encoder := json.NewEncoder(d.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// act is a command that needs an installation.
type act interface{ act(*desk) error }

// onlyLooks marks acts that change nothing, and must go on where the database is not
// what it ought to be.
type onlyLooks interface{ onlyLooks() bool }

// begins marks acts that make the installation where there is none yet.
type begins interface{ begins() }

// patience is how long a command waits for another one that holds the lock, or for
// a server that is just starting.
const patience = 15 * time.Second

// perform carries out an act: in this process where the lock is free, else in the
// server that holds it. A command that returns has had its effect either way.
func perform(t *terminal, configFile string, a act) error {
	cfg, err := loadConfig(configFile, t.stderr)
	if err != nil {
		return err
	}
	if !cfg.Store.URL.IsZero() {
		if err := makeDataDir(cfg.Server.DataDir); err != nil {
			return err
		}
		return errors.Join(carryOut(t, cfg, a), giveBack(cfg.Server.DataDir))
	}
	if err := await(t.ctx, cfg.Server.DataDir, a); err != nil {
		return err
	}
	deadline := time.Now().Add(patience)
	for {
		held, err := takeLock(cfg.Server.DataDir)
		if err == nil {
			return errors.Join(carryOut(t, cfg, a), held.release())
		}
		if !errors.Is(err, errLocked) {
			return err
		}
		conn, err := dialSocket(cfg.Server.DataDir)
		if err == nil {
			if err = actRemotely(t, conn); !errors.Is(err, errNotTaken) {
				return err
			}
		}
		if time.Now().After(deadline) || t.ctx.Err() != nil {
			return fmt.Errorf("%s is in use by another process, which does not answer on its socket: %w", cfg.Server.DataDir, err)
		}
		pause(t.ctx, 20*time.Millisecond)
	}
}

// birthTime is how long a command waits for a server that is making its installation.
const birthTime = time.Second

// await fails where a data directory holds nothing of an installation, and nobody makes one
// within a moment: somebody runs the command with other settings than the server's, and would
// back up, verify or search an empty database that was made for them on the spot.
func await(ctx context.Context, dataDir string, a act) error {
	if _, ok := a.(begins); ok {
		return nil
	}
	for end := time.Now().Add(birthTime); ; pause(ctx, 20*time.Millisecond) {
		if err := there(dataDir); err == nil || ctx.Err() != nil || time.Now().After(end) {
			return err
		}
	}
}

func there(dataDir string) error {
	for _, name := range []string{databaseFile, anchorFile} {
		if _, err := os.Stat(filepath.Join(dataDir, name)); !errors.Is(err, fs.ErrNotExist) {
			return nil // what else is wrong with it is told where it is opened
		}
	}
	if abs, err := filepath.Abs(dataDir); err == nil {
		dataDir = abs
	}
	return usageError{fmt.Errorf("there is no Claviger in %s. Run commands with the configuration of the server: in its directory, with --config FILE, or with the same variables "+
		"(CLAVIGER_CONFIG, CLAVIGER_SERVER_DATA_DIR). A new one begins with claviger serve, or claviger org add", dataDir)}
}

// carryOut carries out an act in this process, which holds the lock, or on PostgreSQL
// stands beside the servers that share the database, and waits until they act on it.
func carryOut(t *terminal, cfg *config.Config, a act) error {
	in, err := openInstallation(t.ctx, cfg, newLog(cfg.Log, t.stderr), access.Node{})
	if err != nil {
		return err
	}
	if err := in.guardAct(t.ctx, a); err != nil {
		return errors.Join(err, in.Close())
	}
	d := &desk{installation: in, ctx: t.ctx, stdout: t.stdout, stderr: t.stderr, readInput: t.readInput, osUser: nameOf(os.Geteuid())}
	err = a.act(d)
	if err == nil {
		err = d.awaitConfirmed()
	}
	return errors.Join(err, in.Close())
}

// confirmTime is how long a command waits for servers to say that they act on its
// change. One that does not say so has by then stopped trusting what it remembers.
const confirmTime = time.Second

// awaitConfirmed waits until the servers that share the database, on this machine or
// others, act on what was done. On SQLite there are none.
func (d *desk) awaitConfirmed() error {
	waiting, err := d.store.Confirmed(d.ctx, confirmTime)
	for _, name := range waiting {
		d.say("It is done. The server on %s has not confirmed it within %s: it may be cut off, and then trusts nothing that it remembers.", name, confirmTime)
	}
	return err
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// nameOf returns the name of an operating-system user.
func nameOf(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(uid)
}
