// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package space

import (
	"sync"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

// Metrics of the store beside those that etcd and the storage library have (apiserver_storage_size_bytes,
// etcd_mvcc_db_total_size_in_use_in_bytes, etcd_server_quota_backend_bytes, …).
var (
	quotaBytes = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem: "coxswain_apiserver", Name: "store_quota_bytes", StabilityLevel: metrics.ALPHA,
		Help: "What the store may hold",
	})
	inUseBytes = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem: "coxswain_apiserver", Name: "store_in_use_bytes", StabilityLevel: metrics.ALPHA,
		Help: "What the store holds, old versions included, when it was last looked at",
	})
	alarmed = metrics.NewGaugeVec(&metrics.GaugeOpts{
		Subsystem: "coxswain_apiserver", Name: "store_alarm", StabilityLevel: metrics.ALPHA,
		Help: "1 while the store has the alarm (NOSPACE, CORRUPT)",
	}, []string{"alarm"})
	compactions = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: "coxswain_apiserver", Name: "store_compactions_total", StabilityLevel: metrics.ALPHA,
		Help: "Compactions by size, and those to make room for writes that wait",
	}, []string{"cause"})
	defragmentation = metrics.NewHistogram(&metrics.HistogramOpts{
		Subsystem: "coxswain_apiserver", Name: "store_defragmentation_duration_seconds", StabilityLevel: metrics.ALPHA,
		Help: "Seconds for which reads and writes waited for a defragmentation", Buckets: metrics.ExponentialBuckets(0.01, 2, 12),
	})
	delayedWrites = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: "coxswain_apiserver", Name: "store_delayed_writes_total", StabilityLevel: metrics.ALPHA,
		Help: "Writes that waited for room",
	})
	refusedWrites = metrics.NewCounter(&metrics.CounterOpts{
		Subsystem: "coxswain_apiserver", Name: "store_refused_writes_total", StabilityLevel: metrics.ALPHA,
		Help: "Writes for which there was no room",
	})
)

// registerMetrics registers once a process: the registry is the process's own, whatever number of servers it runs.
var registerMetrics = sync.OnceFunc(func() {
	legacyregistry.MustRegister(quotaBytes, inUseBytes, alarmed, compactions, defragmentation, delayedWrites, refusedWrites)
})

func record(v *view) {
	quotaBytes.Set(float64(v.quota))
	inUseBytes.Set(float64(v.inUse))
	for name, is := range map[string]bool{noSpace.String(): v.noSpace || v.full, corrupt.String(): v.corrupt} {
		value := 0.0
		if is {
			value = 1
		}
		alarmed.WithLabelValues(name).Set(value)
	}
}
