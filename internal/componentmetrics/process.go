// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package componentmetrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/version"
)

// process holds what is a fact about the process, whichever component is asked. It exists once since the process does; it
// is made when somebody asks first, as its collectors keep buffers.
var process = sync.OnceValue(func() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsAll)), // as component-base's registry has them
	)
	return registry
})

// kubernetes holds what all programs of Kubernetes tell about their build.
var kubernetes = sync.OnceValue(func() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(buildInfo(), featureGates{})
	return registry
})

func buildInfo() prometheus.Collector {
	info := version.Get()
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kubernetes_build_info",
		Help: "A metric with a constant '1' value that describes the build in its labels.",
		ConstLabels: prometheus.Labels{
			"major": info.Major, "minor": info.Minor, "git_version": info.GitVersion, "git_commit": info.GitCommit,
			"git_tree_state": info.GitTreeState, "build_date": info.BuildDate, "go_version": info.GoVersion,
			"compiler": info.Compiler, "platform": info.Platform,
		},
	}, func() float64 { return 1 })
}

// featureGates shows the gates as they are when asked.
type featureGates struct{}

var featureEnabled = prometheus.NewDesc("kubernetes_feature_enabled",
	"This metric records the data about the stage and enablement of a k8s feature.", []string{"name", "stage"}, nil)

// Describe implements prometheus.Collector.
func (featureGates) Describe(out chan<- *prometheus.Desc) { out <- featureEnabled }

// Collect implements prometheus.Collector.
func (featureGates) Collect(out chan<- prometheus.Metric) {
	for name, spec := range utilfeature.DefaultMutableFeatureGate.GetAll() {
		enabled := 0.0
		if utilfeature.DefaultFeatureGate.Enabled(name) {
			enabled = 1
		}
		out <- prometheus.MustNewConstMetric(featureEnabled, prometheus.GaugeValue, enabled, string(name), string(spec.PreRelease))
	}
}
