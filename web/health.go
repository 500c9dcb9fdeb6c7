package web

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// readyTime bounds how long /readyz waits for the database.
const readyTime = 2 * time.Second

// How often /readyz finds out at most whether the database can be written to, which
// costs a commit: while it can, and while it cannot.
const (
	probePause  = 5 * time.Second
	probeFailed = time.Second
)

// probe is what was found out last.
type probe struct {
	mu  sync.Mutex
	at  time.Time // zero: never
	err error
}

// Drain makes /readyz answer 503 from now on, so that load balancers send no more
// requests here: the server is about to stop.
func (s *Server) Drain() { s.draining.Store(true) }

// health answers /healthz: the process runs and serves; and /readyz: requests are
// welcome here.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	first, rest := firstSegment(r)
	if rest != "" {
		s.writeProblem(w, r, problem{Status: http.StatusNotFound, Type: "not-found", Title: "Not found", Detail: "There is nothing at this address."})
		return
	}
	r.Pattern = healthPattern
	text := "ok\n"
	if first == "readyz" {
		r.Pattern = readyPattern
		limitation, ok := s.ready(w, r)
		if !ok {
			return
		}
		text += limitation
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(text)) // a client that went away needs no answer
}

// doubted returns why the database is not to be relied on.
func (s *Server) doubted() error {
	if s.Doubted == nil {
		return nil
	}
	return s.Doubted()
}

// ready reports whether requests are welcome here, and answers where they are not: the
// server is stopping, or the database cannot be read. What only
// makes it slower or less complete is no reason to send callers away, above all where
// there is nobody else to send them to; it is told as a limitation.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) (limitation string, ok bool) {
	unready := problem{Status: http.StatusServiceUnavailable, Type: "not-ready", Title: "Not ready"}
	if s.draining.Load() {
		unready.Detail = "The server is stopping."
		s.writeProblem(w, r, unready)
		return "", false
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if err := s.Accounts.Readable(ctx); err != nil {
		unready.Detail = "The database cannot be reached. Callers are answered 503."
		if s.Verifier.Sure() {
			unready.Detail = "The database cannot be reached. Credentials that are in memory are still checked."
		}
		unready.Reference = s.report(r, "not ready", err)
		s.writeProblem(w, r, unready)
		return "", false
	}
	if s.doubted() != nil {
		return "limited: the database lacks acts that were acknowledged; every request is looked up in it as it is, and acts are refused. Run claviger audit verify\n", true
	}
	if s.writable(ctx) != nil {
		limitation += "limited: the database cannot be written to; credentials are checked, and acts are refused\n"
	}
	if !s.Verifier.Sure() {
		limitation += "limited: changes made by other nodes are not heard; every request is looked up in the database\n"
	}
	if s.Verifier.UsesFail() {
		limitation += "limited: how credentials are used cannot be written; it is kept in memory\n"
	}
	return limitation, true
}

// writable returns an error where the database could not be written to a moment ago, and
// tells the log when that begins and ends.
func (s *Server) writable(ctx context.Context) error {
	p := &s.probe
	p.mu.Lock()
	defer p.mu.Unlock()
	pause := probePause
	if p.err != nil {
		pause = probeFailed
	}
	if !p.at.IsZero() && s.Clock.Now().Sub(p.at) < pause {
		return p.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTime) // who asked may go away; the next one is told the same
	defer cancel()
	before := p.err
	p.err = s.Accounts.Writable(ctx)
	p.at = s.Clock.Now() // not before: those who waited for this answer take it
	switch {
	case p.err != nil && before == nil:
		s.Log.Warn("the database cannot be written to: credentials are checked, and acts are refused", "error", p.err)
	case p.err == nil && before != nil:
		s.Log.Info("the database can be written to again")
	}
	return p.err
}
