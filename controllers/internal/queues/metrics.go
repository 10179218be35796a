// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package queues

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/util/workqueue"
)

// counted are the metrics of all queues that New makes. They are the process's, as those are that controller-runtime keeps
// of controllers, and stand apart from the registry in which the libraries of the API server count theirs: the names are
// the same, and each component shows its own.
var counted = newMetrics()

// Gatherer gives the workqueue_* of the controllers' queues.
func Gatherer() prometheus.Gatherer { return counted.registry }

// metrics are client-go's of a queue, under the names and in the buckets of component-base.
type metrics struct {
	registry                       *prometheus.Registry
	depth, unfinished, longest     *prometheus.GaugeVec
	adds, retries                  *prometheus.CounterVec
	queueDuration, workingDuration *prometheus.HistogramVec
}

var _ workqueue.MetricsProvider = (*metrics)(nil)

func newMetrics() *metrics {
	const subsystem = "workqueue"
	labels := []string{"name"}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Subsystem: subsystem, Name: name, Help: help}, labels)
	}
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Subsystem: subsystem, Name: name, Help: help}, labels)
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Subsystem: subsystem, Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(10e-9, 10, 10),
		}, labels)
	}
	m := &metrics{
		registry:        prometheus.NewRegistry(),
		depth:           gauge("depth", "Current depth of workqueue"),
		unfinished:      gauge("unfinished_work_seconds", "Seconds of work that is in progress and not yet part of work_duration. It grows by the number of stuck workers each second."),
		longest:         gauge("longest_running_processor_seconds", "How many seconds has the longest running processor for workqueue been running."),
		adds:            counter("adds_total", "Total number of adds handled by workqueue"),
		retries:         counter("retries_total", "Total number of retries handled by workqueue"),
		queueDuration:   histogram("queue_duration_seconds", "How long in seconds an item stays in workqueue before being requested."),
		workingDuration: histogram("work_duration_seconds", "How long in seconds processing an item from workqueue takes."),
	}
	m.registry.MustRegister(m.depth, m.unfinished, m.longest, m.adds, m.retries, m.queueDuration, m.workingDuration)
	return m
}

// NewDepthMetric implements workqueue.MetricsProvider, as do the methods below.
func (m *metrics) NewDepthMetric(name string) workqueue.GaugeMetric {
	return m.depth.WithLabelValues(name)
}

// NewAddsMetric counts additions.
func (m *metrics) NewAddsMetric(name string) workqueue.CounterMetric {
	return m.adds.WithLabelValues(name)
}

// NewLatencyMetric measures how long items wait.
func (m *metrics) NewLatencyMetric(name string) workqueue.HistogramMetric {
	return m.queueDuration.WithLabelValues(name)
}

// NewWorkDurationMetric measures how long items are worked on.
func (m *metrics) NewWorkDurationMetric(name string) workqueue.HistogramMetric {
	return m.workingDuration.WithLabelValues(name)
}

// NewUnfinishedWorkSecondsMetric shows work in progress.
func (m *metrics) NewUnfinishedWorkSecondsMetric(name string) workqueue.SettableGaugeMetric {
	return m.unfinished.WithLabelValues(name)
}

// NewLongestRunningProcessorSecondsMetric shows the oldest work in progress.
func (m *metrics) NewLongestRunningProcessorSecondsMetric(name string) workqueue.SettableGaugeMetric {
	return m.longest.WithLabelValues(name)
}

// NewRetriesMetric counts delayed additions.
func (m *metrics) NewRetriesMetric(name string) workqueue.CounterMetric {
	return m.retries.WithLabelValues(name)
}
