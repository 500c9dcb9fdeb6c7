package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"claviger/web"
)

// serveCommand runs the console and the gateway. This file is the only place that
// wires everything together.
type serveCommand struct {
	AcceptDataLoss bool `help:"Go on although acts that were acknowledged are missing from the database. Recorded."`
	AcceptClock    bool `help:"Go on although the clock is behind the newest event. Recorded."`
}

// Run serves until the terminal's context ends.
func (c *serveCommand) Run(t *terminal, cli *commandLine) error {
	cfg, err := loadConfig(cli.Config, t.stderr)
	if err != nil {
		return err
	}
	held, err := lockToServe(t.ctx, cfg.Server.DataDir)
	if err != nil {
		return err
	}
	defer func() { _ = held.release() }()
	log := newLog(cfg.Log, t.stderr)
	in, err := openInstallation(t.ctx, cfg, log, thisNode())
	if err != nil {
		return err
	}
	defer func() {
		if err := in.Close(); err != nil {
			log.Error("the database did not close cleanly", "error", err)
		}
	}()
	if err := in.guard(t.ctx, consent{loss: c.AcceptDataLoss, clock: c.AcceptClock}); err != nil {
		return err
	}
	if err := dropSnapshots(cfg.Server.DataDir); err != nil {
		return err
	}
	return in.serve(t)
}

// lockToServe takes the lock, waiting for a command that holds it, but not for
// another server.
func lockToServe(ctx context.Context, dataDir string) (*lock, error) {
	deadline := time.Now().Add(patience)
	for {
		held, err := takeLock(dataDir)
		if !errors.Is(err, errLocked) {
			return held, err
		}
		conn, dialErr := dialSocket(dataDir)
		if dialErr == nil {
			return nil, errors.Join(fmt.Errorf("another claviger serves %s already", dataDir), conn.Close())
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return nil, fmt.Errorf("%s is in use by another process", dataDir)
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// serve listens, says where, and serves until the terminal's context ends.
func (in *installation) serve(t *terminal) error {
	cfg := in.cfg
	console, err := net.Listen("tcp", cfg.Server.Listen)
	if err != nil {
		return fmt.Errorf("console: %w", err)
	}
	gateway, err := net.Listen("tcp", cfg.Gateway.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("gateway: %w", err), console.Close())
	}
	socket, err := listenSocket(cfg.Server.DataDir)
	if err != nil {
		return errors.Join(err, console.Close(), gateway.Close())
	}
	beside, err := in.newBeside()
	if err != nil {
		return errors.Join(err, console.Close(), gateway.Close(), socket.Close())
	}
	cfg.UseBoundPorts(console.Addr().String(), gateway.Addr().String())
	server := web.New(web.Options{
		Registry: in.registry, Accounts: in.accounts, Verifier: in.verifier, Authority: in.authority, Keys: in.keys, Clock: in.clock, Log: in.log,
		ConsoleURL: cfg.Server.BaseURL, GatewayURL: cfg.Gateway.BaseURL, TrustedProxies: cfg.Server.TrustedProxies,
		UpstreamTimeout: cfg.Gateway.UpstreamTimeout, IdleTimeout: cfg.Gateway.IdleTimeout, MaxBody: int64(cfg.Gateway.MaxBody), Doubted: in.store.Doubted, Jumps: in.clock.Jumps,
	})
	if err := in.greet(t); err != nil {
		return errors.Join(err, console.Close(), gateway.Close(), socket.Close(), beside.close())
	}
	defer easeCollector()()
	group, ctx := errgroup.WithContext(t.ctx)
	room := roomFor(cfg.Server.MaxConnections, in.log)
	pages := &http.Server{Handler: server.Console(), ReadTimeout: pageTimeout, WriteTimeout: pageTimeout, MaxHeaderBytes: maxHeader}
	apis := &http.Server{Handler: server.Gateway(), WriteTimeout: cfg.Gateway.IdleTimeout, MaxHeaderBytes: cfg.Gateway.MaxHeader}
	for listener, s := range map[net.Listener]*http.Server{console: pages, gateway: apis} {
		g := newGate(listener, room, cfg.Server.TLS(), in.log)
		group.Go(func() error { return serveHTTP(ctx, g, beside.secured(g), s, cfg.Server.DrainTime) })
	}
	group.Go(func() error { return serveSocket(ctx, in, socket) })
	group.Go(func() error { return in.tidy(ctx) })
	group.Go(func() error { return in.sweep(ctx) })
	group.Go(func() error { return in.witness(ctx) })
	beside.run(ctx, group, server)
	recording, stop := context.WithCancel(context.WithoutCancel(t.ctx))
	recorded := make(chan error, 1)
	go func() { recorded <- in.uses.Run(recording) }()
	watched := make(chan struct{})
	go func() { defer close(watched); in.verifier.Watch(recording) }() // streams that finish are watched to their end
	err = group.Wait()
	stop() // the last requests have ended: what they left is written now
	<-watched
	return errors.Join(err, <-recorded)
}

// Limits of the listeners (S20). The gateway has others for bodies, because uploads
// and downloads may take as long as they go on.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	pageTimeout   = time.Minute
	maxHeader     = 64 << 10 // bytes
	lastMoment    = time.Second
)

// serveHTTP serves what comes through a gate until ctx ends. Then it accepts no more,
// and lets requests under way finish; what still runs after the drain time is cut.
func serveHTTP(ctx context.Context, g *gate, listener net.Listener, server *http.Server, drain time.Duration) error {
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var running atomic.Int64
	server.Handler = counted(server.Handler, &running)
	server.BaseContext = func(net.Listener) context.Context { return base }
	server.ReadHeaderTimeout, server.IdleTimeout, server.ConnState = headerTimeout, idleTimeout, g.changed
	server.ErrorLog = log.New(httpLog{g.log}, "", 0)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	// Shutdown drops requests whose head is on its way, so they get a moment before it,
	// and whoever asks hears from /readyz that this server ends.
	server.SetKeepAlivesEnabled(false)
	err := g.Close()
	moment, enough := context.WithTimeout(end, lastMoment)
	defer enough()
	g.wait(moment)
	err = errors.Join(err, server.Shutdown(end))
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		err = nil // what is left is cut, as was said; and the listener is closed by now
	}
	g.wait(end) // for what the server has handed over
	cut()
	g.closeAll()
	err = errors.Join(err, server.Close(), ended(<-done))
	for range 100 { // what was cut has yet to notice; a second is enough for that
		if running.Load() == 0 {
			break
		}
		pause(context.WithoutCancel(ctx), 10*time.Millisecond)
	}
	return err
}

// counted counts the requests that a handler is busy with.
func counted(h http.Handler, running *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Add(-1)
		h.ServeHTTP(w, r)
	})
}

// ended passes on how a server ended, unless that was by being shut down.
func ended(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// tidy turns what strangers caused into events, a few seconds after each minute's
// end, and removes the file of the set-up link once there is an owner, until ctx ends.
func (in *installation) tidy(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for jumps := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		jumps = in.watchClock(jumps)
		if err := in.accounts.SealTallies(ctx); err != nil && ctx.Err() == nil {
			in.log.Warn("counted events could not be recorded; they are kept", "error", err)
		}
		if err := in.dropSetupLink(ctx); err != nil && ctx.Err() == nil {
			in.log.Warn("the file of the used set-up link could not be removed", "error", err)
		}
	}
}

// sweepInterval is how often what nobody needs any more is deleted.
const sweepInterval = 10 * time.Minute

// sweep deletes what nobody needs any more, at the start and from time to time,
// until ctx ends.
func (in *installation) sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		n, err := in.keeper.Sweep(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			in.log.Warn("old rows could not be deleted; they are kept", "error", err)
		case n > 0:
			in.log.Info("deleted what nobody needs any more", "rows", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// dropSetupLink removes the file of the set-up link where there is an owner.
func (in *installation) dropSetupLink(ctx context.Context) error {
	path := filepath.Join(in.cfg.Server.DataDir, setupFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if needed, err := in.accounts.NeedsSetup(ctx); err != nil || needed {
		return err
	}
	return os.Remove(path)
}

// greet says where everything is, and offers the set-up link where there is no
// owner yet: on standard error and in a file that only its owner can read.
func (in *installation) greet(t *terminal) error {
	cfg := in.cfg
	path := filepath.Join(cfg.Server.DataDir, setupFile)
	token, ends, err := in.accounts.OfferSetup(t.ctx)
	if err != nil {
		return err
	}
	dataDir, err := filepath.Abs(cfg.Server.DataDir)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.stderr, "\nClaviger %s\n  Console  %s\n  Gateway  %s\n  Data     %s\n", version(), cfg.Server.BaseURL, cfg.Gateway.BaseURL, dataDir)
	if token.IsZero() {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		fmt.Fprintln(t.stderr)
		return nil
	}
	link := cfg.Server.BaseURL + "/setup/" + token.Expose()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(path, []byte(link+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the set-up link: %w", err)
	}
	fmt.Fprintf(t.stderr, "\nOpen this link to set up your organization (once, until %s):\n  %s\n\n", ends.Local().Format("15:04"), link)
	return nil
}
