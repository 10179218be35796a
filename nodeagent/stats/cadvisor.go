// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"net/http"

	"github.com/google/cadvisor/lib/metrics"
	"github.com/google/cadvisor/lib/model"
	"github.com/prometheus/client_golang/prometheus"
)

// Labels of pods on cAdvisor's model, by which the label function below finds them again.
const (
	labelContainer = "io.kubernetes.container.name"
	labelPod       = "io.kubernetes.pod.name"
	labelNamespace = "io.kubernetes.pod.namespace"
)

func (p *Provider) cadvisorHandler() http.Handler {
	registry := prometheus.NewRegistry()
	source := cadvisorSource{p}
	registry.MustRegister(
		metrics.NewPrometheusCollector(source, containerLabels, fullMetrics(), p.config.Clock, model.RequestOptions{}),
		metrics.NewPrometheusMachineCollector(source, fullMetrics()),
	)
	return exposition(registry)
}

// containerLabels are those of the kubelet: all series have all of them, with empty values for cgroups that are no pod's.
func containerLabels(c *model.ContainerInfo) map[string]string {
	name := ""
	if len(c.Aliases) > 0 {
		name = c.Aliases[0]
	}
	return map[string]string{
		metrics.LabelID: c.Name, metrics.LabelName: name, metrics.LabelImage: c.Spec.Image,
		"container": c.Spec.Labels[labelContainer], "pod": c.Spec.Labels[labelPod], "namespace": c.Spec.Labels[labelNamespace],
	}
}

// cadvisorSource shows snapshots to cAdvisor's collectors.
type cadvisorSource struct{ provider *Provider }

// GetMachineInfo is part of what the collectors ask for.
func (s cadvisorSource) GetMachineInfo() (*model.MachineInfo, error) { return s.provider.Machine() }

// GetVersionInfo is part of what the collectors ask for.
func (s cadvisorSource) GetVersionInfo() (*model.VersionInfo, error) {
	return s.provider.config.Meter.Versions(), nil
}

// GetRequestedContainersInfo is part of what the collectors ask for: the whole node, whatever the name.
func (s cadvisorSource) GetRequestedContainersInfo(string, model.RequestOptions) (map[string]*model.ContainerInfo, error) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	snapshot, err := s.provider.counters(ctx, Full)
	if err != nil {
		return nil, err
	}
	all := map[string]*model.ContainerInfo{}
	add := func(m *measured, image, alias string, labels map[string]string) {
		if m == nil {
			return
		}
		info := &model.ContainerInfo{ContainerReference: model.ContainerReference{Name: m.cgroup}, Stats: []*model.ContainerStats{m.ContainerStats}}
		if alias != "" {
			info.Aliases = []string{alias}
		}
		if spec, err := s.provider.config.Meter.Spec(m.cgroup); err == nil { // without limits otherwise: it may be gone
			info.Spec = spec
		}
		info.Spec.Image, info.Spec.Labels = image, labels
		if info.Spec.CreationTime.IsZero() {
			info.Spec.CreationTime = m.born
		}
		all[m.cgroup] = info
	}
	add(snapshot.node, "", "", nil)
	add(snapshot.all, "", "", nil)
	for i := range snapshot.pods {
		use := &snapshot.pods[i]
		labels := func(container string) map[string]string {
			return map[string]string{labelPod: use.pod.Name, labelNamespace: use.pod.Namespace, labelContainer: container}
		}
		add(use.whole, "", "", labels(""))
		add(use.sandbox, "", use.runtime.GetAttributes().GetId(), labels(""))
		for j := range use.containers {
			c := &use.containers[j]
			add(c.measured, c.image, c.id, labels(c.spec.Name))
		}
	}
	return all, nil
}
