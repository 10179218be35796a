// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/component-base/metrics/legacyregistry"

	"coxswain.dev/coxswain/internal/componentmetrics"
	"coxswain.dev/coxswain/internal/serving"
)

const metricsPath = "/metrics"

// newMetrics makes the metrics of one server. The libraries count in registries of the process. The embedded etcd has no
// endpoint of its own, so its figures are shown here.
func newMetrics(config Config) *componentmetrics.Set {
	set := componentmetrics.Config{
		Component: componentmetrics.APIServer, Shared: []prometheus.Gatherer{legacyregistry.DefaultGatherer},
	}
	if len(config.Store.Servers) == 0 {
		set.Embeds = []componentmetrics.Component{componentmetrics.Etcd}
		set.Shared = append(set.Shared, prometheus.DefaultGatherer)
	}
	return componentmetrics.New(set)
}

// serveMetrics takes the place of the library's /metrics, which shows the registry that all components of the process
// share. The filters of the server stand before it: who reads needs the right to get the path. With profiling on, DELETE
// resets the counters of the libraries, as with kube-apiserver.
func (s *Server) serveMetrics(routes *mux.PathRecorderMux) {
	methods := []string{http.MethodGet, http.MethodHead}
	show := serving.Metrics(s.metrics)
	handler := show
	if s.config.Serving.Profiling {
		methods = append(methods, http.MethodDelete)
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodDelete {
				show.ServeHTTP(w, r)
				return
			}
			legacyregistry.Reset()
			_, _ = io.WriteString(w, "metrics reset\n") // a client that has gone away needs no answer
		})
	}
	routes.Handle(metricsPath, serving.Methods(handler, methods...))
}
