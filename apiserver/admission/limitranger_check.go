// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
)

// checkPodLimits compares a pod, and each of its containers, with a range.
func checkPodLimits(pod *corev1.Pod, r *corev1.LimitRange) error {
	var errs []error
	for i := range r.Spec.Limits {
		item := &r.Spec.Limits[i]
		switch item.Type {
		case corev1.LimitTypeContainer:
			for _, c := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
				errs = append(errs, checkItem(item, c.Resources.Requests, c.Resources.Limits))
			}
		case corev1.LimitTypePod:
			errs = append(errs, checkItem(item,
				resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}),
				resourcehelper.PodLimits(pod, resourcehelper.PodResourcesOptions{})))
		}
	}
	return errors.Join(errs...)
}

// checkClaimLimits compares a claim with a range; claims have requests and no limits.
func checkClaimLimits(claim *corev1.PersistentVolumeClaim, r *corev1.LimitRange) error {
	var errs []error
	for _, item := range r.Spec.Limits {
		if item.Type != corev1.LimitTypePersistentVolumeClaim {
			continue
		}
		for _, name := range sorted(item.Min) {
			errs = append(errs, checkMin(item.Type, name, item.Min[name], claim.Spec.Resources.Requests, nil))
		}
		for _, name := range sorted(item.Max) {
			most := item.Max[name]
			request, asked := claim.Spec.Resources.Requests[name]
			switch {
			case !asked:
				errs = append(errs, fmt.Errorf("maximum %s usage per %s is %s.  No request is specified", name, item.Type, most.String()))
			case request.Cmp(most) > 0:
				errs = append(errs, fmt.Errorf("maximum %s usage per %s is %s, but request is %s", name, item.Type, most.String(), request.String()))
			}
		}
	}
	return errors.Join(errs...)
}

func checkItem(item *corev1.LimitRangeItem, requests, limits corev1.ResourceList) error {
	var errs []error
	for _, name := range sorted(item.Min) {
		errs = append(errs, checkMin(item.Type, name, item.Min[name], requests, limits))
	}
	for _, name := range sorted(item.Max) {
		errs = append(errs, checkMax(item.Type, name, item.Max[name], requests, limits))
	}
	for _, name := range sorted(item.MaxLimitRequestRatio) {
		errs = append(errs, checkRatio(item.Type, name, item.MaxLimitRequestRatio[name], requests, limits))
	}
	return errors.Join(errs...)
}

func checkMin(kind corev1.LimitType, name corev1.ResourceName, least apiresource.Quantity, requests, limits corev1.ResourceList) error {
	request, asked := requests[name]
	limit, bounded := limits[name]
	switch {
	case !asked:
		return fmt.Errorf("minimum %s usage per %s is %s.  No request is specified", name, kind, least.String())
	case request.Cmp(least) < 0:
		return fmt.Errorf("minimum %s usage per %s is %s, but request is %s", name, kind, least.String(), request.String())
	case bounded && limit.Cmp(least) < 0:
		return fmt.Errorf("minimum %s usage per %s is %s, but limit is %s", name, kind, least.String(), limit.String())
	}
	return nil
}

func checkMax(kind corev1.LimitType, name corev1.ResourceName, most apiresource.Quantity, requests, limits corev1.ResourceList) error {
	request, asked := requests[name]
	limit, bounded := limits[name]
	switch {
	case !bounded:
		return fmt.Errorf("maximum %s usage per %s is %s.  No limit is specified", name, kind, most.String())
	case limit.Cmp(most) > 0:
		return fmt.Errorf("maximum %s usage per %s is %s, but limit is %s", name, kind, most.String(), limit.String())
	case asked && request.Cmp(most) > 0:
		return fmt.Errorf("maximum %s usage per %s is %s, but request is %s", name, kind, most.String(), request.String())
	}
	return nil
}

func checkRatio(kind corev1.LimitType, name corev1.ResourceName, most apiresource.Quantity, requests, limits corev1.ResourceList) error {
	request, limit := requests[name], limits[name]
	switch {
	case request.IsZero():
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but no request is specified or request is 0", name, kind, most.String())
	case limit.IsZero():
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but no limit is specified or limit is 0", name, kind, most.String())
	}
	ratio := limit.AsApproximateFloat64() / request.AsApproximateFloat64()
	if ratio > most.AsApproximateFloat64() {
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but provided ratio is %f", name, kind, most.String(), ratio)
	}
	return nil
}

func sorted(list corev1.ResourceList) []corev1.ResourceName { return slices.Sorted(maps.Keys(list)) }
