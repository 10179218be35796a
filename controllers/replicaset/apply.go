// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"coxswain.dev/coxswain/controllers/internal/batch"
)

// apply carries the plan out. Expectations are raised before the first write and lowered for each that fails.
func (r *Reconciler) apply(ctx context.Context, s seen, p plan) error {
	key := client.ObjectKeyFromObject(s.set)
	switch {
	case p.create > 0:
		log.FromContext(ctx).V(2).Info("Too few replicas", "need", wanted(s.set), "creating", p.create)
		return r.create(ctx, key, s.set, p.create)
	case len(p.delete) > 0:
		log.FromContext(ctx).V(2).Info("Too many replicas", "need", wanted(s.set), "deleting", len(p.delete))
		return r.delete(ctx, key, s.set, p.delete)
	}
	return nil
}

func (r *Reconciler) create(ctx context.Context, key types.NamespacedName, set *appsv1.ReplicaSet, n int) error {
	r.pending.ExpectCreations(key, n)
	created, err := batch.SlowStart(n, func(int) error { return r.createPod(ctx, set) })
	if missing := n - created; missing > 0 {
		r.pending.CreationSeen(key, missing)
	}
	if err == nil || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil // nothing can be created in a namespace on its way out, and the set goes with it
	}
	return &writeError{reason: reasonFailedCreate, err: err}
}

func (r *Reconciler) createPod(ctx context.Context, set *appsv1.ReplicaSet) error {
	pod := podFor(set)
	switch err := r.client.Create(ctx, pod); {
	case err == nil:
		r.created(set, pod)
		return nil
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return err
	default:
		r.createFailed(set, err)
		return err
	}
}

// podFor makes the pod of the template.
func podFor(set *appsv1.ReplicaSet) *corev1.Pod {
	template := set.Spec.Template.DeepCopy()
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       set.Namespace,
			GenerateName:    set.Name + "-",
			Labels:          maps.Clone(template.Labels),
			Annotations:     maps.Clone(template.Annotations),
			Finalizers:      slices.Clone(template.Finalizers),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, kind)},
		},
		Spec: template.Spec,
	}
}

func (r *Reconciler) delete(ctx context.Context, key types.NamespacedName, set *appsv1.ReplicaSet, victims []*corev1.Pod) error {
	uids := make([]types.UID, len(victims))
	for i, pod := range victims {
		uids[i] = pod.UID
	}
	r.pending.ExpectDeletions(key, uids...)
	errs := make([]error, len(victims))
	var wg sync.WaitGroup
	for i, pod := range victims {
		wg.Add(1)
		go func() {
			defer wg.Done()
			errs[i] = r.deletePod(ctx, key, set, pod)
		}()
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return &writeError{reason: reasonFailedDelete, err: err}
	}
	return nil
}

func (r *Reconciler) deletePod(ctx context.Context, key types.NamespacedName, set *appsv1.ReplicaSet, pod *corev1.Pod) error {
	victim := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
	err := r.client.Delete(ctx, victim, client.Preconditions{UID: &pod.UID})
	if err == nil {
		r.deleted(set, pod)
		return nil
	}
	r.pending.DeletionSeen(key, pod.UID) // no event will come of this call
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // already gone; the cache will say so
	}
	r.deleteFailed(set, err)
	return fmt.Errorf("deleting pod %s: %w", pod.Name, err)
}

// writeError says which kind of write failed, for the condition.
type writeError struct {
	reason string
	err    error
}

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }
