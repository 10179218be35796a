// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	ctrl "sigs.k8s.io/controller-runtime"
)

// Check is one named health check; nil means well.
type Check struct {
	Name  string
	Check func(*http.Request) error
}

// Health answers health checks as Kubernetes' programs do and counts their results, which are the metrics that those show
// at /metrics/slis. It is safe for concurrent use.
type Health struct {
	registry *prometheus.Registry
	result   *prometheus.GaugeVec
	total    *prometheus.CounterVec
}

// NewHealth makes one for a server.
func NewHealth() *Health {
	h := &Health{
		registry: prometheus.NewRegistry(),
		result: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kubernetes_healthcheck", Help: "This metric records the result of a single healthcheck.",
		}, []string{"name", "type"}),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubernetes_healthchecks_total", Help: "This metric records the results of all healthcheck.",
		}, []string{"name", "type", "status"}),
	}
	h.registry.MustRegister(h.result, h.total)
	return h
}

// SLIs are the results so far.
func (h *Health) SLIs() prometheus.Gatherer { return h.registry }

// Handler serves the checks below the name of their kind, such as "healthz": all at /healthz, one at /healthz/NAME. The
// answer is "ok", or with ?verbose or on failure a line a check. Whoever may ask learns the names of checks; why one
// failed stands in the log, since many may ask. The check "ping", which always holds, comes first.
func (h *Health) Handler(kind string, checks ...Check) http.Handler {
	checks = append([]Check{{Name: "ping", Check: func(*http.Request) error { return nil }}}, checks...)
	mux := http.NewServeMux()
	mux.Handle("/"+kind, h.handle(kind, checks))
	for _, check := range checks {
		mux.Handle("/"+kind+"/"+check.Name, h.handle(kind, []Check{check}))
	}
	return mux
}

func (h *Health) handle(kind string, checks []Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var lines strings.Builder
		well := true
		for _, check := range checks {
			if err := check.Check(r); err != nil {
				well = false
				h.count(check.Name, kind, "error", 0)
				ctrl.LoggerFrom(r.Context()).V(2).Info("A health check failed", "kind", kind, "check", check.Name, "reason", err.Error())
				fmt.Fprintf(&lines, "[-]%s failed: reason withheld\n", check.Name)
				continue
			}
			h.count(check.Name, kind, "success", 1)
			fmt.Fprintf(&lines, "[+]%s ok\n", check.Name)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, verbose := r.URL.Query()["verbose"]
		switch {
		case !well:
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, "%s%s check failed\n", &lines, kind)
		case verbose:
			fmt.Fprintf(w, "%s%s check passed\n", &lines, kind)
		default:
			_, _ = w.Write([]byte("ok")) // a client that has gone away needs no answer
		}
	})
}

func (h *Health) count(name, kind, status string, result float64) {
	h.result.WithLabelValues(name, kind).Set(result)
	h.total.WithLabelValues(name, kind, status).Inc()
}
