// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"time"

	"github.com/google/cadvisor/lib/model"
	"k8s.io/apimachinery/pkg/types"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
)

// runtimeStats is what the container runtime says about pods. The zero value means that it was not asked.
type runtimeStats struct {
	at   time.Time
	pods map[types.UID]*cri.PodSandboxStats
	err  error
}

func (r *runtimeStats) of(uid types.UID) *cri.PodSandboxStats { return r.pods[uid] }

// container is for containers whose cgroup is not where it is looked for: those in virtual machines, and those of runtimes
// with a tree of their own.
func (r *runtimeStats) container(uid types.UID, id string) *measured {
	for _, c := range r.pods[uid].GetLinux().GetContainers() {
		if c.GetAttributes().GetId() != id || c.Cpu == nil || c.Memory == nil {
			continue
		}
		stats := &model.ContainerStats{Timestamp: time.Unix(0, c.Cpu.Timestamp), Cpu: &model.CpuStats{}, Memory: &model.MemoryStats{}}
		stats.Cpu.Usage.Total = c.Cpu.GetUsageCoreNanoSeconds().GetValue()
		stats.Memory.Usage = c.Memory.GetUsageBytes().GetValue()
		stats.Memory.WorkingSet = c.Memory.GetWorkingSetBytes().GetValue()
		stats.Memory.RSS = c.Memory.GetRssBytes().GetValue()
		m := &measured{cgroup: "cri:" + id, ContainerStats: stats}
		if cores := c.Cpu.GetUsageNanoCores(); cores != nil {
			m.cores = &cores.Value
		}
		return m
	}
	return nil
}

// runtimeStats asks the runtime, at most every runtimeFor: it starts a call to every pod's shim, and what is taken from
// its answer, sandboxes and sizes of writable layers, changes slowly.
func (p *Provider) runtimeStats(ctx context.Context) runtimeStats {
	if p.told.pods != nil && p.config.Clock.Since(p.told.at) < runtimeFor && p.knowsAll() {
		return p.told
	}
	p.told = p.askRuntime(ctx)
	return p.told
}

// knowsAll tells whether no pod began to run since the runtime was asked.
func (p *Provider) knowsAll() bool {
	for _, pod := range p.config.Pods.List() {
		for range running(pod) {
			if p.told.pods[pod.UID] == nil {
				return false
			}
		}
	}
	return true
}

func (p *Provider) askRuntime(ctx context.Context) runtimeStats {
	answer := runtimeStats{at: p.config.Clock.Now(), pods: map[types.UID]*cri.PodSandboxStats{}}
	if p.config.Runtime == nil {
		return answer
	}
	list, err := p.config.Runtime.PodStats(ctx)
	if err != nil {
		klog.FromContext(ctx).V(2).Info("The container runtime gives no figures", "err", err)
		answer.err = err
		return answer
	}
	for _, s := range list {
		uid := types.UID(s.GetAttributes().GetMetadata().GetUid())
		// Of a pod that had several sandboxes, the newest counts.
		if old := answer.pods[uid]; old == nil || old.GetAttributes().GetMetadata().GetAttempt() < s.GetAttributes().GetMetadata().GetAttempt() {
			answer.pods[uid] = s
		}
	}
	return answer
}
