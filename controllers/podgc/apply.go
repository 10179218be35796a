// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podgc

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// fail marks a pod as failed and deletes it.
func (r *Reconciler) fail(ctx context.Context, pod *corev1.Pod, message string) error {
	updated := pod.DeepCopy()
	updated.Status = failed(pod, message, r.clock.Now())
	if !equality.Semantic.DeepEqual(updated.Status, pod.Status) {
		if err := r.client.Status().Patch(ctx, updated, client.StrategicMergeFrom(pod)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("marking pod %s/%s as failed: %w", pod.Namespace, pod.Name, err)
		}
	}
	return r.delete(ctx, pod)
}

// delete deletes a pod at once, since no node agent will confirm its end.
func (r *Reconciler) delete(ctx context.Context, pod *corev1.Pod) error {
	log.FromContext(ctx).V(2).Info("Deleting pod that nobody finishes", "pod", client.ObjectKeyFromObject(pod))
	err := r.client.Delete(ctx, pod.DeepCopy(), client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

// ended deletes ended pods beyond the threshold.
func (r *Reconciler) ended(ctx context.Context) error {
	var pods corev1.PodList
	if err := r.client.List(ctx, &pods, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	var errs []error
	for _, pod := range excess(pods.Items, r.threshold) {
		errs = append(errs, r.delete(ctx, pod))
	}
	return errors.Join(errs...)
}
