// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import "github.com/prometheus/client_golang/prometheus"

const subsystem = "scheduler"

// Results of an attempt, as kube-scheduler labels them.
const (
	Scheduled     = "scheduled"
	Unschedulable = "unschedulable"
	Error         = "error"
)

// Names of the parts of the queue, as kube-scheduler labels them.
const (
	Active      = "active"
	Backoff     = "backoff"
	Unscheduled = "unschedulable"
	Gated       = "gated"
)

// Metrics are the collectors of one scheduler. Make them with New.
type Metrics struct {
	Attempts          *prometheus.CounterVec
	AttemptDuration   *prometheus.HistogramVec
	AlgorithmDuration prometheus.Histogram
	PodDuration       *prometheus.HistogramVec
	PodAttempts       prometheus.Histogram
	ExtensionPoint    *prometheus.HistogramVec
	Pending           *prometheus.GaugeVec
	Incoming          *prometheus.CounterVec
	CacheSize         *prometheus.GaugeVec
	UnschedulablePods *prometheus.GaugeVec
	Goroutines        *prometheus.GaugeVec
	Classes           *prometheus.CounterVec
}

// Registry is what New registers with.
type Registry interface {
	MustRegister(...prometheus.Collector)
}

// New makes the collectors and registers them; nil registers them nowhere, which is for tests.
func New(registry Registry) *Metrics {
	m := &Metrics{
		Attempts: counter("schedule_attempts_total",
			"Attempts to schedule pods, by the result and the profile. 'unschedulable' means a pod could not be scheduled, "+
				"'error' an internal problem.", "result", "profile"),
		AttemptDuration: histogram("scheduling_attempt_duration_seconds",
			"Latency of an attempt, deciding and binding together.", prometheus.ExponentialBuckets(0.001, 2, 15), "result", "profile"),
		AlgorithmDuration: prometheus.NewHistogram(histogramOpts("scheduling_algorithm_duration_seconds",
			"Latency of deciding.", prometheus.ExponentialBuckets(0.00001, 2, 20))),
		PodDuration: histogram("pod_scheduling_sli_duration_seconds",
			"Latency from a pod's first entry into the queue, without time spent gated, until it is bound.",
			prometheus.ExponentialBuckets(0.01, 2, 20), "attempts"),
		PodAttempts: prometheus.NewHistogram(histogramOpts("pod_scheduling_attempts",
			"Attempts it took to schedule a pod.", prometheus.ExponentialBuckets(1, 2, 5))),
		ExtensionPoint: histogram("framework_extension_point_duration_seconds",
			"Latency of running all plugins of an extension point.", prometheus.ExponentialBuckets(0.00001, 2, 16),
			"extension_point", "status", "profile"),
		Pending: gauge("pending_pods",
			"Pods that wait, by the part of the queue they are in.", "queue"),
		Incoming: counter("queue_incoming_pods_total",
			"Pods that entered a part of the queue, by what made them.", "queue", "event"),
		CacheSize: gauge("cache_size",
			"Nodes, pods and assumed pods in the scheduler's cache.", "type"),
		UnschedulablePods: gauge("unschedulable_pods",
			"Pods that are unschedulable now, by the plugins that rejected them.", "plugin", "profile"),
		Goroutines: gauge("goroutines",
			"Goroutines at work, by what they do.", "operation"),
		Classes: counter("shape_lookups_total",
			"Lookups of a pod's shape: 'known' ones reuse what an earlier pod of the shape found out.", "result"),
	}
	if registry != nil {
		registry.MustRegister(m.Attempts, m.AttemptDuration, m.AlgorithmDuration, m.PodDuration, m.PodAttempts, m.ExtensionPoint,
			m.Pending, m.Incoming, m.CacheSize, m.UnschedulablePods, m.Goroutines, m.Classes)
	}
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Subsystem: subsystem, Name: name, Help: help}, labels)
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Subsystem: subsystem, Name: name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(histogramOpts(name, help, buckets), labels)
}

func histogramOpts(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Subsystem: subsystem, Name: name, Help: help, Buckets: buckets}
}
