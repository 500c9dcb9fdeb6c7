package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"claviger/internal/access"
)

// Every metric there is. docs/metrics.md explains them; a test holds the two together.
var (
	descBuild    = desc("claviger_build_info", "Always 1; what runs.", "version", "go_version")
	descRequests = desc("claviger_requests_total", "Answered requests, by listener, route and the first digit of the status.", "listener", "route", "class")
	descDuration = desc("claviger_request_duration_seconds", "Time from a request's head to the end of its answer.", "listener", "family")

	descDecisions = desc("claviger_decisions_total", "Decisions on presented credentials, by where they were presented and the reason.", "door", "reason")
	descMemory    = desc("claviger_decision_sources_total", "Decisions by what they were taken from: a credential in memory, the memory of what is none, the database.", "source")
	descLookup    = desc("claviger_lookup_duration_seconds", "Time of decisions for which the database was asked.")

	descPending       = desc("claviger_uses_pending", "Sums of uses that wait to be written.")
	descDropped       = desc("claviger_uses_dropped_total", "Requests that were not counted as uses, because too many sums waited.")
	descFlushFailures = desc("claviger_uses_flush_failures_total", "Writes of uses that failed; they are tried again.")

	descShipped      = desc("claviger_audit_shipped_total", "Events that a target has acknowledged to this node.", "target")
	descShipFailures = desc("claviger_audit_ship_failures_total", "Batches of events that a target did not acknowledge; they are sent again.", "target")
	descShipWaiting  = desc("claviger_audit_ship_waiting", "Events that a target has not acknowledged to any node.", "target")
	descShipSeq      = desc("claviger_audit_ship_acknowledged_event", "Number of the last event that a target has acknowledged to any node.", "target")
	descShipTime     = desc("claviger_audit_ship_last_timestamp_seconds", "When a target last acknowledged events, in Unix time; 0 = never.", "target")
	descShips        = desc("claviger_audit_ships", "Whether this node is the one that ships to a target.", "target")

	descTransaction         = desc("claviger_store_transaction_duration_seconds", "Time of transactions, waiting and retries included.", "kind")
	descTransactionFailures = desc("claviger_store_transaction_failures_total", "Transactions that the database failed.", "kind")
	descDatabase            = desc("claviger_database_up", "Whether the database answered this scrape.")
	descEpoch               = desc("claviger_epoch_total", "Changes that emptied the memory of credentials.")
	descSure                = desc("claviger_feed_certain", "Whether changes made elsewhere are heard. 0: nothing is remembered, every decision asks the database.")
	descEvents              = desc("claviger_events_total", "Number of the newest event of the audit chain.")
	descSessions            = desc("claviger_sessions", "Sessions of the console that have not ended.")
	descKeys                = desc("claviger_keys", "Server keys in the key file. More than one: a rotation is not finished.")
	descJumps               = desc("claviger_clock_jumps_total", "How often the wall clock has jumped by more than a minute.")
	descCertificate         = desc("claviger_certificate_end_timestamp_seconds", "When the TLS certificate ends, in Unix time.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

func all() []*prometheus.Desc {
	return []*prometheus.Desc{
		descBuild, descRequests, descDuration, descDecisions, descMemory, descLookup, descPending, descDropped, descFlushFailures,
		descTransaction, descTransactionFailures, descDatabase, descEpoch, descSure, descEvents, descSessions, descKeys, descJumps, descCertificate,
		descShipped, descShipFailures, descShipWaiting, descShipSeq, descShipTime, descShips,
	}
}

func counter(out chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}

func gauge(out chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func histogram(out chan<- prometheus.Metric, d *prometheus.Desc, h *access.Histogram, labels ...string) {
	upTo, count, sum := h.Read()
	buckets := make(map[float64]uint64, len(upTo))
	for bound, n := range upTo {
		buckets[bound.Seconds()] = n
	}
	out <- prometheus.MustNewConstHistogram(d, count, sum.Seconds(), buckets, labels...)
}
