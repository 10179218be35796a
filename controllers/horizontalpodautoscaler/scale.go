// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package horizontalpodautoscaler

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// resourceName is the resource that the target is of.
type resourceName = schema.GroupResource

// current reads the scale of the target, trying each version that its kind is served in.
func (r *Reconciler) current(ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler) (*autoscalingv1.Scale, resourceName, error) {
	ref := hpa.Spec.ScaleTargetRef
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, resourceName{}, fmt.Errorf("invalid API version in scale target reference: %w", err)
	}
	mappings, err := r.mapper.RESTMappings(schema.GroupKind{Group: gv.Group, Kind: ref.Kind})
	if err != nil {
		return nil, resourceName{}, fmt.Errorf("unable to determine resource for scale target reference: %w", err)
	}
	var firstErr error
	for _, mapping := range mappings {
		resource := mapping.Resource.GroupResource()
		found, err := r.scales.Scales(hpa.Namespace).Get(ctx, resource, ref.Name, metav1.GetOptions{})
		if err == nil {
			return found, resource, nil
		}
		if firstErr == nil {
			firstErr = err
		}
	}
	if firstErr == nil {
		firstErr = fmt.Errorf("unrecognized resource")
	}
	return nil, resourceName{}, firstErr
}

// resize changes the scale that was read; should it have changed meanwhile, the API server refuses.
func (r *Reconciler) resize(ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, current *autoscalingv1.Scale, resource resourceName, replicas int32) error {
	changed := current.DeepCopy()
	changed.Spec.Replicas = replicas
	_, err := r.scales.Scales(hpa.Namespace).Update(ctx, resource, changed, metav1.UpdateOptions{})
	return err
}
