// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"sync"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

// Metrics carry kube-proxy's names, so that its dashboards and alerts work.
var (
	syncDuration = metrics.NewHistogram(&metrics.HistogramOpts{
		Subsystem: "kubeproxy", Name: "sync_proxy_rules_duration_seconds", StabilityLevel: metrics.ALPHA,
		Help: "Seconds that one change to the rules took", Buckets: metrics.ExponentialBuckets(0.001, 2, 15),
	})
	fullSyncDuration = metrics.NewHistogram(&metrics.HistogramOpts{
		Subsystem: "kubeproxy", Name: "sync_full_proxy_rules_duration_seconds", StabilityLevel: metrics.ALPHA,
		Help: "Seconds that one comparison of all rules took", Buckets: metrics.ExponentialBuckets(0.001, 2, 15),
	})
	partialSyncDuration = metrics.NewHistogram(&metrics.HistogramOpts{
		Subsystem: "kubeproxy", Name: "sync_partial_proxy_rules_duration_seconds", StabilityLevel: metrics.ALPHA,
		Help: "Seconds that one incremental change to the rules took", Buckets: metrics.ExponentialBuckets(0.001, 2, 15),
	})
	programmingLatency = metrics.NewHistogram(&metrics.HistogramOpts{
		Subsystem: "kubeproxy", Name: "network_programming_duration_seconds", StabilityLevel: metrics.ALPHA,
		Help:    "Seconds from a change of endpoints to the rules that obey it",
		Buckets: metrics.MergeBuckets(metrics.LinearBuckets(0.25, 0.25, 2), metrics.LinearBuckets(1, 1, 59), metrics.LinearBuckets(60, 5, 12), metrics.LinearBuckets(120, 30, 7)),
	})
	lastSync = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem: "kubeproxy", Name: "sync_proxy_rules_last_timestamp_seconds", StabilityLevel: metrics.ALPHA,
		Help: "When the rules were last brought up to date",
	})
	lastQueued = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem: "kubeproxy", Name: "sync_proxy_rules_last_queued_timestamp_seconds", StabilityLevel: metrics.ALPHA,
		Help: "When a change was last seen",
	})
	endpointChanges = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: "kubeproxy", Name: "sync_proxy_rules_endpoint_changes_total", StabilityLevel: metrics.ALPHA,
		Help: "Changes of EndpointSlices seen",
	})
	serviceChanges = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: "kubeproxy", Name: "sync_proxy_rules_service_changes_total", StabilityLevel: metrics.ALPHA,
		Help: "Changes of Services seen",
	})
	syncFailures = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: "kubeproxy", Name: "sync_proxy_rules_nftables_sync_failures_total", StabilityLevel: metrics.ALPHA,
		Help: "Changes that the kernel refused",
	})
	conntrackDeleted = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: "coxswain_proxy", Name: "conntrack_entries_deleted_total", StabilityLevel: metrics.ALPHA,
		Help: "UDP connections forgotten because their endpoint went",
	})
)

// registerMetrics registers once a process: the registry is the process's own,
// whatever number of proxies it runs.
var registerMetrics = sync.OnceFunc(func() {
	legacyregistry.MustRegister(syncDuration, fullSyncDuration, partialSyncDuration, programmingLatency,
		lastSync, lastQueued, endpointChanges, serviceChanges, syncFailures, conntrackDeleted)
})
