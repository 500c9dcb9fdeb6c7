// Package metrics prints what the rooms count as Prometheus metrics. The rooms count
// by plain additions and know nothing of Prometheus; this one reads their counts when
// it is asked, and counts nothing itself.
//
// No label holds anything that a caller sent, nor the name or id of an organization, a
// credential or a person: labels are routes, reasons and the like, of which there are
// as many as the code has.
package metrics

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"claviger/internal/access"
	"claviger/web"
)

// Sources is what counts.
type Sources struct {
	Web         *web.Server
	Verifier    *access.Verifier
	Uses        *access.UseLog
	Store       *Store
	Clock       access.Clock
	Keys        func() int // how many server keys there are
	Shippers    []*access.Shipper
	Jumps       func() access.Jumps
	Certificate func() time.Time // when the certificate ends; nil = there is none
	Version     string
}

// scrapeTime bounds how long one answer waits for the database.
const scrapeTime = 3 * time.Second

// Handler answers GET /metrics.
func Handler(s Sources) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	return mux
}

// collector reads the counts when it is asked.
type collector struct{ Sources }

// Describe sends the description of every metric there is.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range all() {
		out <- d
	}
}

// Collect sends every metric's value.
func (c collector) Collect(out chan<- prometheus.Metric) {
	c.requests(out)
	c.decisions(out)
	c.uses(out)
	c.database(out)
	gauge(out, descBuild, 1, c.Version, runtime.Version())
	gauge(out, descKeys, float64(c.Keys()))
	counter(out, descJumps, float64(c.Jumps().Count))
	c.shipping(out)
	if c.Certificate != nil {
		gauge(out, descCertificate, float64(c.Certificate().Unix()))
	}
}

func (c collector) requests(out chan<- prometheus.Metric) {
	c.Web.Requests(func(listener, route, class string, n uint64) {
		counter(out, descRequests, float64(n), listener, route, class)
	})
	c.Web.Durations(func(listener, family string, h *access.Histogram) {
		histogram(out, descDuration, h, listener, family)
	})
}

func (c collector) decisions(out chan<- prometheus.Metric) {
	c.Web.Decisions(func(door, reason string, n uint64) {
		counter(out, descDecisions, float64(n), door, reason)
	})
	v := c.Verifier.Stats()
	counter(out, descMemory, float64(v.Remembered), "credential")
	counter(out, descMemory, float64(v.Unknown), "unknown")
	_, looked, _ := v.Lookup.Read()
	counter(out, descMemory, float64(looked), "database")
	histogram(out, descLookup, v.Lookup)
}

func (c collector) uses(out chan<- prometheus.Metric) {
	u := c.Uses.Stats()
	gauge(out, descPending, float64(u.Pending))
	counter(out, descDropped, float64(u.Dropped))
	counter(out, descFlushFailures, float64(u.Failures))
}

func (c collector) shipping(out chan<- prometheus.Metric) {
	for _, s := range c.Shippers {
		n := s.Stats()
		counter(out, descShipped, float64(n.Shipped), n.Label)
		counter(out, descShipFailures, float64(n.Failures), n.Label)
		gauge(out, descShipWaiting, float64(n.Waiting), n.Label)
		gauge(out, descShipSeq, float64(n.Seq), n.Label)
		gauge(out, descShipTime, unixSeconds(n.ShippedAt), n.Label)
		gauge(out, descShips, number(n.Holds), n.Label)
	}
}

// unixSeconds is a time as Prometheus has it; 0 = never.
func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}

func (c collector) database(out chan<- prometheus.Metric) {
	c.Store.stats(func(kind string, took *access.Histogram, failures uint64) {
		histogram(out, descTransaction, took, kind)
		counter(out, descTransactionFailures, float64(failures), kind)
	})
	epoch, sure := c.Store.Epoch()
	counter(out, descEpoch, float64(epoch))
	gauge(out, descSure, number(sure))
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	var head access.EventHead
	var sessions int
	err := c.Store.View(ctx, func(tx access.ReadTx) error {
		var err error
		if head, err = tx.EventHead(); err != nil {
			return err
		}
		sessions, err = tx.CountSessions(c.Clock.Now())
		return err
	})
	gauge(out, descDatabase, number(err == nil))
	if err == nil { // else a gap in the graph, not a zero
		counter(out, descEvents, float64(head.Seq))
		gauge(out, descSessions, float64(sessions))
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
