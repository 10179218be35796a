// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"fmt"
	"sync"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Tree keeps the cgroups of a node's pods. Its methods may be repeated and called from several goroutines.
type Tree struct {
	root string

	mu sync.Mutex
	// weights are what the classes' cgroups were last set to; guarded by mu.
	weights map[corev1.PodQOSClass]Limits
}

// NewTree returns the tree below root; nothing is made yet.
func NewTree(root string) *Tree {
	return &Tree{root: root, weights: map[corev1.PodQOSClass]Limits{}}
}

// Setup makes the cgroups of all pods and of the classes.
func (t *Tree) Setup(allocatable corev1.ResourceList) error {
	all := Limits{Shares: Shares(allocatable.Cpu().MilliValue())}
	if err := ensure(PodsPath(t.root), all); err != nil {
		return err
	}
	return t.Weigh(nil)
}

// Weigh sets the classes to what these pods need.
func (t *Tree) Weigh(pods []*corev1.Pod) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for class, limits := range Classes(pods) {
		if have, known := t.weights[class]; known && have == limits {
			continue
		}
		if err := ensure(ClassPath(t.root, class), limits); err != nil {
			return err
		}
		t.weights[class] = limits
	}
	return nil
}

// Ensure makes the pod's cgroup and returns its path for the runtime.
func (t *Tree) Ensure(pod *corev1.Pod) (string, error) {
	path := PodPath(t.root, pod)
	return path, ensure(path, Pod(pod))
}

// Remove removes the pod's cgroup. What still runs in it is killed.
func (t *Tree) Remove(uid types.UID) error {
	for _, path := range PodPaths(t.root, uid) {
		if err := destroy(path); err != nil {
			return err
		}
	}
	return nil
}

// Destroy removes all cgroups of the tree, which must hold no process any more.
func (t *Tree) Destroy() error {
	for _, path := range []string{
		ClassPath(t.root, corev1.PodQOSBurstable), ClassPath(t.root, corev1.PodQOSBestEffort), PodsPath(t.root), t.root,
	} {
		if path == "" || path == "/" {
			continue
		}
		if err := destroy(path); err != nil {
			return err
		}
	}
	return nil
}

func open(path string, limits Limits) (cgroups.Manager, *cgroups.Resources, error) {
	resources := &cgroups.Resources{
		SkipDevices: true, // the runtime's to decide, per container
		CpuShares:   limits.Shares,
		CpuQuota:    limits.Quota,
		Memory:      limits.Memory,
	}
	if limits.Quota > 0 {
		resources.CpuPeriod = period
	}
	if cgroups.IsCgroup2UnifiedMode() {
		resources.CpuWeight = cgroups.ConvertCPUSharesToCgroupV2Value(limits.Shares)
	}
	m, err := manager.New(&cgroups.Cgroup{Path: path, Resources: resources})
	return m, resources, err
}

func ensure(path string, limits Limits) error {
	m, resources, err := open(path, limits)
	if err != nil {
		return fmt.Errorf("opening cgroup %s: %w", path, err)
	}
	if err := m.Apply(-1); err != nil {
		return fmt.Errorf("making cgroup %s: %w", path, err)
	}
	if err := m.Set(resources); err != nil {
		return fmt.Errorf("limiting cgroup %s: %w", path, err)
	}
	return nil
}

func destroy(path string) error {
	m, _, err := open(path, Limits{Shares: minShares})
	if err != nil {
		return fmt.Errorf("opening cgroup %s: %w", path, err)
	}
	if !exists(m) {
		return nil
	}
	if err := m.Destroy(); err != nil {
		return fmt.Errorf("removing cgroup %s: %w", path, err)
	}
	return nil
}

// exists tells whether any controller has the cgroup; a half made or half removed one counts.
func exists(m cgroups.Manager) bool {
	for _, path := range m.GetPaths() {
		if cgroups.PathExists(path) {
			return true
		}
	}
	return m.Exists()
}
