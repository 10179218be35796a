// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/cadvisor/lib/model"
	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"coxswain.dev/coxswain/nodeagent/resources"
)

// snapshot is what everything on the node used at one time.
type snapshot struct {
	at     time.Time
	detail Detail
	node   *measured
	// all is the cgroup of all pods together.
	all  *measured
	pods []podUse
	// failed tells that something that should be there could not be read.
	failed bool
}

// measured is one cgroup.
type measured struct {
	cgroup string
	*model.ContainerStats
	// cores are billionths of a core, averaged over the last seconds; nil when that is not known.
	cores *uint64
	// born is when the cgroup began, as far as known.
	born time.Time
}

type podUse struct {
	pod *corev1.Pod
	// whole is the pod's cgroup, nil when the runtime keeps the pod elsewhere.
	whole      *measured
	containers []containerUse
	// sandbox holds the network figures; nil in a Basic snapshot and for pods on the host's network.
	sandbox *measured
	// runtime is what the container runtime says of the pod; nil in a Basic snapshot.
	runtime *cri.PodSandboxStats
}

type containerUse struct {
	*measured
	spec    *corev1.Container
	id      string
	image   string
	started time.Time
}

// snapshot returns a fresh snapshot with processor rates. Callers share it and must not change it.
func (p *Provider) snapshot(ctx context.Context, detail Detail) (*snapshot, error) {
	select { // one at a time; who waited takes what the other found
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if last := p.last; last != nil && last.detail >= detail && p.config.Clock.Since(last.at) < shareFor {
		return last, nil
	}
	s, err := p.take(ctx, detail)
	if err != nil {
		return nil, err
	}
	if !p.average(s) {
		timer := p.config.Clock.NewTimer(shortest + 50*time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C():
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if s, err = p.take(ctx, detail); err != nil {
			return nil, err
		}
		p.average(s)
	}
	p.last = s
	return s, nil
}

// counters returns a snapshot for those who do not look at rates, and so never wait for a second reading.
func (p *Provider) counters(ctx context.Context, detail Detail) (*snapshot, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s, err := p.take(ctx, detail)
	if err == nil {
		p.average(s)
	}
	return s, err
}

// average fills in the rates, and remembers the readings for the next time. It is false when some rate is not known yet.
func (p *Provider) average(s *snapshot) bool {
	complete, alive := true, map[string]bool{}
	for m := range s.everything() {
		now := reading{at: m.Timestamp, total: m.Cpu.Usage.Total}
		if rate, known := p.history.rate(m.cgroup, now, m.born); known {
			m.cores = &rate
		} else if m.cores == nil { // the runtime may have told
			complete = false
		}
		p.history.add(m.cgroup, now)
		alive[m.cgroup] = true
	}
	p.history.keep(alive)
	return complete
}

// everything is all that has a rate.
func (s *snapshot) everything() func(func(*measured) bool) {
	return func(yield func(*measured) bool) {
		list := []*measured{s.node, s.all}
		for i := range s.pods {
			list = append(list, s.pods[i].whole)
			for j := range s.pods[i].containers {
				list = append(list, s.pods[i].containers[j].measured)
			}
		}
		for _, m := range list {
			if m != nil && !yield(m) {
				return
			}
		}
	}
}

// take reads everything once.
func (p *Provider) take(ctx context.Context, detail Detail) (*snapshot, error) {
	s := &snapshot{at: p.config.Clock.Now(), detail: detail}
	var err error
	if s.node, err = p.measure("/", detail, os.Getpid(), time.Time{}); err != nil {
		return nil, fmt.Errorf("measuring the node: %w", err)
	}
	s.all, _ = p.measure(resources.PodsPath(p.config.CgroupRoot), detail, 0, time.Time{}) // made with the first pod
	var told runtimeStats
	if detail == Full {
		told = p.runtimeStats(ctx)
	}
	for _, pod := range p.config.Pods.List() {
		if use, there := p.takePod(ctx, s, pod, &told); there {
			s.pods = append(s.pods, use)
		}
	}
	return s, nil
}

func (p *Provider) takePod(ctx context.Context, s *snapshot, pod *corev1.Pod, told *runtimeStats) (podUse, bool) {
	use := podUse{pod: pod, runtime: told.of(pod.UID)}
	group := resources.PodPath(p.config.CgroupRoot, pod)
	var born time.Time
	if pod.Status.StartTime != nil {
		born = pod.Status.StartTime.Time
	}
	use.whole = p.try(ctx, s, group, s.detail, 0, born)
	var children []string
	if use.whole != nil {
		children = p.config.Meter.Children(group)
	}
	for status, spec := range running(pod) {
		_, id, _ := strings.Cut(status.ContainerID, "://")
		c := containerUse{spec: spec, id: id, image: status.Image, started: status.State.Running.StartedAt.Time}
		// Most runtimes name the cgroup by the ID alone, others add something to it.
		if i := slices.IndexFunc(children, func(name string) bool { return strings.Contains(name, id) }); i >= 0 {
			c.measured = p.try(ctx, s, path.Join(group, children[i]), s.detail, 0, c.started)
		}
		if c.measured == nil {
			if p.config.Clock.Since(told.at) > shareFor {
				*told = p.askRuntime(ctx)
			}
			c.measured = told.container(pod.UID, id)
		}
		if c.measured != nil {
			use.containers = append(use.containers, c)
		}
	}
	if sandbox := use.runtime.GetAttributes().GetId(); sandbox != "" && s.detail == Full {
		if i := slices.IndexFunc(children, func(name string) bool { return strings.Contains(name, sandbox) }); i >= 0 {
			cgroup, process := path.Join(group, children[i]), 0
			if !pod.Spec.HostNetwork {
				process = p.config.Meter.Process(cgroup)
			}
			use.sandbox = p.try(ctx, s, cgroup, Full, process, born)
		}
	}
	return use, use.whole != nil || len(use.containers) > 0
}

// try measures a cgroup that may be gone, or not there yet.
func (p *Provider) try(ctx context.Context, s *snapshot, cgroup string, detail Detail, network int, born time.Time) *measured {
	m, err := p.measure(cgroup, detail, network, born)
	if err == nil {
		return m
	}
	if !errors.Is(err, fs.ErrNotExist) {
		klog.FromContext(ctx).V(2).Info("A cgroup could not be measured", "cgroup", cgroup, "err", err)
		s.failed = true
	}
	return nil
}

func (p *Provider) measure(cgroup string, detail Detail, network int, born time.Time) (*measured, error) {
	stats, err := p.config.Meter.Measure(cgroup, detail, network)
	if err != nil {
		return nil, err
	}
	return &measured{cgroup: cgroup, ContainerStats: stats, born: born}, nil
}

// running yields the containers of a pod that run, init containers first.
func running(pod *corev1.Pod) func(func(*corev1.ContainerStatus, *corev1.Container) bool) {
	return func(yield func(*corev1.ContainerStatus, *corev1.Container) bool) {
		for spec := range containers(&pod.Spec) {
			for _, list := range [][]corev1.ContainerStatus{
				pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses,
			} {
				for i := range list {
					status := &list[i]
					if status.Name == spec.Name && status.State.Running != nil && status.ContainerID != "" && !yield(status, spec) {
						return
					}
				}
			}
		}
	}
}

func containers(spec *corev1.PodSpec) func(func(*corev1.Container) bool) {
	return func(yield func(*corev1.Container) bool) {
		for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
		for i := range spec.EphemeralContainers {
			if c := corev1.Container(spec.EphemeralContainers[i].EphemeralContainerCommon); !yield(&c) {
				return
			}
		}
	}
}
