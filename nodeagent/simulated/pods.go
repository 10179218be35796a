// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package simulated

import (
	"context"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
)

// podEntry is a pod of one of our nodes. The first fields are guarded by Simulator.mu; the others belong to whoever works
// on the pod's key, one at a time.
type podEntry struct {
	pod  *corev1.Pod
	gone bool

	simulation simulation
	begun      bool
	// latest is the status last computed; the API may be behind.
	latest   *corev1.PodStatus
	removing bool
}

func (s *Simulator) podSeen(pod *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nodes[pod.Spec.NodeName] == nil {
		return
	}
	entry := s.pods[pod.UID]
	if entry == nil {
		entry = &podEntry{}
		s.pods[pod.UID] = entry
	} else if entry.pod != nil && entry.pod.ResourceVersion == pod.ResourceVersion {
		return
	}
	entry.pod = pod
	s.queue.Add(key{pod: pod.UID})
}

func (s *Simulator) podGone(pod *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if entry := s.pods[pod.UID]; entry != nil {
		entry.gone = true
		s.queue.Add(key{pod: pod.UID})
	}
}

// syncPod brings a pod to where it is now and returns when to look again, 0 for not before an event.
func (s *Simulator) syncPod(ctx context.Context, uid types.UID) time.Duration {
	s.mu.Lock()
	entry := s.pods[uid]
	if entry == nil {
		s.mu.Unlock()
		return 0
	}
	pod, gone := entry.pod, entry.gone
	cidr := s.nodes[pod.Spec.NodeName].cidr
	if gone {
		delete(s.pods, uid)
	}
	s.mu.Unlock()
	if gone {
		s.addresses.release(uid)
		s.statuses.Forget(uid)
		return 0
	}
	now := s.config.Clock.Now()
	if !entry.begun {
		entry.begun = true
		entry.simulation = recovered(pod, now)
		for _, ip := range pod.Status.PodIPs {
			if address, err := netip.ParseAddr(ip.IP); err == nil && !pod.Spec.HostNetwork {
				s.addresses.claim(uid, address)
			}
		}
	}
	if lifecycle.Terminal(pod.Status.Phase) && entry.latest == nil { // it ended before our time
		s.removeIfAsked(entry, pod, pod.DeletionTimestamp != nil)
		return 0
	}
	out := advance(withStatus(pod, entry.latest), &entry.simulation, surroundings{
		now: now, startDelay: s.config.PodStartDelay, hostIPs: []string{address},
		address: func() []string {
			taken := s.addresses.take(uid, cidr)
			if !taken.IsValid() {
				klog.FromContext(ctx).Error(nil, "No address is left for a pod", "pod", klog.KObj(pod), "range", s.config.PodCIDR)
				return nil
			}
			return []string{taken.String()}
		},
	})
	entry.latest = &out.status
	s.statuses.Set(pod, out.status)
	s.removeIfAsked(entry, pod, out.remove)
	return out.next
}

// removeIfAsked removes a pod from the API once. One with finalizers stays until they are gone, and needs nothing more.
func (s *Simulator) removeIfAsked(entry *podEntry, pod *corev1.Pod, asked bool) {
	if asked && !entry.removing {
		entry.removing = true
		s.statuses.Remove(pod)
	}
}

// withStatus is a pod with what was computed for it last, but for the conditions that are not the node's.
func withStatus(pod *corev1.Pod, latest *corev1.PodStatus) *corev1.Pod {
	if latest == nil {
		return pod
	}
	merged := *pod
	merged.Status = *latest
	merged.Status.Conditions = nil
	for _, c := range latest.Conditions {
		if ours(c) {
			merged.Status.Conditions = append(merged.Status.Conditions, c)
		}
	}
	for _, c := range pod.Status.Conditions {
		if !ours(c) {
			merged.Status.Conditions = append(merged.Status.Conditions, c)
		}
	}
	return &merged
}

func ours(c corev1.PodCondition) bool {
	return slices.Contains([]corev1.PodConditionType{
		corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady, corev1.PodScheduled,
	}, c.Type)
}
