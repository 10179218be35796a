// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package imagelocality

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
)

// Name is what configuration calls the plugin.
const Name = "ImageLocality"

// Between these sizes, images present count; below the first they are as good as absent, and above the second, for
// each container, more makes no difference.
const (
	smallest         = 23 << 20
	largestContainer = 1000 << 20
)

// Plugin is the plugin.
type Plugin struct{}

var (
	_ framework.ScorePlugin = (*Plugin)(nil)
	_ framework.Shaper      = (*Plugin)(nil)
	_ framework.Staler      = (*scorer)(nil)
)

// New builds the plugin.
func New(runtime.Object, framework.Handle) (framework.Plugin, error) { return &Plugin{}, nil }

// Name implements framework.Plugin.
func (*Plugin) Name() string { return Name }

// Shape implements framework.Shaper.
func (*Plugin) Shape(pod *cache.Pod, shape *framework.Shape) {
	for _, containers := range [][]corev1.Container{pod.Object.Spec.InitContainers, pod.Object.Spec.Containers} {
		shape.Len(len(containers))
		for i := range containers {
			shape.String(containers[i].Image)
		}
	}
}

// Score implements framework.ScorePlugin.
func (*Plugin) Score(pod *cache.Pod, nodes *cache.Snapshot) framework.Scorer {
	s := &scorer{index: nodes, nodes: nodes.Nodes()}
	for _, containers := range [][]corev1.Container{pod.Object.Spec.InitContainers, pod.Object.Spec.Containers} {
		for i := range containers {
			name := normalized(containers[i].Image)
			img := image{name: name}
			if state := nodes.Images.State(name); state != nil && s.nodes > 0 {
				img.state, img.spread = state, state.Nodes.Count()
				img.worth = int64(float64(state.Size) * (float64(img.spread) / float64(s.nodes)))
			}
			s.images = append(s.images, img)
		}
	}
	return s
}

// scorer knows what each image of the pod is worth on a node that has it. That depends on how many nodes have it, so it
// gets stale when this changes.
type scorer struct {
	index  *cache.Snapshot
	nodes  int
	images []image
}

type image struct {
	name   string
	state  *cache.ImageState // nil when no node had it
	spread int
	worth  int64
}

func (s *scorer) Score(n int32) int64 {
	var sum int64
	for i := range s.images {
		if img := &s.images[i]; img.state != nil && img.state.Nodes.Has(n) {
			sum += img.worth
		}
	}
	largest := int64(largestContainer) * int64(len(s.images))
	sum = min(max(sum, smallest), largest)
	if largest <= smallest {
		return 0
	}
	return framework.MaxScore * (sum - smallest) / (largest - smallest)
}

// Stale implements framework.Staler.
func (s *scorer) Stale() bool {
	anywhere := false
	for i := range s.images {
		img := &s.images[i]
		state := s.index.Images.State(img.name)
		if state != img.state || state != nil && state.Nodes.Count() != img.spread {
			return true
		}
		anywhere = anywhere || state != nil
	}
	return anywhere && s.index.Nodes() != s.nodes
}

// normalized adds the tag that an image name without one stands for, as nodes report names with tags.
func normalized(name string) string {
	if strings.LastIndex(name, ":") <= strings.LastIndex(name, "/") {
		return name + ":latest"
	}
	return name
}
