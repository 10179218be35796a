// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderesourcesfit

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/plugins/internal/allocation"
)

// Name is what configuration calls the plugin.
const Name = "NodeResourcesFit"

// Plugin is the plugin.
type Plugin struct {
	args      *schedulerv1.NodeResourcesFitArgs
	resources []allocation.Resource
	strategy  strategy
}

var (
	_ framework.FilterPlugin = (*Plugin)(nil)
	_ framework.ScorePlugin  = (*Plugin)(nil)
	_ framework.Shaper       = (*Plugin)(nil)
	_ framework.HintPlugin   = (*Plugin)(nil)
)

// Args returns arguments that configuration can be decoded into.
func Args() runtime.Object { return &schedulerv1.NodeResourcesFitArgs{} }

// New builds the plugin.
func New(args runtime.Object, _ framework.Handle) (framework.Plugin, error) {
	typed, err := framework.ArgsOf[*schedulerv1.NodeResourcesFitArgs](Name, args)
	if err != nil {
		return nil, err
	}
	scoring := typed.ScoringStrategy
	if scoring == nil {
		scoring = &schedulerv1.ScoringStrategy{Type: schedulerv1.LeastAllocated}
	}
	specs := scoring.Resources
	if len(specs) == 0 {
		specs = allocation.Default()
	}
	plugin := &Plugin{args: typed, resources: allocation.Resources(specs)}
	var errs []error
	for i, group := range typed.IgnoredResourceGroups {
		if strings.Contains(group, "/") {
			errs = append(errs, fmt.Errorf("ignoredResourceGroups[%d]: %q: must not contain a slash", i, group))
		}
	}
	for i, spec := range specs {
		if spec.Name == "" {
			errs = append(errs, fmt.Errorf("scoringStrategy.resources[%d].name: must not be empty", i))
		}
		if spec.Weight < 0 || spec.Weight > 100 {
			errs = append(errs, fmt.Errorf("scoringStrategy.resources[%d].weight: %d: must be from 1 to 100", i, spec.Weight))
		}
	}
	plugin.strategy, err = newStrategy(scoring)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return plugin, nil
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
	shape.Int(pod.NonZeroCPU)
	shape.Int(pod.NonZeroMemory)
}

// Score implements framework.ScorePlugin.
func (p *Plugin) Score(pod *cache.Pod, nodes *cache.Snapshot) framework.Scorer {
	return &scorer{strategy: p.strategy, calculator: allocation.NewCalculator(pod, nodes, p.resources, true)}
}

type scorer struct {
	strategy   strategy
	calculator *allocation.Calculator
}

func (s *scorer) Score(n int32) int64 { return s.strategy(s.calculator.Shares(n)) }
