// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/class"
	"coxswain.dev/coxswain/scheduler/framework"
)

// What is said about nodes when it comes to preemption. The first two are kube-scheduler's words. Where there are pods
// of lower priority it would try them out as victims; we do not preempt yet, and say just that.
const (
	notHelpful   = "Preemption is not helpful for scheduling"
	noVictims    = "No preemption victims found for incoming pod"
	notPreempted = "node(s) had pods of lower priority, which are not preempted"
	noNodes      = "no nodes available to schedule pods"
)

// failure is why no node can take a pod.
type failure struct {
	message string
	// plugins are those whose verdict has to change first; none when there are no nodes.
	plugins []string
}

// explainFailure words why a class has no feasible node for a pod.
func (e *engine) explainFailure(pod *cache.Pod, c *class.Class) failure {
	nodes := e.nodes.Nodes()
	if nodes == 0 {
		return failure{message: noNodes}
	}
	f := failure{}
	message := fmt.Sprintf("0/%d nodes are available:", nodes)
	if blanket := c.Blanket(); blanket != nil {
		f.plugins = []string{blanket.Plugin}
		message += fmt.Sprintf(" %s.", strings.Join(blanket.Reasons, ", "))
	} else {
		reasons := map[string]int{}
		c.EachRejection(func(r *framework.Rejection, count int) {
			for _, reason := range r.Reasons {
				reasons[reason] += count
			}
			if !slices.Contains(f.plugins, r.Plugin) {
				f.plugins = append(f.plugins, r.Plugin)
			}
		})
		message += fmt.Sprintf(" %s.", histogram(reasons))
	}
	sort.Strings(f.plugins)
	f.message = message + " " + e.aboutPreemption(pod, c, nodes)
	return f
}

// aboutPreemption says, node by node, why making room by force is no way out.
func (e *engine) aboutPreemption(pod *cache.Pod, c *class.Class, nodes int) string {
	if policy := pod.Object.Spec.PreemptionPolicy; policy != nil && *policy == corev1.PreemptNever {
		return "preemption: not eligible due to preemptionPolicy=Never."
	}
	lower, hopeless := 0, nodes
	if blanket := c.Blanket(); blanket == nil || !blanket.Unresolvable {
		lower, hopeless = e.countVictims(pod, c)
	}
	reasons := map[string]int{}
	for reason, count := range map[string]int{notHelpful: hopeless, notPreempted: lower, noVictims: nodes - lower - hopeless} {
		if count > 0 {
			reasons[reason] = count
		}
	}
	return fmt.Sprintf("preemption: 0/%d nodes are available: %s.", nodes, histogram(reasons))
}

// countVictims counts the nodes with pods of lower priority among those where fewer pods might help, and the nodes where
// they would not.
func (e *engine) countVictims(pod *cache.Pod, c *class.Class) (lower, hopeless int) {
	for n := range int32(e.nodes.Size()) {
		switch {
		case !e.nodes.Live(n):
		case c.Blanket() == nil && c.Rejections()[c.Verdict(n)-class.FirstRejection].Unresolvable:
			hopeless++
		case e.nodes.LowestPriority(n) < pod.Priority:
			lower++
		}
	}
	return lower, hopeless
}

// histogram lists reasons with their numbers, sorted as text, as kube-scheduler does.
func histogram(reasons map[string]int) string {
	list := make([]string, 0, len(reasons))
	for reason, count := range reasons {
		list = append(list, fmt.Sprintf("%d %s", count, reason))
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}
