// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/klog/v2"
)

// scrapeTimeout bounds what one scrape may take; a collector has no context.
const scrapeTimeout = 10 * time.Second

func exposition(gatherer prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

func (p *Provider) resourceHandler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&resourceCollector{p})
	return exposition(registry)
}

// resourceCollector gives the few families that autoscalers and dashboards need, under the names of the kubelet.
type resourceCollector struct{ provider *Provider }

func family(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	nodeCPU         = family("node_cpu_usage_seconds_total", "Processor time that the node used, in seconds of one core.")
	nodeMemory      = family("node_memory_working_set_bytes", "Memory that the node uses and can't easily give back, in bytes.")
	nodeSwap        = family("node_swap_usage_bytes", "Memory of the node that is swapped out, in bytes.")
	podCPU          = family("pod_cpu_usage_seconds_total", "Processor time that the pod used, in seconds of one core.", "pod", "namespace")
	podMemory       = family("pod_memory_working_set_bytes", "Memory that the pod uses and can't easily give back, in bytes.", "pod", "namespace")
	podSwap         = family("pod_swap_usage_bytes", "Memory of the pod that is swapped out, in bytes.", "pod", "namespace")
	containerCPU    = family("container_cpu_usage_seconds_total", "Processor time that the container used, in seconds of one core.", "container", "pod", "namespace")
	containerMemory = family("container_memory_working_set_bytes", "Memory that the container uses and can't easily give back, in bytes.", "container", "pod", "namespace")
	containerSwap   = family("container_swap_usage_bytes", "Memory of the container that is swapped out, in bytes.", "container", "pod", "namespace")
	containerStart  = family("container_start_time_seconds", "When the container started, in seconds since 1970.", "container", "pod", "namespace")
	scrapeError     = family("resource_scrape_error", "1 if something could not be measured, 0 otherwise.")
)

// Describe implements prometheus.Collector.
func (c *resourceCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		nodeCPU, nodeMemory, nodeSwap, podCPU, podMemory, podSwap, containerCPU, containerMemory, containerSwap, containerStart, scrapeError,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *resourceCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	s, err := c.provider.counters(ctx, Basic)
	if err != nil {
		klog.FromContext(ctx).Error(err, "Measuring the node failed")
		out <- prometheus.MustNewConstMetric(scrapeError, prometheus.GaugeValue, 1)
		return
	}
	triple := func(m *measured, cpu, memory, swap *prometheus.Desc, labels ...string) {
		if m == nil {
			return
		}
		timed := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64) {
			out <- prometheus.NewMetricWithTimestamp(m.Timestamp, prometheus.MustNewConstMetric(desc, kind, value, labels...))
		}
		timed(cpu, prometheus.CounterValue, time.Duration(m.Cpu.Usage.Total).Seconds()) //nolint:gosec // 292 years
		timed(memory, prometheus.GaugeValue, float64(m.Memory.WorkingSet))
		timed(swap, prometheus.GaugeValue, float64(m.Memory.Swap))
	}
	triple(s.node, nodeCPU, nodeMemory, nodeSwap)
	for i := range s.pods {
		pod := &s.pods[i]
		triple(pod.whole, podCPU, podMemory, podSwap, pod.pod.Name, pod.pod.Namespace)
		for j := range pod.containers {
			used := &pod.containers[j]
			labels := []string{used.spec.Name, pod.pod.Name, pod.pod.Namespace}
			triple(used.measured, containerCPU, containerMemory, containerSwap, labels...)
			started := float64(used.started.UnixNano()) / float64(time.Second)
			out <- prometheus.MustNewConstMetric(containerStart, prometheus.GaugeValue, started, labels...)
		}
	}
	failed := 0.0
	if s.failed {
		failed = 1
	}
	out <- prometheus.MustNewConstMetric(scrapeError, prometheus.GaugeValue, failed)
}
