// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Requests counts the server's requests under the kubelet's names. Make it with NewRequests.
type Requests struct {
	total    *prometheus.CounterVec
	inFlight *prometheus.GaugeVec
	duration *prometheus.HistogramVec
}

// NewRequests makes the metrics and registers them; it panics when they are registered already.
func NewRequests(registry interface{ MustRegister(...prometheus.Collector) }) *Requests {
	labels := []string{"method", "path", "server_type", "long_running"}
	r := &Requests{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubelet_http_requests_total", Help: "Number of the http requests received since the server started",
		}, labels),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kubelet_http_inflight_requests", Help: "Number of the inflight http requests",
		}, labels),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kubelet_http_requests_duration_seconds", Help: "Duration in seconds to serve http requests",
			Buckets: prometheus.DefBuckets,
		}, labels),
	}
	registry.MustRegister(r.total, r.inFlight, r.duration)
	return r
}

func (r *Requests) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		labels := labelsOf(request)
		began := time.Now()
		r.total.WithLabelValues(labels...).Inc()
		inFlight := r.inFlight.WithLabelValues(labels...)
		inFlight.Inc()
		defer func() {
			inFlight.Dec()
			r.duration.WithLabelValues(labels...).Observe(time.Since(began).Seconds())
		}()
		next.ServeHTTP(w, request)
	})
}

// labelsOf has few values whatever clients send, since also those are counted that nobody knows.
func labelsOf(r *http.Request) []string {
	method := "other"
	if slices.Contains([]string{"OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"}, r.Method) {
		method = r.Method
	}
	elements := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 3)
	root := elements[0]
	if root == "metrics" && len(elements) > 1 {
		root += "/" + elements[1]
	}
	path, longRunning := "other", "false"
	switch root {
	case "exec", "attach", "portForward":
		path, longRunning = root, "true"
	case "containerLogs", "run", "healthz", "pods", "stats", "metrics", "metrics/cadvisor", "metrics/probes", "metrics/resource":
		path = root
	}
	return []string{method, path, "readwrite", longRunning}
}
