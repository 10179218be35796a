// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package componentmetrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
)

// requests are the metrics of a component's clients of the API server, under the names and in the buckets of
// component-base. client-go's own hooks are one a process and do not tell which component asked.
type requests struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	size     *prometheus.HistogramVec
}

func newRequests() *requests {
	return &requests{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rest_client_requests_total",
			Help: "Number of HTTP requests, partitioned by status code, method, and host.",
		}, []string{"code", "method", "host"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "rest_client_request_duration_seconds",
			Help:    "Request latency in seconds. Broken down by verb, and host.",
			Buckets: []float64{0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60},
		}, []string{"verb", "host"}),
		size: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "rest_client_request_size_bytes",
			Help:    "Request size in bytes. Broken down by verb and host.",
			Buckets: []float64{64, 256, 512, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20},
		}, []string{"verb", "host"}),
	}
}

func (r *requests) collectors() []prometheus.Collector {
	return []prometheus.Collector{r.total, r.duration, r.size}
}

// Instrument returns a copy of config whose clients count their requests in s.
func (s *Set) Instrument(config *rest.Config) *rest.Config {
	counted := rest.CopyConfig(config)
	counted.Wrap(func(next http.RoundTripper) http.RoundTripper { return &counter{next: next, requests: s.requests} })
	return counted
}

// counter is a transport that counts.
type counter struct {
	next     http.RoundTripper
	requests *requests
}

// RoundTrip implements http.RoundTripper.
func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	response, err := c.next.RoundTrip(r)
	c.requests.duration.WithLabelValues(r.Method, r.URL.Host).Observe(time.Since(began).Seconds())
	if r.ContentLength > 0 {
		c.requests.size.WithLabelValues(r.Method, r.URL.Host).Observe(float64(r.ContentLength))
	}
	code := "<error>" // as client-go counts a request without an answer
	if err == nil {
		code = strconv.Itoa(response.StatusCode)
	}
	c.requests.total.WithLabelValues(code, r.Method, r.URL.Host).Inc()
	return response, err
}

// WrappedRoundTripper lets the libraries look for the transport beneath, for connections that are upgraded.
func (c *counter) WrappedRoundTripper() http.RoundTripper { return c.next }
