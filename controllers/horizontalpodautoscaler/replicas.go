// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package horizontalpodautoscaler

import (
	"fmt"
	"maps"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/controllers/internal/pods"
)

// sample is what one pod used of a resource, in thousandths, over a window that ended at a time.
type sample struct {
	value  int64
	at     time.Time
	window time.Duration
}

// tolerance is how far the ratio of usage and target may be from 1 without a change.
type tolerance struct {
	down, up float64
}

func (t tolerance) covers(ratio float64) bool { return 1-t.down <= ratio && ratio <= 1+t.up }

// timing is how long after their start pods may be left out.
type timing struct {
	cpuInitialization, initialReadiness time.Duration
}

// target is what a metric should be: a percentage of the requests, or a value for each pod.
type target struct {
	utilization  int32
	averageValue int64
}

// measured is the outcome for one metric.
type measured struct {
	replicas int32
	// utilization is -1 when the target is a value; average is in thousandths.
	utilization int32
	average     int64
}

// census are the pods sorted by what their samples are worth.
type census struct {
	ready            int
	unready, missing []string
	left             []string // not to be counted at all
}

// count sorts pods. Pods that ended or leave don't count. Those not yet started, and for CPU those whose sample is from
// before they were ready, or that were never ready and just began, are unready: their usage says nothing. Those without
// a sample are missing.
func count(all []*corev1.Pod, samples map[string]sample, resource corev1.ResourceName, t timing, now time.Time) census {
	var c census
	for _, pod := range all {
		got, has := samples[pod.Name]
		switch {
		case pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodFailed:
			c.left = append(c.left, pod.Name)
		case pod.Status.Phase == corev1.PodPending:
			c.unready = append(c.unready, pod.Name)
		case !has:
			c.missing = append(c.missing, pod.Name)
		case resource == corev1.ResourceCPU && starting(pod, got, t, now):
			c.unready = append(c.unready, pod.Name)
		default:
			c.ready++
		}
	}
	return c
}

// starting reports whether the CPU sample of a pod is of its start, when it uses more than it will.
func starting(pod *corev1.Pod, s sample, t timing, now time.Time) bool {
	ready := pods.Condition(pod, corev1.PodReady)
	if ready == nil || pod.Status.StartTime == nil {
		return true
	}
	start := pod.Status.StartTime.Time
	if start.Add(t.cpuInitialization).After(now) {
		return ready.Status == corev1.ConditionFalse || s.at.Before(ready.LastTransitionTime.Add(s.window))
	}
	return ready.Status == corev1.ConditionFalse && start.Add(t.initialReadiness).After(ready.LastTransitionTime.Time)
}

// requestsOf sums up what each pod requests of a resource, in thousandths; of one container when container is not
// empty. Every container must have a request, or there is no percentage of it.
func requestsOf(all []*corev1.Pod, container string, resource corev1.ResourceName) (map[string]int64, error) {
	requests := make(map[string]int64, len(all))
	for _, pod := range all {
		var sum int64
		found := container == ""
		for _, c := range running(pod) {
			if container != "" && container != c.Name {
				continue
			}
			found = true
			request, ok := c.Resources.Requests[resource]
			if !ok {
				return nil, fmt.Errorf("missing request for %s in container %s of Pod %s", resource, c.Name, pod.Name)
			}
			sum += request.MilliValue()
		}
		if !found {
			return nil, fmt.Errorf("container %s not found in Pod %s", container, pod.Name)
		}
		requests[pod.Name] = sum
	}
	return requests, nil
}

// running are the containers of a pod that run as long as it does: sidecars are among the init containers.
func running(pod *corev1.Pod) []corev1.Container {
	containers := pod.Spec.Containers
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			containers = append(containers[:len(containers):len(containers)], c)
		}
	}
	return containers
}

// replicas computes how many replicas bring a metric to its target. Pods that are missing or not ready yet are counted
// so that they damp the change, whichever its direction, and never turn it around.
func replicas(current int32, c census, samples map[string]sample, requests map[string]int64, goal target, tol tolerance) (measured, error) {
	counted := maps.Clone(samples)
	for _, names := range [][]string{c.left, c.unready} {
		for _, name := range names {
			delete(counted, name)
		}
	}
	if len(counted) == 0 {
		return measured{}, fmt.Errorf("did not receive metrics for targeted pods (pods might be unready)")
	}
	ratio, result, err := compare(counted, requests, goal)
	if err != nil {
		return measured{}, err
	}
	includeUnready := len(c.unready) > 0 && ratio > 1
	if !includeUnready && len(c.missing) == 0 {
		result.replicas = current
		if !tol.covers(ratio) {
			result.replicas = ceil(ratio * float64(c.ready))
		}
		return result, nil
	}
	damp(counted, c, requests, goal, ratio, includeUnready)
	damped, _, err := compare(counted, requests, goal)
	if err != nil {
		return measured{}, err
	}
	result.replicas = current
	if tol.covers(damped) || (ratio < 1) != (damped < 1) && ratio != 1 && damped != 1 {
		return result, nil
	}
	if next := ceil(damped * float64(len(counted))); damped < 1 && next < current || damped > 1 && next > current {
		result.replicas = next
	}
	return result, nil
}

// damp adds samples for pods without: a missing pod uses nothing when the others call for more, and its full share when
// they call for less; one not ready uses nothing.
func damp(counted map[string]sample, c census, requests map[string]int64, goal target, ratio float64, includeUnready bool) {
	for _, name := range c.missing {
		switch {
		case ratio < 1 && goal.utilization > 0:
			counted[name] = sample{value: requests[name] * int64(max(100, goal.utilization)) / 100}
		case ratio < 1:
			counted[name] = sample{value: goal.averageValue}
		case ratio > 1:
			counted[name] = sample{}
		}
	}
	if includeUnready {
		for _, name := range c.unready {
			counted[name] = sample{}
		}
	}
}

// compare returns the ratio of usage and target, and the usage in the terms of the status.
func compare(samples map[string]sample, requests map[string]int64, goal target) (float64, measured, error) {
	var used, requested int64
	for name, s := range samples {
		if goal.utilization > 0 {
			request, known := requests[name]
			if !known {
				continue // a sample of a pod that is not ours
			}
			requested += request
		}
		used += s.value
	}
	average := used / int64(len(samples))
	if goal.utilization <= 0 {
		return float64(average) / float64(goal.averageValue), measured{utilization: -1, average: average}, nil
	}
	if requested == 0 {
		return 0, measured{}, fmt.Errorf("no metrics returned matched known pods")
	}
	utilization := int32(used * 100 / requested)
	return float64(utilization) / float64(goal.utilization), measured{utilization: utilization, average: average}, nil
}

func ceil(f float64) int32 { return int32(math.Min(math.Ceil(f), math.MaxInt32)) }
