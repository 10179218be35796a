// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	resourcehelper "k8s.io/component-helpers/resource"
)

const (
	negativeMessage = "must be greater than or equal to 0"
	integerMessage  = "must be an integer"
)

// validateResources checks the requests and limits of a container, and the claims it makes use of.
func validateResources(r *corev1.ResourceRequirements, claims sets.Set[string], path *field.Path) field.ErrorList {
	errs := validateResourceList(r.Limits, path.Child("limits"))
	errs = append(errs, validateResourceList(r.Requests, path.Child("requests"))...)
	errs = append(errs, validateRequests(r, path)...)
	if hasHugePages(r) && !hasAny(r, corev1.ResourceCPU, corev1.ResourceMemory) {
		errs = append(errs, field.Forbidden(path, "HugePages require cpu or memory"))
	}
	return append(errs, validateUsedClaims(r.Claims, claims, path.Child("claims"))...)
}

// validateRequests checks requests against limits.
func validateRequests(r *corev1.ResourceRequirements, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(r.Requests)) {
		request := r.Requests[name]
		limit, limited := r.Limits[name]
		switch {
		case !limited && !overcommittable(name):
			errs = append(errs, field.Required(path.Child("limits"), "Limit must be set for non overcommitable resources"))
		case !limited:
		case request.Cmp(limit) != 0 && !overcommittable(name):
			errs = append(errs, field.Invalid(path.Child("requests"), request.String(),
				fmt.Sprintf("must be equal to %s limit of %s", name, limit.String())))
		case request.Cmp(limit) > 0:
			errs = append(errs, field.Invalid(path.Child("requests"), request.String(),
				fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String())))
		}
	}
	return errs
}

func validateResourceList(list corev1.ResourceList, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(list)) {
		at := path.Key(string(name))
		errs = append(errs, validateContainerResourceName(name, at)...)
		errs = append(errs, ValidateQuantity(name, list[name], at)...)
		if isHugePages(name) {
			errs = append(errs, validateHugePages(name, list[name], at)...)
		}
	}
	return errs
}

// ValidateQuantity checks that an amount of a resource is not negative, and whole where it cannot be divided.
func ValidateQuantity(name corev1.ResourceName, quantity resource.Quantity, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if quantity.Sign() < 0 {
		errs = append(errs, field.Invalid(at, quantity.String(), negativeMessage))
	}
	if wholeOnly(name) && quantity.MilliValue()%1000 != 0 {
		errs = append(errs, field.Invalid(at, quantity.String(), integerMessage))
	}
	return errs
}

func validateHugePages(name corev1.ResourceName, quantity resource.Quantity, at *field.Path) field.ErrorList {
	size, err := resource.ParseQuantity(strings.TrimPrefix(string(name), corev1.ResourceHugePagesPrefix))
	if err != nil || size.Value() <= 0 {
		return field.ErrorList{field.Invalid(at, quantity.String(), "resource name must end with a positive page size")}
	}
	if quantity.Value()%size.Value() != 0 {
		return field.ErrorList{field.Invalid(at, quantity.String(), fmt.Sprintf("%s is not positive integer multiple of %s",
			quantity.String(), name))}
	}
	return nil
}

// validateContainerResourceName checks that a container can ask for a resource of this name: one of Kubernetes' own, or
// one that a device plugin offers.
func validateContainerResourceName(name corev1.ResourceName, at *field.Path) field.ErrorList {
	value := string(name)
	if messages := validation.IsQualifiedName(value); len(messages) > 0 {
		return invalid(at, name, messages)
	}
	switch {
	case !strings.Contains(value, "/"):
		standard := name == corev1.ResourceCPU || name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage
		if !standard && !isHugePages(name) {
			return field.ErrorList{field.Invalid(at, name, "must be a standard resource for containers")}
		}
	case !native(name) && !extended(name):
		return field.ErrorList{field.Invalid(at, name, "doesn't follow extended resource name standard")}
	}
	return nil
}

// native reports whether a resource is one of Kubernetes' own.
func native(name corev1.ResourceName) bool {
	return !strings.Contains(string(name), "/") || strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

// extended reports whether a resource is a countable one that a node offers beyond Kubernetes' own.
func extended(name corev1.ResourceName) bool {
	if native(name) || strings.HasPrefix(string(name), corev1.DefaultResourceRequestsPrefix) {
		return false
	}
	return len(validation.IsQualifiedName(corev1.DefaultResourceRequestsPrefix+string(name))) == 0
}

func overcommittable(name corev1.ResourceName) bool {
	return native(name) && !isHugePages(name)
}

func wholeOnly(name corev1.ResourceName) bool {
	switch name {
	case corev1.ResourcePods, corev1.ResourceQuotas, corev1.ResourceServices, corev1.ResourceReplicationControllers,
		corev1.ResourceSecrets, corev1.ResourceConfigMaps, corev1.ResourcePersistentVolumeClaims,
		corev1.ResourceServicesNodePorts, corev1.ResourceServicesLoadBalancers:
		return true
	}
	return extended(name)
}

func hasHugePages(r *corev1.ResourceRequirements) bool {
	for _, list := range []corev1.ResourceList{r.Limits, r.Requests} {
		for name := range list {
			if isHugePages(name) {
				return true
			}
		}
	}
	return false
}

func hasAny(r *corev1.ResourceRequirements, names ...corev1.ResourceName) bool {
	for _, name := range names {
		_, limited := r.Limits[name]
		if _, requested := r.Requests[name]; limited || requested {
			return true
		}
	}
	return false
}

// validatePodResources checks resources given for the pod as a whole against the sums over its containers.
func validatePodResources(spec *corev1.PodSpec, specPath *field.Path) field.ErrorList {
	r, path := spec.Resources, specPath.Child("resources")
	if r == nil {
		return nil
	}
	var errs field.ErrorList
	if len(r.Claims) > 0 {
		errs = append(errs, field.Forbidden(path.Child("claims"), "claims may not be set for Resources at pod-level"))
	}
	check := func(list corev1.ResourceList, at *field.Path) {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			if !resourcehelper.IsSupportedPodLevelResource(name) {
				errs = append(errs, field.NotSupported(at.Key(string(name)), name, []string{"cpu", "hugepages-*", "memory"}))
			}
		}
		errs = append(errs, validateResourceList(list, at)...)
	}
	check(r.Limits, path.Child("limits"))
	check(r.Requests, path.Child("requests"))
	errs = append(errs, validateRequests(r, path)...)
	pod := &corev1.Pod{Spec: *spec}
	sum := resourcehelper.AggregateContainerRequests(pod, resourcehelper.PodResourcesOptions{})
	for _, name := range slices.Sorted(maps.Keys(r.Requests)) {
		request, total := r.Requests[name], sum[name]
		if total.Cmp(request) > 0 {
			errs = append(errs, field.Invalid(path.Child("requests").Key(string(name)), request.String(),
				fmt.Sprintf("must be greater than or equal to aggregate container requests of %s", total.String())))
		}
	}
	for i := range spec.Containers {
		limits := spec.Containers[i].Resources.Limits
		for _, name := range slices.Sorted(maps.Keys(r.Limits)) {
			whole := r.Limits[name]
			if part, ok := limits[name]; ok && part.Cmp(whole) > 0 {
				at := specPath.Child("containers").Index(i).Child("resources", "limits").Key(string(name))
				errs = append(errs, field.Invalid(at, part.String(),
					fmt.Sprintf("must be less than or equal to pod limits of %s", whole.String())))
			}
		}
	}
	return errs
}
