package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"time"

	"claviger/internal/access"
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
	deadline := time.Now().Add(patience)
	for {
		held, err := takeLock(cfg.Server.DataDir)
		if err == nil {
			in, err := openInstallation(t.ctx, cfg, newLog(cfg.Log, t.stderr))
			if err != nil {
				return errors.Join(err, held.release())
			}
			d := &desk{installation: in, ctx: t.ctx, stdout: t.stdout, stderr: t.stderr, readInput: t.readInput, osUser: nameOf(os.Geteuid())}
			return errors.Join(a.act(d), in.Close(), held.release())
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
