// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// figures are the metrics of one proxy. They carry kube-proxy's names, so that its dashboards and alerts work.
type figures struct {
	syncDuration, fullSyncDuration, partialSyncDuration, programmingLatency prometheus.Histogram
	lastSync, lastQueued                                                    prometheus.Gauge
	endpointChanges, serviceChanges, syncFailures, conntrackDeleted         prometheus.Counter
}

// newFigures makes the metrics and registers them.
func newFigures(registry interface{ MustRegister(...prometheus.Collector) }) *figures {
	f := &figures{
		syncDuration: seconds("sync_proxy_rules_duration_seconds", "Seconds that one change to the rules took",
			prometheus.ExponentialBuckets(0.001, 2, 15)),
		fullSyncDuration: seconds("sync_full_proxy_rules_duration_seconds", "Seconds that one comparison of all rules took",
			prometheus.ExponentialBuckets(0.001, 2, 15)),
		partialSyncDuration: seconds("sync_partial_proxy_rules_duration_seconds", "Seconds that one incremental change to the rules took",
			prometheus.ExponentialBuckets(0.001, 2, 15)),
		programmingLatency: seconds("network_programming_duration_seconds", "Seconds from a change of endpoints to the rules that follow it",
			slices.Concat(prometheus.LinearBuckets(0.25, 0.25, 2), prometheus.LinearBuckets(1, 1, 59), prometheus.LinearBuckets(60, 5, 12), prometheus.LinearBuckets(120, 30, 7))),
		lastSync:        gauge("sync_proxy_rules_last_timestamp_seconds", "When the rules were last brought up to date"),
		lastQueued:      gauge("sync_proxy_rules_last_queued_timestamp_seconds", "When a change was last seen"),
		endpointChanges: counter("kubeproxy", "sync_proxy_rules_endpoint_changes_total", "Changes of EndpointSlices seen"),
		serviceChanges:  counter("kubeproxy", "sync_proxy_rules_service_changes_total", "Changes of Services seen"),
		syncFailures:    counter("kubeproxy", "sync_proxy_rules_nftables_sync_failures_total", "Changes that the kernel refused"),
		conntrackDeleted: counter("coxswain_proxy", "conntrack_entries_deleted_total",
			"UDP connections forgotten because their endpoint went"),
	}
	registry.MustRegister(f.syncDuration, f.fullSyncDuration, f.partialSyncDuration, f.programmingLatency,
		f.lastSync, f.lastQueued, f.endpointChanges, f.serviceChanges, f.syncFailures, f.conntrackDeleted)
	return f
}

func seconds(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Subsystem: "kubeproxy", Name: name, Help: help, Buckets: buckets})
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Subsystem: "kubeproxy", Name: name, Help: help})
}

func counter(subsystem, name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Subsystem: subsystem, Name: name, Help: help})
}
