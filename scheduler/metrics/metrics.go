// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"sync"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

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

// The collectors.
var (
	Attempts = counter("schedule_attempts_total",
		"Attempts to schedule pods, by the result and the profile. 'unschedulable' means a pod could not be scheduled, "+
			"'error' an internal problem.", "result", "profile")
	AttemptDuration = histogram("scheduling_attempt_duration_seconds",
		"Latency of an attempt, deciding and binding together.", 0.001, 15, "result", "profile")
	AlgorithmDuration = histogram("scheduling_algorithm_duration_seconds",
		"Latency of deciding.", 0.00001, 20)
	PodDuration = histogram("pod_scheduling_sli_duration_seconds",
		"Latency from a pod's first entry into the queue, without time spent gated, until it is bound.", 0.01, 20, "attempts")
	PodAttempts = histogramOf("pod_scheduling_attempts",
		"Attempts it took to schedule a pod.", metrics.ExponentialBuckets(1, 2, 5))
	ExtensionPoint = histogram("framework_extension_point_duration_seconds",
		"Latency of running all plugins of an extension point.", 0.00001, 16, "extension_point", "status", "profile")
	Pending = gauge("pending_pods",
		"Pods that wait, by the part of the queue they are in.", "queue")
	Incoming = counter("queue_incoming_pods_total",
		"Pods that entered a part of the queue, by what made them.", "queue", "event")
	CacheSize = gauge("cache_size",
		"Nodes, pods and assumed pods in the scheduler's cache.", "type")
	UnschedulablePods = gauge("unschedulable_pods",
		"Pods that are unschedulable now, by the plugins that rejected them.", "plugin", "profile")
	Goroutines = gauge("goroutines",
		"Goroutines at work, by what they do.", "operation")
	Classes = counter("shape_lookups_total",
		"Lookups of a pod's shape: 'known' ones reuse what an earlier pod of the shape found out.", "result")
)

var (
	registered sync.Once
	all        []metrics.Registerable
)

// Register makes the collectors visible and countable; before it, they swallow everything.
func Register() {
	registered.Do(func() {
		for _, c := range all {
			legacyregistry.MustRegister(c)
		}
	})
}

func counter(name, help string, labels ...string) *metrics.CounterVec {
	c := metrics.NewCounterVec(&metrics.CounterOpts{Subsystem: subsystem, Name: name, Help: help,
		StabilityLevel: metrics.ALPHA}, labels)
	all = append(all, c)
	return c
}

func gauge(name, help string, labels ...string) *metrics.GaugeVec {
	g := metrics.NewGaugeVec(&metrics.GaugeOpts{Subsystem: subsystem, Name: name, Help: help,
		StabilityLevel: metrics.ALPHA}, labels)
	all = append(all, g)
	return g
}

func histogram(name, help string, first float64, buckets int, labels ...string) *metrics.HistogramVec {
	return histogramOf(name, help, metrics.ExponentialBuckets(first, 2, buckets), labels...)
}

func histogramOf(name, help string, buckets []float64, labels ...string) *metrics.HistogramVec {
	h := metrics.NewHistogramVec(&metrics.HistogramOpts{Subsystem: subsystem, Name: name, Help: help,
		Buckets: buckets, StabilityLevel: metrics.ALPHA}, labels)
	all = append(all, h)
	return h
}
