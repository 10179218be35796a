// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package balancedallocation

import (
	"fmt"
	"math"

	"k8s.io/apimachinery/pkg/runtime"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/plugins/internal/allocation"
)

// Name is what configuration calls the plugin.
const Name = "NodeResourcesBalancedAllocation"

// Plugin is the plugin.
type Plugin struct {
	resources []allocation.Resource
}

var (
	_ framework.ScorePlugin = (*Plugin)(nil)
	_ framework.Shaper      = (*Plugin)(nil)
)

// Args returns arguments that configuration can be decoded into.
func Args() runtime.Object { return &schedulerv1.NodeResourcesBalancedAllocationArgs{} }

// New builds the plugin.
func New(args runtime.Object, _ framework.Handle) (framework.Plugin, error) {
	typed, err := framework.ArgsOf[*schedulerv1.NodeResourcesBalancedAllocationArgs](Name, args)
	if err != nil {
		return nil, err
	}
	specs := typed.Resources
	if len(specs) == 0 {
		specs = allocation.Default()
	}
	for i, spec := range specs {
		if spec.Weight != 0 && spec.Weight != 1 {
			return nil, fmt.Errorf("resources[%d].weight: %d: must be 1, as balance has no weights", i, spec.Weight)
		}
	}
	return &Plugin{resources: allocation.Resources(specs)}, nil
}

// Name implements framework.Plugin.
func (*Plugin) Name() string { return Name }

// Shape implements framework.Shaper.
func (*Plugin) Shape(pod *cache.Pod, shape *framework.Shape) {
	shape.Len(len(pod.Requests))
	for _, r := range pod.Requests {
		shape.Int(int64(r.Resource))
		shape.Int(r.Amount)
	}
}

// Score implements framework.ScorePlugin. A pod that requests nothing leaves balance as it is, and would all go to the
// node that happens to be the most balanced: there is no preference for it.
func (p *Plugin) Score(pod *cache.Pod, nodes *cache.Snapshot) framework.Scorer {
	calculator := allocation.NewCalculator(pod, nodes, p.resources, false)
	if !calculator.Requests() {
		return nil
	}
	return &scorer{calculator}
}

type scorer struct{ calculator *allocation.Calculator }

func (s *scorer) Score(n int32) int64 {
	return int64((1 - deviation(s.calculator.Shares(n))) * framework.MaxScore)
}

// deviation is the standard deviation of how full the resources are, from 0 to 0.5.
func deviation(shares []allocation.Share) float64 {
	fraction := func(s allocation.Share) float64 { return min(1, float64(s.Requested)/float64(s.Allocatable)) }
	switch len(shares) {
	case 0, 1:
		return 0
	case 2:
		return math.Abs((fraction(shares[0]) - fraction(shares[1])) / 2)
	}
	var total, squares float64
	for _, s := range shares {
		total += fraction(s)
	}
	mean := total / float64(len(shares))
	for _, s := range shares {
		squares += (fraction(s) - mean) * (fraction(s) - mean)
	}
	return math.Sqrt(squares / float64(len(shares)))
}
