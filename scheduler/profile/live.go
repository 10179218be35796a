// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/utils/ptr"

	coxswainv1alpha1 "coxswain.dev/coxswain/apis/coxswain/v1alpha1"
)

// FromObject writes a SchedulerProfile as the profile that a configuration file would have for it.
func FromObject(obj *coxswainv1alpha1.SchedulerProfile) *schedulerv1.KubeSchedulerProfile {
	spec := &schedulerv1.KubeSchedulerProfile{
		SchedulerName:            ptr.To(NameOf(obj)),
		PercentageOfNodesToScore: obj.Spec.PercentageOfNodesToScore,
		Plugins:                  &schedulerv1.Plugins{},
	}
	if obj.Spec.Plugins == nil {
		return spec
	}
	if filter := obj.Spec.Plugins.Filter; filter != nil {
		for _, p := range filter.Enabled {
			spec.Plugins.Filter.Enabled = append(spec.Plugins.Filter.Enabled, schedulerv1.Plugin{Name: string(p.Name)})
		}
		spec.Plugins.Filter.Disabled = disabled(filter.Disabled)
	}
	if score := obj.Spec.Plugins.Score; score != nil {
		for _, p := range score.Enabled {
			spec.Plugins.Score.Enabled = append(spec.Plugins.Score.Enabled,
				schedulerv1.Plugin{Name: string(p.Name), Weight: ptr.To(max(1, p.Weight))})
		}
		spec.Plugins.Score.Disabled = disabled(score.Disabled)
	}
	return spec
}

// NameOf is the schedulerName that a profile stands for.
func NameOf(obj *coxswainv1alpha1.SchedulerProfile) string {
	if obj.Spec.SchedulerName == "" {
		return DefaultSchedulerName
	}
	return obj.Spec.SchedulerName
}

func disabled(plugins []coxswainv1alpha1.DisabledPlugin) []schedulerv1.Plugin {
	out := make([]schedulerv1.Plugin, len(plugins))
	for i, p := range plugins {
		out[i] = schedulerv1.Plugin{Name: p.Name}
	}
	return out
}
