// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package metricsapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/types"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"coxswain.dev/coxswain/apiserver/subresource/kubelet"
)

// averageOver is the window of averages that agents compute.
const averageOver = 10 * time.Second

// maxSummary is more than a node with as many containers as it can run has to tell. What is longer is no summary, and
// would be held in memory.
const maxSummary = 64 << 20

type fetcher struct {
	kubelet *kubelet.Client
	client  func(http.RoundTripper) *http.Client
}

func (f fetcher) fetch(ctx context.Context, node string, before *sample) (*sample, error) {
	agent, err := f.kubelet.Locate(ctx, node)
	if err != nil {
		return nil, err
	}
	// Nothing else is shown, and measuring disks and networks is most of an agent's work.
	query := url.Values{"only_cpu_and_memory": {"true"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, agent.URL("/stats/summary", query).String(), nil)
	if err != nil {
		return nil, fmt.Errorf("asking the agent of %s for figures: %w", node, err)
	}
	response, err := f.client(agent.Transport).Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the agent of %s for figures: %w", node, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking the agent of %s for figures: it says %s", node, response.Status)
	}
	var summary statsv1alpha1.Summary
	if err := json.NewDecoder(io.LimitReader(response.Body, maxSummary)).Decode(&summary); err != nil {
		return nil, fmt.Errorf("reading the figures of %s: %w", node, err)
	}
	return sampleOf(&summary, before), nil
}

// sampleOf takes from a summary what this API shows. before, when not nil, is the sample before, for averages.
func sampleOf(summary *statsv1alpha1.Summary, before *sample) *sample {
	s := &sample{pods: make(map[types.UID]map[string]usage, len(summary.Pods)), total: map[string]total{}}
	if u, ok := s.usage("", summary.Node.CPU, summary.Node.Memory, before); ok {
		s.node = &u
	}
	for i := range summary.Pods {
		pod := &summary.Pods[i]
		uid := types.UID(pod.PodRef.UID)
		containers := make(map[string]usage, len(pod.Containers))
		for j := range pod.Containers {
			c := &pod.Containers[j]
			if u, ok := s.usage(pod.PodRef.UID+"/"+c.Name, c.CPU, c.Memory, before); ok {
				containers[c.Name] = u
			}
		}
		s.pods[uid] = containers
	}
	return s
}

// usage reads one thing. It is false when it has not been measured (yet).
func (s *sample) usage(key string, cpu *statsv1alpha1.CPUStats, memory *statsv1alpha1.MemoryStats, before *sample) (usage, bool) {
	if cpu == nil || memory == nil || memory.WorkingSetBytes == nil || cpu.Time.IsZero() {
		return usage{}, false
	}
	u := usage{at: cpu.Time.Time, window: averageOver, memory: *memory.WorkingSetBytes}
	if cpu.UsageCoreNanoSeconds != nil {
		s.total[key] = total{at: cpu.Time.Time, nanoSeconds: *cpu.UsageCoreNanoSeconds}
	}
	if cpu.UsageNanoCores != nil {
		u.nanoCores = *cpu.UsageNanoCores
		return u, true
	}
	if before == nil {
		return usage{}, false
	}
	first, ok := before.total[key]
	last, okNow := s.total[key]
	elapsed := last.at.Sub(first.at)
	if !ok || !okNow || elapsed <= 0 || last.nanoSeconds < first.nanoSeconds {
		return usage{}, false
	}
	u.window = elapsed
	u.nanoCores = uint64(float64(last.nanoSeconds-first.nanoSeconds) / elapsed.Seconds())
	return u, true
}
