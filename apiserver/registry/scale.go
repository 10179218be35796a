// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"coxswain.dev/coxswain/apis/kind"
)

// scale is the /scale subresource: the number of replicas of an object, in a shape that is the same for all kinds.
type scale struct {
	store *genericregistry.Store
	kind  *kind.Description
}

var (
	_ rest.Patcher                  = &scale{}
	_ rest.GroupVersionKindProvider = &scale{}
	_ rest.TableConvertor           = &scale{}
)

func (s *scale) New() runtime.Object { return &autoscalingv1.Scale{} }
func (s *scale) Destroy()            {}

// GroupVersionKind implements rest.GroupVersionKindProvider: Scale is not of the group that it appears in.
func (s *scale) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return autoscalingv1.SchemeGroupVersion.WithKind("Scale")
}

func (s *scale) ConvertToTable(ctx context.Context, object, options runtime.Object) (*metav1.Table, error) {
	return rest.NewDefaultTableConvertor(s.kind.GroupResource()).ConvertToTable(ctx, object, options)
}

func (s *scale) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	obj, err := s.store.Get(ctx, name, options)
	if err != nil {
		return nil, err
	}
	return s.fromObject(obj)
}

func (s *scale) Update(ctx context.Context, name string, objInfo rest.UpdatedObjectInfo, createValidation rest.ValidateObjectFunc,
	updateValidation rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	obj, _, err := s.store.Update(ctx, name, &scaledObject{scale: s, asked: objInfo},
		func(ctx context.Context, obj runtime.Object) error {
			return s.validateScaled(ctx, obj, createValidation)
		},
		func(ctx context.Context, obj, old runtime.Object) error {
			if updateValidation == nil {
				return nil
			}
			before, err := s.fromObject(old)
			if err != nil {
				return err
			}
			after, err := s.fromObject(obj)
			if err != nil {
				return err
			}
			return updateValidation(ctx, after, before)
		}, false, options)
	if err != nil {
		return nil, false, err
	}
	updated, err := s.fromObject(obj)
	return updated, false, err
}

func (s *scale) validateScaled(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc) error {
	if validate == nil {
		return nil
	}
	converted, err := s.fromObject(obj)
	if err != nil {
		return err
	}
	return validate(ctx, converted)
}

func (s *scale) fromObject(obj runtime.Object) (*autoscalingv1.Scale, error) {
	selector, err := s.kind.Scale.Selector(obj)
	if err != nil {
		return nil, fmt.Errorf("reading the selector of %s: %w", accessor(obj).GetName(), err)
	}
	m := accessor(obj)
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{
			Name: m.GetName(), Namespace: m.GetNamespace(), UID: m.GetUID(),
			ResourceVersion: m.GetResourceVersion(), CreationTimestamp: m.GetCreationTimestamp(),
		},
		Spec:   autoscalingv1.ScaleSpec{Replicas: s.kind.Scale.Replicas(obj)},
		Status: autoscalingv1.ScaleStatus{Replicas: s.kind.Scale.Observed(obj), Selector: selector},
	}, nil
}

// scaledObject turns an update of a Scale into an update of the object behind it.
type scaledObject struct {
	scale *scale
	asked rest.UpdatedObjectInfo
}

func (u *scaledObject) Preconditions() *metav1.Preconditions { return u.asked.Preconditions() }

func (u *scaledObject) UpdatedObject(ctx context.Context, old runtime.Object) (runtime.Object, error) {
	kindOf := u.scale.kind
	obj := old.DeepCopyObject()
	if accessor(obj).GetResourceVersion() == "" { // the store found nothing and would create
		return nil, apierrors.NewNotFound(kindOf.GroupResource(), accessor(obj).GetName())
	}
	oldScale, err := u.scale.fromObject(obj)
	if err != nil {
		return nil, err
	}
	// Ownership of the one field is followed through the detour over Scale.
	handler := managedfields.NewScaleHandler(accessor(obj).GetManagedFields(), kindOf.GroupVersion, replicasPaths(kindOf))
	if oldScale.ManagedFields, err = handler.ToSubresource(); err != nil {
		return nil, fmt.Errorf("reading the managed fields of %s: %w", oldScale.Name, err)
	}
	answer, err := u.asked.UpdatedObject(ctx, oldScale)
	if err != nil {
		return nil, err
	}
	newScale, ok := answer.(*autoscalingv1.Scale)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("expected a Scale, got %T", answer))
	}
	if errs := validateScale(newScale, accessor(obj)); len(errs) > 0 {
		return nil, apierrors.NewInvalid(autoscalingv1.SchemeGroupVersion.WithKind("Scale").GroupKind(), newScale.Name, errs)
	}
	if newScale.UID != "" && newScale.UID != accessor(obj).GetUID() {
		return nil, apierrors.NewConflict(kindOf.GroupResource(), newScale.Name, fmt.Errorf(
			"Precondition failed: UID in precondition: %v, UID in object meta: %v", newScale.UID, accessor(obj).GetUID())) //nolint:staticcheck // Kubernetes' wording
	}
	kindOf.Scale.SetReplicas(obj, newScale.Spec.Replicas)
	accessor(obj).SetResourceVersion(newScale.ResourceVersion)
	owners, err := handler.ToParent(newScale.ManagedFields)
	if err != nil {
		return nil, fmt.Errorf("updating the managed fields of %s: %w", newScale.Name, err)
	}
	accessor(obj).SetManagedFields(owners)
	return obj, nil
}

func validateScale(s *autoscalingv1.Scale, object metav1.Object) field.ErrorList {
	var errs field.ErrorList
	if s.Name != object.GetName() {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), s.Name, "must be the name of the scaled object"))
	}
	if s.Spec.Replicas < 0 {
		errs = append(errs, field.Invalid(field.NewPath("spec", "replicas"), s.Spec.Replicas, "must be greater than or equal to 0"))
	}
	return errs
}

func replicasPaths(d *kind.Description) managedfields.ResourcePathMappings {
	path := fieldpath.MakePathOrDie("spec", "replicas")
	paths := managedfields.ResourcePathMappings{d.GroupVersion.String(): path}
	for _, version := range d.Also {
		paths[version.GroupVersion.String()] = path
	}
	return paths
}
