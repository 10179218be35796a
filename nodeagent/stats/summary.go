// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/google/cadvisor/lib/model"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// serveSummary answers GET /stats/summary, with only_cpu_and_memory=true without disks and network.
func (p *Provider) serveSummary(w http.ResponseWriter, r *http.Request) {
	detail := Full
	if value := r.FormValue("only_cpu_and_memory"); value != "" {
		only, err := strconv.ParseBool(value)
		if err != nil {
			http.Error(w, "only_cpu_and_memory must be true or false, not "+strconv.Quote(value), http.StatusBadRequest)
			return
		}
		if only {
			detail = Basic
		}
	}
	s, err := p.snapshot(r.Context(), detail)
	if err != nil {
		if r.Context().Err() == nil {
			klog.FromContext(r.Context()).Error(err, "Measuring the node failed")
		}
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	summary := p.summary(s)
	if detail == Full {
		p.addDisks(r.Context(), summary, s)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(summary); err != nil {
		klog.FromContext(r.Context()).V(4).Info("A client went away", "path", r.URL.Path, "reason", err.Error())
	}
}

// summary shows a snapshot, but for disks.
func (p *Provider) summary(s *snapshot) *statsv1alpha1.Summary {
	var capacity uint64
	if machine, err := p.Machine(); err == nil {
		capacity = machine.MemoryCapacity
	}
	node := statsv1alpha1.NodeStats{
		NodeName: p.config.NodeName, StartTime: metav1.NewTime(bootTime(p.config.Clock.Now())),
		CPU: cpu(s.node), Memory: memory(s.node, capacity), Swap: swap(s.node),
		IO: io(s.node), Network: network(s.node, s.detail),
	}
	if s.detail == Full {
		node.Rlimit = processes(s.at)
	}
	if s.all != nil {
		node.SystemContainers = []statsv1alpha1.ContainerStats{{
			Name: statsv1alpha1.SystemContainerPods, StartTime: node.StartTime, CPU: cpu(s.all), Memory: memory(s.all, capacity), Swap: swap(s.all),
		}}
	}
	summary := &statsv1alpha1.Summary{Node: node, Pods: []statsv1alpha1.PodStats{}}
	for i := range s.pods {
		summary.Pods = append(summary.Pods, podStats(&s.pods[i], s.detail))
	}
	return summary
}

func podStats(use *podUse, detail Detail) statsv1alpha1.PodStats {
	stats := statsv1alpha1.PodStats{
		PodRef:     statsv1alpha1.PodReference{Name: use.pod.Name, Namespace: use.pod.Namespace, UID: string(use.pod.UID)},
		CPU:        cpu(use.whole),
		Memory:     memory(use.whole, 0),
		Swap:       swap(use.whole),
		IO:         io(use.whole),
		Network:    network(use.sandbox, detail),
		Containers: []statsv1alpha1.ContainerStats{},
	}
	if use.pod.Status.StartTime != nil {
		stats.StartTime = *use.pod.Status.StartTime
	}
	var count uint64
	for i := range use.containers {
		c := &use.containers[i]
		stats.Containers = append(stats.Containers, statsv1alpha1.ContainerStats{
			Name: c.spec.Name, StartTime: metav1.NewTime(c.started),
			CPU: cpu(c.measured), Memory: memory(c.measured, uint64(max(c.spec.Resources.Limits.Memory().Value(), 0))),
			Swap: swap(c.measured), IO: io(c.measured),
		})
		if c.Processes != nil {
			count += c.Processes.ProcessCount
		}
	}
	if use.whole == nil {
		stats.CPU, stats.Memory = sum(stats.Containers)
	}
	if detail == Full {
		stats.ProcessStats = &statsv1alpha1.ProcessStats{ProcessCount: &count}
	}
	return stats
}

// sum stands in for a pod without a cgroup of its own.
func sum(containers []statsv1alpha1.ContainerStats) (*statsv1alpha1.CPUStats, *statsv1alpha1.MemoryStats) {
	if len(containers) == 0 {
		return nil, nil
	}
	var cores, total, usage, working, rss uint64
	known := true
	for _, c := range containers {
		if c.CPU.UsageNanoCores == nil {
			known = false
		} else {
			cores += *c.CPU.UsageNanoCores
		}
		total += *c.CPU.UsageCoreNanoSeconds
		usage += *c.Memory.UsageBytes
		working += *c.Memory.WorkingSetBytes
		rss += *c.Memory.RSSBytes
	}
	processor := &statsv1alpha1.CPUStats{Time: containers[0].CPU.Time, UsageCoreNanoSeconds: &total}
	if known {
		processor.UsageNanoCores = &cores
	}
	return processor, &statsv1alpha1.MemoryStats{Time: containers[0].Memory.Time, UsageBytes: &usage, WorkingSetBytes: &working, RSSBytes: &rss}
}

func cpu(m *measured) *statsv1alpha1.CPUStats {
	if m == nil {
		return nil
	}
	total := m.Cpu.Usage.Total
	return &statsv1alpha1.CPUStats{Time: metav1.NewTime(m.Timestamp), UsageNanoCores: m.cores, UsageCoreNanoSeconds: &total, PSI: psi(m.Cpu.PSI)}
}

// memory shows what is used, and below limit, unless that is 0, what is left.
func memory(m *measured, limit uint64) *statsv1alpha1.MemoryStats {
	if m == nil {
		return nil
	}
	u := *m.Memory
	stats := &statsv1alpha1.MemoryStats{
		Time: metav1.NewTime(m.Timestamp), UsageBytes: &u.Usage, WorkingSetBytes: &u.WorkingSet, RSSBytes: &u.RSS,
		PageFaults: &u.ContainerData.Pgfault, MajorPageFaults: &u.ContainerData.Pgmajfault, PSI: psi(u.PSI),
	}
	if limit > 0 {
		left := limit - min(limit, u.WorkingSet)
		stats.AvailableBytes = &left
	}
	return stats
}

func swap(m *measured) *statsv1alpha1.SwapStats {
	if m == nil {
		return nil
	}
	used := m.Memory.Swap
	return &statsv1alpha1.SwapStats{Time: metav1.NewTime(m.Timestamp), SwapUsageBytes: &used}
}

func io(m *measured) *statsv1alpha1.IOStats {
	if m == nil || m.DiskIo == nil || psi(m.DiskIo.PSI) == nil {
		return nil
	}
	return &statsv1alpha1.IOStats{Time: metav1.NewTime(m.Timestamp), PSI: psi(m.DiskIo.PSI)}
}

// psi is nil on kernels that do not count stalls by cgroup. They count in microseconds; this API says nanoseconds.
func psi(stalls model.PSIStats) *statsv1alpha1.PSIStats {
	if stalls == (model.PSIStats{}) {
		return nil
	}
	data := func(d model.PSIData) statsv1alpha1.PSIData {
		return statsv1alpha1.PSIData{Total: d.Total * uint64(time.Microsecond), Avg10: d.Avg10, Avg60: d.Avg60, Avg300: d.Avg300}
	}
	return &statsv1alpha1.PSIStats{Full: data(stalls.Full), Some: data(stalls.Some)}
}

// network shows all interfaces, and the one that carries the default route's traffic by convention (eth0, or the first)
// once more on top.
func network(m *measured, detail Detail) *statsv1alpha1.NetworkStats {
	if m == nil || detail < Full || m.Network == nil || len(m.Network.Interfaces) == 0 {
		return nil
	}
	stats := &statsv1alpha1.NetworkStats{Time: metav1.NewTime(m.Timestamp)}
	for _, i := range m.Network.Interfaces {
		shown := statsv1alpha1.InterfaceStats{Name: i.Name, RxBytes: &i.RxBytes, RxErrors: &i.RxErrors, TxBytes: &i.TxBytes, TxErrors: &i.TxErrors}
		stats.Interfaces = append(stats.Interfaces, shown)
		if i.Name == "eth0" || stats.Name == "" {
			stats.InterfaceStats = shown
		}
	}
	return stats
}
