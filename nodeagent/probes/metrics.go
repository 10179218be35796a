// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// metrics are the kubelet's own of /metrics/probes. They name pods, and so are kept apart from those of /metrics; a pod's
// go with it.
type metrics struct {
	registry *prometheus.Registry
	total    *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prober_probe_total",
			Help: "Cumulative number of a liveness, readiness or startup probe for a container by result.",
		}, []string{"probe_type", "result", "container", "pod", "namespace", "pod_uid"}),
	}
	m.registry.MustRegister(m.total)
	return m
}

func (m *metrics) count(kind string, result outcome, pod *corev1.Pod, container string) {
	m.total.WithLabelValues(kind, [...]string{"successful", "successful", "failed", "unknown"}[result], container, pod.Name, pod.Namespace, string(pod.UID)).Inc()
}

func (m *metrics) forget(uid types.UID) {
	m.total.DeletePartialMatch(prometheus.Labels{"pod_uid": string(uid)})
}
