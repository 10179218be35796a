// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
)

// sizesEvery is how often the size of the cache is measured.
const sizesEvery = 10 * time.Second

// feed connects informers with cache and queue, and keeps them so until ctx ends. Cache comes before queue throughout:
// a pod that an event wakes up must find the world as it is after the event.
func (s *Scheduler) feed(ctx context.Context) error {
	var synced []toolscache.InformerSynced
	for _, source := range []struct {
		object  client.Object
		handler toolscache.ResourceEventHandler
	}{
		{&corev1.Node{}, typed(s.nodeChanged)},
		{&corev1.Pod{}, typed(s.podChanged)},
	} {
		informer, err := s.manager.GetCache().GetInformer(ctx, source.object)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("watching %T: %w", source.object, err)
		}
		registration, err := informer.AddEventHandler(source.handler)
		if err != nil {
			return fmt.Errorf("watching %T: %w", source.object, err)
		}
		defer func() { _ = informer.RemoveEventHandler(registration) }() // fails only when the informer has stopped
		synced = append(synced, registration.HasSynced)
	}
	if !toolscache.WaitForCacheSync(ctx.Done(), synced...) {
		return nil
	}
	close(s.fed)
	close(s.ready)
	ticker := s.clock.NewTicker(sizesEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
			nodes, pods, assumed := s.cache.Sizes()
			s.metrics.CacheSize.WithLabelValues("nodes").Set(float64(nodes))
			s.metrics.CacheSize.WithLabelValues("pods").Set(float64(pods))
			s.metrics.CacheSize.WithLabelValues("assumed_pods").Set(float64(assumed))
		}
	}
}

// typed turns the three kinds of an informer's events into one: old is nil for what is new, new for what is gone.
func typed[T client.Object](changed func(old, new T)) toolscache.ResourceEventHandler {
	var none T
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { changed(none, obj.(T)) },
		UpdateFunc: func(a, b any) {
			old, new := a.(T), b.(T)
			if old.GetUID() != new.GetUID() { // replaced between two looks
				changed(old, none)
				old = none
			}
			changed(old, new)
		},
		DeleteFunc: func(obj any) {
			if unknown, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				obj = unknown.Obj
			}
			changed(obj.(T), none)
		},
	}
}

func (s *Scheduler) nodeChanged(old, new *corev1.Node) {
	if new == nil {
		s.cache.RemoveNode(old.Name)
		return // no pod fits better without a node
	}
	s.cache.SetNode(new)
	if action := nodeAction(old, new); action != 0 {
		s.queue.Happened(framework.Event{Resource: framework.Node, Action: action, Node: new})
	}
}

// nodeAction says what about a node changed that plugins care for.
func nodeAction(old, new *corev1.Node) framework.Action {
	if old == nil {
		return framework.Add
	}
	var action framework.Action
	if !apiequality.Semantic.DeepEqual(old.Status.Allocatable, new.Status.Allocatable) {
		action |= framework.UpdateNodeAllocatable
	}
	if !maps.Equal(old.Labels, new.Labels) {
		action |= framework.UpdateNodeLabel
	}
	if old.Spec.Unschedulable != new.Spec.Unschedulable || !apiequality.Semantic.DeepEqual(old.Spec.Taints, new.Spec.Taints) {
		action |= framework.UpdateNodeTaint
	}
	return action
}

func (s *Scheduler) podChanged(old, new *corev1.Pod) {
	occupies := new != nil && occupies(new)
	if !occupies && old != nil {
		if gone := s.removePlaced(old); gone {
			return
		}
	}
	switch {
	case occupies:
		s.queue.Remove(new.UID)
		pod := cache.NewPod(new, s.cache.Resources())
		s.cache.SetPod(pod)
		if old != nil && old.Spec.NodeName != "" {
			s.shrunk(cache.NewPod(old, s.cache.Resources()), pod)
		}
	case new != nil && s.waits(new):
		s.queue.Set(cache.NewPod(new, s.cache.Resources()))
	case new != nil:
		s.queue.Remove(new.UID)
	default:
		s.queue.Remove(old.UID)
	}
}

// removePlaced takes a pod that no longer occupies its node out of the cache. A pod that is only assumed stays until
// its binding has failed, which it will.
func (s *Scheduler) removePlaced(old *corev1.Pod) bool {
	if old.Spec.NodeName == "" {
		return false
	}
	if pod := s.cache.RemovePod(old.UID); pod != nil {
		s.queue.Happened(framework.Event{Resource: framework.AssignedPod, Action: framework.Delete, Pod: pod})
	}
	s.queue.Remove(old.UID)
	return true
}

// shrunk reports an event when a pod requests less of something than before.
func (s *Scheduler) shrunk(old, new *cache.Pod) {
	for _, r := range old.Requests {
		if new.Request(r.Resource) < r.Amount {
			s.queue.Happened(framework.Event{Resource: framework.AssignedPod, Action: framework.UpdatePodScaleDown, Pod: old})
			return
		}
	}
}

// occupies reports whether a pod has a node and takes part of it.
func occupies(pod *corev1.Pod) bool {
	return pod.Spec.NodeName != "" && !finished(pod)
}

// waits reports whether a pod is to be scheduled by us.
func (s *Scheduler) waits(pod *corev1.Pod) bool {
	return pod.Spec.NodeName == "" && !finished(pod) && pod.DeletionTimestamp == nil && s.profiles.ours(pod)
}

func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// adopt queues the waiting pods that a new profile is for, which so far were nobody's.
func (s *Scheduler) adopt(ctx context.Context) error {
	pods := &corev1.PodList{}
	if err := s.manager.GetCache().List(ctx, pods, &client.ListOptions{UnsafeDisableDeepCopy: ptr.To(true)}); err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	for i := range pods.Items {
		if pod := &pods.Items[i]; s.waits(pod) {
			if placed, _ := s.cache.Placed(pod.UID); !placed {
				s.queue.Set(cache.NewPod(pod.DeepCopy(), s.cache.Resources()))
			}
		}
	}
	return nil
}
