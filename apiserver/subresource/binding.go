// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource

import (
	"context"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	storeerr "k8s.io/apiserver/pkg/storage/errors"
	"k8s.io/apiserver/pkg/util/dryrun"

	"coxswain.dev/coxswain/apis/core"
)

// binding puts a pod on a node. It is the only way to set spec.nodeName of a pod that has none.
type binding struct {
	pods *genericregistry.Store
}

var (
	_ rest.NamedCreater                   = (*binding)(nil)
	_ rest.SubresourceObjectMetaPreserver = (*binding)(nil)
)

func (b *binding) New() runtime.Object { return &corev1.Binding{} }

// Destroy does nothing: the storage is the pods'.
func (b *binding) Destroy() {}

// PreserveRequestObjectMetaSystemFieldsOnSubresourceCreate keeps UID and resourceVersion of the body: they are
// preconditions.
func (b *binding) PreserveRequestObjectMetaSystemFieldsOnSubresourceCreate() bool { return true }

// Create implements rest.NamedCreater.
func (b *binding) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	bound, ok := obj.(*corev1.Binding)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a Binding object: %#v", obj))
	}
	if name != bound.Name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Binding object")
	}
	if errs := core.ValidateBinding(bound); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	if validate != nil {
		if err := validate(ctx, bound.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	if err := b.bind(ctx, bound, dryrun.IsDryRun(options.DryRun)); err != nil {
		return nil, err
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

func (b *binding) bind(ctx context.Context, bound *corev1.Binding, dry bool) error {
	key, err := b.pods.KeyFunc(ctx, bound.Name)
	if err != nil {
		return err
	}
	var preconditions *storage.Preconditions
	if bound.UID != "" || bound.ResourceVersion != "" {
		preconditions = &storage.Preconditions{}
		if bound.UID != "" {
			preconditions.UID = &bound.UID
		}
		if bound.ResourceVersion != "" {
			preconditions.ResourceVersion = &bound.ResourceVersion
		}
	}
	var refusal *refusedError
	err = b.pods.Storage.GuaranteedUpdate(ctx, key, &corev1.Pod{}, false, preconditions,
		storage.SimpleUpdate(func(obj runtime.Object) (runtime.Object, error) {
			pod, ok := obj.(*corev1.Pod)
			if !ok {
				return nil, fmt.Errorf("unexpected object: %#v", obj)
			}
			return pod, assign(pod, bound)
		}), dry, nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return apierrors.NewConflict(corev1.Resource("pods/binding"), bound.Name, refusal)
	}
	err = storeerr.InterpretGetError(err, corev1.Resource("pods"), bound.Name)
	err = storeerr.InterpretUpdateError(err, corev1.Resource("pods"), bound.Name)
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return err
	}
	return apierrors.NewConflict(corev1.Resource("pods/binding"), bound.Name, err)
}

// refusedError says why a pod cannot be bound.
type refusedError struct{ reason string }

func (e *refusedError) Error() string { return e.reason }

// assign writes a binding into a pod.
func assign(pod *corev1.Pod, bound *corev1.Binding) error {
	switch {
	case pod.DeletionTimestamp != nil:
		return &refusedError{fmt.Sprintf("pod %s is being deleted, cannot be assigned to a host", pod.Name)}
	case pod.Spec.NodeName != "":
		return &refusedError{fmt.Sprintf("pod %v is already assigned to node %q", pod.Name, pod.Spec.NodeName)}
	case len(pod.Spec.SchedulingGates) != 0:
		return &refusedError{fmt.Sprintf("pod %v has non-empty .spec.schedulingGates", pod.Name)}
	}
	if _, mirror := bound.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Pod").GroupKind(), pod.Name, field.ErrorList{
			field.Forbidden(field.NewPath("metadata", "annotations").Key(corev1.MirrorPodAnnotationKey), "may not add mirror pod annotation"),
		})
	}
	pod.Spec.NodeName = bound.Target.Name
	pod.Status.NominatedNodeName = "" // it has served its purpose, and is stale from now on (KEP-5278)
	if pod.Annotations == nil && len(bound.Annotations) > 0 {
		pod.Annotations = map[string]string{}
	}
	maps.Copy(pod.Annotations, bound.Annotations)
	if pod.Labels == nil && len(bound.Labels) > 0 {
		pod.Labels = map[string]string{}
	}
	maps.Copy(pod.Labels, bound.Labels)
	setCondition(pod, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, metav1.Now())
	return nil
}

// setCondition writes a condition into the status of a pod. Its time moves only when its status does.
func setCondition(pod *corev1.Pod, condition corev1.PodCondition, now metav1.Time) {
	condition.LastTransitionTime = now
	condition.ObservedGeneration = pod.Generation
	for i := range pod.Status.Conditions {
		c := &pod.Status.Conditions[i]
		if c.Type != condition.Type {
			continue
		}
		if c.Status == condition.Status {
			condition.LastTransitionTime = c.LastTransitionTime
		}
		*c = condition
		return
	}
	pod.Status.Conditions = append(pod.Status.Conditions, condition)
}

// legacyBinding is the same as a resource of its own.
type legacyBinding struct{ binding *binding }

var (
	_ rest.Creater              = legacyBinding{}
	_ rest.Scoper               = legacyBinding{}
	_ rest.SingularNameProvider = legacyBinding{}
)

func (l legacyBinding) New() runtime.Object     { return l.binding.New() }
func (l legacyBinding) NamespaceScoped() bool   { return true }
func (l legacyBinding) GetSingularName() string { return "binding" }

// Destroy does nothing: the storage is the pods'.
func (l legacyBinding) Destroy() {}

// Create implements rest.Creater.
func (l legacyBinding) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	bound, ok := obj.(*corev1.Binding)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a Binding object: %#v", obj))
	}
	if bound.Namespace != "" && bound.Namespace != genericapirequest.NamespaceValue(ctx) {
		return nil, apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	return l.binding.Create(ctx, bound.Name, obj, validate, options)
}
