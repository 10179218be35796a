// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderesourcesfit

import (
	"errors"
	"fmt"
	"math"

	schedulerv1 "k8s.io/kube-scheduler/config/v1"

	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/plugins/internal/allocation"
)

// strategy scores a node by how full it would be.
type strategy func(shares []allocation.Share) int64

func newStrategy(scoring *schedulerv1.ScoringStrategy) (strategy, error) {
	switch scoring.Type {
	case schedulerv1.LeastAllocated, "":
		return leastAllocated, nil
	case schedulerv1.MostAllocated:
		return mostAllocated, nil
	case schedulerv1.RequestedToCapacityRatio:
		if scoring.RequestedToCapacityRatio == nil {
			return nil, errors.New("scoringStrategy.requestedToCapacityRatio: required by the type")
		}
		return requestedToCapacityRatio(scoring.RequestedToCapacityRatio.Shape)
	}
	return nil, fmt.Errorf("scoringStrategy.type: %q: must be LeastAllocated, MostAllocated or RequestedToCapacityRatio",
		scoring.Type)
}

// leastAllocated is the weighted mean of what would be left.
func leastAllocated(shares []allocation.Share) int64 {
	return mean(shares, func(s allocation.Share) int64 {
		if s.Requested > s.Allocatable {
			return 0
		}
		return (s.Allocatable - s.Requested) * framework.MaxScore / s.Allocatable
	})
}

// mostAllocated is the weighted mean of what would be used. Pods without requests count too, so more can be requested
// than there is.
func mostAllocated(shares []allocation.Share) int64 {
	return mean(shares, func(s allocation.Share) int64 {
		return min(s.Requested, s.Allocatable) * framework.MaxScore / s.Allocatable
	})
}

func mean(shares []allocation.Share, score func(allocation.Share) int64) int64 {
	var sum, weights int64
	for _, s := range shares {
		sum += score(s) * s.Weight
		weights += s.Weight
	}
	if weights == 0 {
		return 0
	}
	return sum / weights
}

// ratioScale turns the scores of a curve's points, from 0 to 10, into a plugin's.
const ratioScale = framework.MaxScore / 10

// requestedToCapacityRatio scores along a curve of straight pieces. Resources at score zero do not count in the mean.
func requestedToCapacityRatio(points []schedulerv1.UtilizationShapePoint) (strategy, error) {
	if err := validateCurve(points); err != nil {
		return nil, err
	}
	return func(shares []allocation.Share) int64 {
		var sum, weights int64
		for _, s := range shares {
			utilization := int64(100)
			if s.Requested <= s.Allocatable {
				utilization = s.Requested * 100 / s.Allocatable
			}
			if score := along(points, utilization); score > 0 {
				sum += score * s.Weight
				weights += s.Weight
			}
		}
		if weights == 0 {
			return 0
		}
		return int64(math.Round(float64(sum) / float64(weights)))
	}, nil
}

func along(points []schedulerv1.UtilizationShapePoint, utilization int64) int64 {
	for i, p := range points {
		x, y := int64(p.Utilization), int64(p.Score)*ratioScale
		if utilization > x {
			continue
		}
		if i == 0 {
			return y
		}
		x0, y0 := int64(points[i-1].Utilization), int64(points[i-1].Score)*ratioScale
		return y0 + (y-y0)*(utilization-x0)/(x-x0)
	}
	return int64(points[len(points)-1].Score) * ratioScale
}

func validateCurve(points []schedulerv1.UtilizationShapePoint) error {
	const path = "scoringStrategy.requestedToCapacityRatio.shape"
	if len(points) == 0 {
		return fmt.Errorf("%s: at least one point must be given", path)
	}
	var errs []error
	for i, p := range points {
		if p.Utilization < 0 || p.Utilization > 100 {
			errs = append(errs, fmt.Errorf("%s[%d].utilization: %d: must be from 0 to 100", path, i, p.Utilization))
		}
		if p.Score < 0 || p.Score > 10 {
			errs = append(errs, fmt.Errorf("%s[%d].score: %d: must be from 0 to 10", path, i, p.Score))
		}
		if i > 0 && p.Utilization <= points[i-1].Utilization {
			errs = append(errs, fmt.Errorf("%s[%d].utilization: %d: must be larger than the one before", path, i, p.Utilization))
		}
	}
	return errors.Join(errs...)
}
