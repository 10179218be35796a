// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package garbagecollector

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

func (r *Reconciler) mapping(ref metav1.OwnerReference) (*meta.RESTMapping, error) {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, fmt.Errorf("reading the owner's version: %w", err)
	}
	return r.mapper.RESTMapping(schema.GroupKind{Group: gv.Group, Kind: ref.Kind}, gv.Version)
}

// delete deletes the object if it is still the one that was judged; version may be empty.
func (r *Reconciler) delete(ctx context.Context, o *object, version string, propagation metav1.DeletionPropagation) error {
	log.FromContext(ctx).V(2).Info("Deleting object", "kind", o.kind.Kind, "namespace", o.namespace, "name", o.name, "propagation", propagation)
	preconditions := &metav1.Preconditions{UID: &o.uid}
	if version != "" {
		preconditions.ResourceVersion = &version
	}
	err := r.metadata.Resource(o.resource).Namespace(o.namespace).Delete(ctx, o.name,
		metav1.DeleteOptions{Preconditions: preconditions, PropagationPolicy: &propagation})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting %s %s/%s: %w", o.kind.Kind, o.namespace, o.name, err)
	}
	return nil
}

// dropOwners removes references to owners that are gone, from an object that has others.
func (r *Reconciler) dropOwners(ctx context.Context, o *object, latest *metav1.PartialObjectMetadata, drop []types.UID) error {
	kept := slices.DeleteFunc(slices.Clone(latest.OwnerReferences), func(ref metav1.OwnerReference) bool { return slices.Contains(drop, ref.UID) })
	return r.setOwners(ctx, o, latest.ResourceVersion, kept)
}

// unblockOwners makes all references of an object not block. It breaks circles of objects that wait for each other.
func (r *Reconciler) unblockOwners(ctx context.Context, o *object, latest *metav1.PartialObjectMetadata) error {
	refs := slices.Clone(latest.OwnerReferences)
	for i := range refs {
		refs[i].BlockOwnerDeletion = ptr.To(false)
	}
	return r.setOwners(ctx, o, latest.ResourceVersion, refs)
}

func (r *Reconciler) setOwners(ctx context.Context, o *object, version string, refs []metav1.OwnerReference) error {
	if refs == nil {
		refs = []metav1.OwnerReference{}
	}
	return r.patch(ctx, o, types.MergePatchType, map[string]any{"resourceVersion": version, "uid": o.uid, "ownerReferences": refs})
}

// release removes the reference to one owner. Kinds that don't know strategic merge, custom ones, need a fresh copy for
// that, since their list of owners can only be replaced.
func (r *Reconciler) release(ctx context.Context, o *object, owner types.UID) error {
	err := r.patch(ctx, o, types.StrategicMergePatchType, map[string]any{
		"uid": o.uid, "ownerReferences": []any{map[string]any{"$patch": "delete", "uid": owner}},
	})
	if !apierrors.IsUnsupportedMediaType(err) {
		return err
	}
	latest, err := r.read(ctx, o)
	if err != nil || latest == nil {
		return err
	}
	return r.dropOwners(ctx, o, latest, []types.UID{owner})
}

// removeFinalizer removes one finalizer from a fresh copy of the object.
func (r *Reconciler) removeFinalizer(ctx context.Context, o *object, finalizer string) error {
	latest, err := r.read(ctx, o)
	if err != nil || latest == nil || !slices.Contains(latest.Finalizers, finalizer) {
		return err
	}
	kept := slices.DeleteFunc(slices.Clone(latest.Finalizers), func(f string) bool { return f == finalizer })
	return r.patch(ctx, o, types.MergePatchType, map[string]any{"resourceVersion": latest.ResourceVersion, "uid": o.uid, "finalizers": kept})
}

// patch changes metadata. An object that is gone, or another one by now (Invalid: the UID does not match), is no fault.
func (r *Reconciler) patch(ctx context.Context, o *object, kind types.PatchType, metadata map[string]any) error {
	raw, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return err
	}
	_, err = r.metadata.Resource(o.resource).Namespace(o.namespace).Patch(ctx, o.name, kind, raw, metav1.PatchOptions{})
	switch {
	case err == nil || apierrors.IsNotFound(err):
		return nil
	case apierrors.IsUnsupportedMediaType(err):
		return err
	}
	return fmt.Errorf("patching %s %s/%s: %w", o.kind.Kind, o.namespace, o.name, err)
}
