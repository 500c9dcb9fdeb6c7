package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// lookInterval is how often files are looked at that may change while the server runs:
// the key file and the certificate.
const lookInterval = 5 * time.Second

// refresher reads a file again if it changed. A file that is bad is an error and
// changes nothing.
type refresher interface {
	Reload() (changed bool, err error)
}

// watched is a refresher and what people call it.
type watched struct {
	name   string
	source refresher
	failed string // what was wrong with it when it was last looked at: said once
}

// hearHangups takes SIGHUP from now on: one that comes before anybody reads the channel
// waits, and does not end the process.
func hearHangups() chan os.Signal {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups
}

// refresh reads files again on SIGHUP and from time to time, until ctx ends.
func (in *installation) refresh(ctx context.Context, hangups chan os.Signal, tell *supervisor, files ...*watched) error {
	defer signal.Stop(hangups)
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
			tell.say(in.log, "RELOADING=1\n"+monotonic())
			for _, f := range files {
				f.failed = "" // asked for: say again what is wrong
			}
			in.look(files)
			tell.say(in.log, "READY=1")
		case <-tick.C:
			in.look(files)
		}
	}
}

func (in *installation) look(files []*watched) {
	for _, f := range files {
		changed, err := f.source.Reload()
		switch {
		case err != nil && err.Error() != f.failed:
			in.log.Error("the "+f.name+" was not taken over; the one before stays in use", "error", err)
			f.failed = err.Error()
		case err == nil && changed:
			in.log.Info("the " + f.name + " was read again")
			f.failed = ""
		case err == nil:
			f.failed = ""
		}
	}
}
