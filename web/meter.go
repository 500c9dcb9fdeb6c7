package web

import (
	"sync/atomic"
	"time"

	"claviger/internal/access"
)

// The patterns of what is served without a mux, as logs and metrics name it. What a
// caller sends is never part of a name: there are as many names as there are routes.
const (
	verifyPattern  = "/verify/{org}/{app}/{api}"
	gatewayPattern = "/{org}/{app}/{api}"
	oauthPattern   = "/oauth"
	healthPattern  = "/healthz"
	readyPattern   = "/readyz"
	staticPattern  = "/static"
	otherPattern   = "other"
)

// statusClasses name the first digit of statuses; 0 is an answer that broke off. 1 is a
// connection that became one of another protocol.
var statusClasses = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

// door is where a credential is presented.
type door int

const (
	doorVerify door = iota
	doorGateway
	doorIntrospect
	doors
)

var doorNames = [doors]string{"verify", "gateway", "introspect"}

// meter counts requests and decisions, by additions alone. Its maps are made once and
// only read from then on.
type meter struct {
	listeners map[string]*listenerMeter
	decisions [doors][access.OverLimit + 2]atomic.Uint64 // the last one: could not be taken
}

type listenerMeter struct {
	routes map[string]*routeMeter       // by pattern
	hot    *routeMeter                  // of the one pattern that nearly all requests have
	took   map[string]*access.Histogram // by family of patterns
}

type routeMeter struct {
	pattern string
	classes [len(statusClasses)]atomic.Uint64
	took    *access.Histogram // of its family
}

func newMeter(list []route) *meter {
	console := []string{oauthPattern, healthPattern, otherPattern, readyPattern, staticPattern, "/"}
	for _, rt := range list {
		console = append(console, rt.pattern)
	}
	return &meter{listeners: map[string]*listenerMeter{
		"console": newListenerMeter(verifyPattern, console), "gateway": newListenerMeter(gatewayPattern, []string{oauthPattern, healthPattern, otherPattern}),
	}}
}

func newListenerMeter(hot string, patterns []string) *listenerMeter {
	l := &listenerMeter{routes: map[string]*routeMeter{}, took: map[string]*access.Histogram{}}
	for _, pattern := range append(patterns, hot) {
		name := family(pattern)
		if l.took[name] == nil {
			l.took[name] = &access.Histogram{}
		}
		l.routes[pattern] = &routeMeter{pattern: pattern, took: l.took[name]}
	}
	l.hot = l.routes[hot]
	return l
}

// family sums up patterns for what is measured in time: all pages are one.
func family(pattern string) string {
	switch pattern {
	case verifyPattern:
		return "verify"
	case gatewayPattern:
		return "gateway"
	case oauthPattern:
		return "oauth"
	case healthPattern, readyPattern:
		return "health"
	case staticPattern:
		return "static"
	case otherPattern:
		return "other"
	}
	return "page"
}

// served counts an answered request.
func (l *listenerMeter) served(pattern string, status int, took time.Duration) {
	r := l.hot
	if pattern != r.pattern {
		if r = l.routes[pattern]; r == nil {
			r = l.routes[otherPattern]
		}
	}
	r.classes[min(status/100, len(statusClasses)-1)].Add(1)
	r.took.Observe(took)
}

// decided counts a decision on a credential.
func (m *meter) decided(at door, reason access.Reason, err error) {
	if err != nil {
		reason = access.OverLimit + 1
	}
	m.decisions[at][reason].Add(1)
}

// Requests tells how often each route of a listener was answered, by the first digit of the
// status; what never happened is left out.
func (s *Server) Requests(tell func(listener, route, class string, n uint64)) {
	for listener, l := range s.meter.listeners {
		for pattern, r := range l.routes {
			for class := range r.classes {
				if n := r.classes[class].Load(); n > 0 {
					tell(listener, pattern, statusClasses[class], n)
				}
			}
		}
	}
}

// Durations tells how long answers took, by listener and by what sort of thing was
// asked for.
func (s *Server) Durations(tell func(listener, family string, h *access.Histogram)) {
	for listener, l := range s.meter.listeners {
		for name, h := range l.took {
			tell(listener, name, h)
		}
	}
}

// Decisions tells how often each decision was taken, by where the credential was
// presented.
func (s *Server) Decisions(tell func(door, reason string, n uint64)) {
	for d := range s.meter.decisions {
		reasons := &s.meter.decisions[d]
		for reason := range reasons {
			name := "unavailable"
			if r := access.Reason(reason); r <= access.OverLimit {
				name = r.String()
			}
			tell(doorNames[d], name, reasons[reason].Load())
		}
	}
}
