// Package web speaks HTTP: the console's pages, forward-auth, the gateway.
//
// It turns requests into acts of the domain and what comes back into pages,
// headers and problem details. It decides nothing: who may do what, and whether a
// credential opens an API, is internal/access's to say. It knows neither the
// database nor the configuration.
//
// Two listeners are served. Each begins with a switch on the raw first segment of
// the path (front.go), because http.ServeMux cleans paths before it routes them;
// only pages reach a mux.
package web

import (
	"cmp"
	"log"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// Options is what a Server is made of.
type Options struct {
	Registry  *access.Registry
	Accounts  *access.Accounts
	Verifier  *access.Verifier
	Authority *access.Authority
	Keys      *secret.Keyring
	Clock     access.Clock
	Log       *slog.Logger

	ConsoleURL     string         // base URL, without a slash at its end
	GatewayURL     string         // likewise
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	Zone           *time.Location // in which pages print times; nil = the machine's

	UpstreamTimeout time.Duration       // until the head of an upstream's answer; 0 = a minute. An API may have its own
	IdleTimeout     time.Duration       // for which a caller at the gateway may neither send nor take anything; 0 = a minute
	MaxBody         int64               // of a request to an upstream, in bytes; 0 = no bound
	Doubted         func() error        // why the database is not to be relied on; nil = it always is
	Jumps           func() access.Jumps // of the machine's clock; nil = nobody counts
	Wall            access.Clock        // the machine's time, for deadlines of connections; nil = Clock
}

// Server holds what handlers work with. It is safe for concurrent use.
type Server struct {
	Options
	sessions  *sessionStore
	transport http.RoundTripper
	proxyLog  *log.Logger
	buffers   bufferPool
	refused   latestRefusals
	meter     *meter
	draining  atomic.Bool
	probe     probe
}

// New returns a server.
func New(o Options) *Server {
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Wall == nil {
		o.Wall = o.Clock
	}
	o.UpstreamTimeout, o.IdleTimeout = cmp.Or(o.UpstreamTimeout, time.Minute), cmp.Or(o.IdleTimeout, time.Minute)
	s := &Server{Options: o, transport: newTransport(), proxyLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn)}
	s.meter = newMeter(s.routes())
	s.sessions = newSessionStore(o.Accounts, s.secure())
	return s
}

// secure reports whether browsers reach the console by https.
func (s *Server) secure() bool {
	u, err := url.Parse(s.ConsoleURL)
	return err == nil && u.Scheme == "https"
}

// now is the time in the zone in which pages print times.
func (s *Server) now() time.Time { return s.Clock.Now().In(s.Zone) }
