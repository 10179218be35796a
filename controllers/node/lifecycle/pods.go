// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/controllers/internal/index"
	"coxswain.dev/coxswain/controllers/internal/pods"
)

// markPods makes the pods of a silent node not ready, so that Services stop sending to them. The node agent sets it
// right when it is back.
func (r *Reconciler) markPods(ctx context.Context, node *corev1.Node, now time.Time) error {
	var list corev1.PodList
	if err := r.client.List(ctx, &list, index.OnNode(node.Name), client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing pods of node %s: %w", node.Name, err)
	}
	var errs []error
	for i := range list.Items {
		pod := &list.Items[i]
		if !pods.Ready(pod) {
			continue
		}
		updated := pod.DeepCopy()
		ready := pods.Condition(updated, corev1.PodReady)
		ready.Status, ready.LastTransitionTime = corev1.ConditionFalse, metav1.NewTime(now)
		err := r.client.Status().Patch(ctx, updated, client.StrategicMergeFrom(pod))
		if client.IgnoreNotFound(err) != nil {
			errs = append(errs, fmt.Errorf("marking pod %s/%s as not ready: %w", pod.Namespace, pod.Name, err))
			continue
		}
		r.recorder.Event(pod, corev1.EventTypeWarning, "NodeNotReady", "Node is not ready")
	}
	return errors.Join(errs...)
}
