// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	storeerr "k8s.io/apiserver/pkg/storage/errors"
	"k8s.io/apiserver/pkg/util/dryrun"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/policy"
)

// eviction asks a pod to leave. It differs from a deletion in that budgets may refuse it; as long as no budgets are
// served, every pod may go.
type eviction struct {
	pods  *genericregistry.Store
	clock clock.PassiveClock
}

var (
	_ rest.NamedCreater             = (*eviction)(nil)
	_ rest.GroupVersionKindProvider = (*eviction)(nil)
	_ rest.GroupVersionAcceptor     = (*eviction)(nil)
)

func (e *eviction) New() runtime.Object { return &policyv1.Eviction{} }

// Destroy does nothing: the storage is the pods'.
func (e *eviction) Destroy() {}

// GroupVersionKind implements rest.GroupVersionKindProvider: the body is of another group than pods are.
func (e *eviction) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return policyv1.SchemeGroupVersion.WithKind("Eviction")
}

// AcceptsGroupVersion implements rest.GroupVersionAcceptor.
func (e *eviction) AcceptsGroupVersion(gv schema.GroupVersion) bool {
	return gv == policyv1.SchemeGroupVersion
}

// Create implements rest.NamedCreater.
func (e *eviction) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	request, ok := obj.(*policyv1.Eviction)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not an Eviction object: %T", obj))
	}
	if name != request.Name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Eviction object")
	}
	if errs := policy.Evictions.Describe().Validate(request, nil); len(errs) > 0 {
		return nil, apierrors.NewInvalid(policyv1.SchemeGroupVersion.WithKind("Eviction").GroupKind(), name, errs)
	}
	deletion, err := deletionOf(request, options)
	if err != nil {
		return nil, err
	}
	if validate != nil {
		if err := validate(ctx, request.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	if err := e.mark(ctx, name, deletion); err != nil {
		return nil, err
	}
	if _, _, err := e.pods.Delete(ctx, name, rest.ValidateAllObjectFunc, deletion); err != nil {
		return nil, err
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

// deletionOf is how the pod is to be deleted. A dry run may be asked for in the request or in the options it carries, but
// not in two different ways.
func deletionOf(request *policyv1.Eviction, options *metav1.CreateOptions) (*metav1.DeleteOptions, error) {
	deletion := &metav1.DeleteOptions{}
	if request.DeleteOptions != nil {
		deletion = request.DeleteOptions.DeepCopy()
	}
	switch {
	case len(options.DryRun) == 0:
	case len(deletion.DryRun) == 0:
		deletion.DryRun = options.DryRun
	case fmt.Sprint(deletion.DryRun) != fmt.Sprint(options.DryRun):
		return nil, apierrors.NewBadRequest("Non-matching dry-run options in request and content")
	}
	return deletion, nil
}

// mark tells in the status of the pod why it ends, so that controllers can tell a disruption from a failure.
func (e *eviction) mark(ctx context.Context, name string, deletion *metav1.DeleteOptions) error {
	key, err := e.pods.KeyFunc(ctx, name)
	if err != nil {
		return err
	}
	preconditions := &storage.Preconditions{}
	if p := deletion.Preconditions; p != nil {
		preconditions.UID, preconditions.ResourceVersion = p.UID, p.ResourceVersion
	}
	updated := &corev1.Pod{}
	err = e.pods.Storage.GuaranteedUpdate(ctx, key, updated, false, preconditions,
		storage.SimpleUpdate(func(obj runtime.Object) (runtime.Object, error) {
			pod, ok := obj.(*corev1.Pod)
			if !ok {
				return nil, fmt.Errorf("unexpected object: %#v", obj)
			}
			if pod.DeletionTimestamp == nil && !terminated(pod) {
				setCondition(pod, corev1.PodCondition{
					Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue,
					Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting",
				}, metav1.NewTime(e.clock.Now()))
			}
			return pod, nil
		}), dryrun.IsDryRun(deletion.DryRun), nil)
	if err != nil {
		err = storeerr.InterpretGetError(err, corev1.Resource("pods"), name)
		return storeerr.InterpretUpdateError(err, corev1.Resource("pods"), name)
	}
	if deletion.Preconditions != nil && deletion.Preconditions.ResourceVersion != nil {
		// The mark was our own change.
		deletion.Preconditions.ResourceVersion = ptr.To(updated.ResourceVersion)
	}
	return nil
}

func terminated(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}
