package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"claviger/internal/metrics"
	"claviger/web"
)

// beside is what runs beside the console and the gateway: the certificate, metrics,
// the shipping of events, and word to who started us.
type beside struct {
	in          *installation
	certificate *certificate // nil = plain HTTP
	metrics     net.Listener // nil = off
	supervisor  *supervisor
	hangups     chan os.Signal
}

// newBeside reads the certificate and listens for metrics, as far as configured.
func (in *installation) newBeside() (*beside, error) {
	b := &beside{in: in, supervisor: newSupervisor(os.Getenv, os.Getpid()), hangups: hearHangups()}
	var err error
	if in.cfg.Server.TLS() {
		if b.certificate, err = openCertificate(in.cfg.Server.TLSCert, in.cfg.Server.TLSKey); err != nil {
			return nil, err
		}
		if err := b.certificate.expired(time.Now()); err != nil {
			in.log.Warn("the certificate is not valid now; clients will refuse it", "error", err)
		}
	}
	if in.cfg.Metrics.Listen != "" {
		if b.metrics, err = net.Listen("tcp", in.cfg.Metrics.Listen); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
		in.log.Info("metrics are served", "address", b.metrics.Addr().String())
	}
	return b, nil
}

// secured returns a listener of TLS connections, where there is a certificate.
func (b *beside) secured(l net.Listener) net.Listener {
	if b.certificate == nil {
		return l
	}
	return tls.NewListener(l, b.certificate.config())
}

// close gives back what newBeside opened, where serving never began.
func (b *beside) close() error {
	if b.metrics == nil {
		return nil
	}
	return b.metrics.Close()
}

// run does all this in a group until ctx ends. It says that the server is ready, and
// when it begins to stop.
func (b *beside) run(ctx context.Context, group *errgroup.Group, server *web.Server) {
	in := b.in
	files := []*watched{{name: "key file", source: in.keys}}
	if b.certificate != nil {
		files = append(files, &watched{name: "certificate", source: b.certificate})
	}
	group.Go(func() error { return in.refresh(ctx, b.hangups, b.supervisor, files...) })
	if b.metrics != nil {
		group.Go(func() error { return serveMetrics(ctx, b.metrics, metrics.Handler(b.sources(server))) })
	}
	for _, s := range in.shippers {
		group.Go(func() error { s.Run(ctx); return nil })
	}
	group.Go(func() error { return b.supervisor.keepAlive(ctx, in.log, in.alive) })
	b.supervisor.say(in.log, "READY=1")
	context.AfterFunc(ctx, func() {
		server.Drain()
		b.supervisor.say(in.log, "STOPPING=1")
	})
}

// alive returns when the locks that every request takes can be had: a process that hangs
// is to be started anew. A database that is gone is no reason: memory goes on checking
// credentials, and would be lost.
func (in *installation) alive() { in.uses.Stats() }

func (b *beside) sources(server *web.Server) metrics.Sources {
	in := b.in
	s := metrics.Sources{
		Web: server, Verifier: in.verifier, Uses: in.uses, Store: in.measured, Clock: in.clock, Version: version(),
		Keys: func() int { return len(in.keys.IDs()) }, Shippers: in.shippers, Jumps: in.clock.Jumps,
	}
	if b.certificate != nil {
		s.Certificate = func() time.Time { return b.certificate.Leaf().NotAfter }
	}
	return s
}

// httpLog takes what net/http has to say of its connections: failed handshakes, which
// any stranger can cause, at debug; the rest, such as too many open files, as a warning.
type httpLog struct{ log *slog.Logger }

// Write logs one line.
func (l httpLog) Write(line []byte) (int, error) {
	level, text := slog.LevelWarn, strings.TrimSpace(string(line))
	if strings.Contains(text, "TLS handshake error") {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, "connection", "error", text)
	return len(line), nil
}

// serveMetrics serves the metrics' listener until ctx ends; nobody waits for those who
// are asking then.
func serveMetrics(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: 30 * time.Second,
		IdleTimeout: idleTimeout, MaxHeaderBytes: 16 << 10,
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}
