// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Claimer adopts and releases for one controller object.
type Claimer struct {
	// Client writes; Reader reads around the cache.
	Client client.Client
	Reader client.Reader
	// Controller is the object that claims, Kind its kind.
	Controller client.Object
	Kind       schema.GroupVersionKind
	Selector   labels.Selector
}

// Plan is what has to change, and what stays.
type Plan[T client.Object] struct {
	Kept, Adopt, Release []T
}

// Decide sorts objects into those that the controller has, should take and should let go. Objects of other
// controllers are passed over. A controller that is being deleted takes nothing, and neither is anything taken that is
// itself being deleted or for which adoptable is false.
func Decide[T client.Object](controller client.Object, selector labels.Selector, objects []T, adoptable func(T) bool) Plan[T] {
	var plan Plan[T]
	for _, obj := range objects {
		matches := selector.Matches(labels.Set(obj.GetLabels()))
		switch ref := metav1.GetControllerOfNoCopy(obj); {
		case ref != nil && ref.UID != controller.GetUID():
		case ref != nil && matches:
			plan.Kept = append(plan.Kept, obj)
		case ref != nil && controller.GetDeletionTimestamp() == nil:
			plan.Release = append(plan.Release, obj)
		case ref == nil && matches && controller.GetDeletionTimestamp() == nil && obj.GetDeletionTimestamp() == nil && adoptable(obj):
			plan.Adopt = append(plan.Adopt, obj)
		}
	}
	return plan
}

// Any is the adoptable function that refuses nothing.
func Any[T client.Object](T) bool { return true }

// Claim carries a plan out and returns the objects that the controller has afterwards. Those adopted are returned as
// they were before; only their owner references differ.
func Claim[T client.Object](ctx context.Context, c Claimer, plan Plan[T]) ([]T, error) {
	claimed := plan.Kept
	var errs []error
	if len(plan.Adopt) > 0 {
		if err := c.mayAdopt(ctx); err != nil {
			return nil, err
		}
	}
	for _, obj := range plan.Adopt {
		switch err := c.patch(ctx, obj, c.adopting(obj)); {
		case err == nil:
			claimed = append(claimed, obj)
		case apierrors.IsNotFound(err): // gone meanwhile
		default:
			errs = append(errs, fmt.Errorf("adopting %s: %w", client.ObjectKeyFromObject(obj), err))
		}
	}
	for _, obj := range plan.Release {
		// Invalid means that the UID in the patch is not that of the object: it was replaced.
		if err := c.patch(ctx, obj, c.releasing(obj)); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsInvalid(err) {
			errs = append(errs, fmt.Errorf("releasing %s: %w", client.ObjectKeyFromObject(obj), err))
		}
	}
	return claimed, errors.Join(errs...)
}

// mayAdopt fails when the controller is, in truth, gone or going.
func (c Claimer) mayAdopt(ctx context.Context) error {
	fresh := c.Controller.DeepCopyObject().(client.Object)
	key := client.ObjectKeyFromObject(c.Controller)
	if err := c.Reader.Get(ctx, key, fresh); err != nil {
		return fmt.Errorf("reading %s before adoption: %w", key, err)
	}
	if fresh.GetUID() != c.Controller.GetUID() {
		return fmt.Errorf("%s was replaced: it is now %s, not %s", key, fresh.GetUID(), c.Controller.GetUID())
	}
	if fresh.GetDeletionTimestamp() != nil {
		return fmt.Errorf("%s is being deleted since %s", key, fresh.GetDeletionTimestamp())
	}
	return nil
}

func (c Claimer) patch(ctx context.Context, obj client.Object, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	// The result is decoded into a copy: the object belongs to the cache.
	return c.Client.Patch(ctx, obj.DeepCopyObject().(client.Object), client.RawPatch(types.StrategicMergePatchType, raw))
}

func (c Claimer) adopting(obj client.Object) any {
	return ownerPatch(obj, metav1.NewControllerRef(c.Controller, c.Kind))
}

func (c Claimer) releasing(obj client.Object) any {
	return ownerPatch(obj, map[string]any{"$patch": "delete", "uid": c.Controller.GetUID()})
}

func ownerPatch(obj client.Object, reference any) any {
	return map[string]any{"metadata": map[string]any{"uid": obj.GetUID(), "ownerReferences": []any{reference}}}
}
