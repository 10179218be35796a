// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/utils/ptr"
)

// DefaultTemplate fills unset fields of a pod template.
func DefaultTemplate(template *corev1.PodTemplateSpec) {
	DefaultSpec(&template.Spec)
}

// DefaultSpec fills unset fields that pods and templates have in common. Requests are not taken from limits here:
// that happens only once there is a pod (DefaultPod), so that a template stays as its author wrote it. Fields of features
// that are off are emptied here too, as every way into the store passes here.
func DefaultSpec(spec *corev1.PodSpec) {
	setIfZero(&spec.DNSPolicy, corev1.DNSClusterFirst)
	setIfZero(&spec.RestartPolicy, corev1.RestartPolicyAlways)
	setIfZero(&spec.SchedulerName, corev1.DefaultSchedulerName)
	setIfNil(&spec.TerminationGracePeriodSeconds, int64(corev1.DefaultTerminationGracePeriodSeconds))
	setIfNil(&spec.SecurityContext, corev1.PodSecurityContext{})
	SyncServiceAccount(spec)
	roundUp(spec.Overhead)
	if spec.Resources != nil {
		roundUp(spec.Resources.Limits)
		roundUp(spec.Resources.Requests)
	}
	for i := range spec.Volumes {
		defaultVolume(&spec.Volumes[i])
	}
	EachContainer(spec, nil, func(c *corev1.Container, _ Role, _ *field.Path) { defaultContainer(c) })
	dropAlpha(spec)
}

// DefaultPod fills unset fields of a pod.
func DefaultPod(pod *corev1.Pod) {
	spec := &pod.Spec
	DefaultSpec(spec)
	setIfNil(&spec.EnableServiceLinks, corev1.DefaultEnableServiceLinks)
	for i := range spec.Containers {
		requestLimits(&spec.Containers[i].Resources)
	}
	for i := range spec.InitContainers {
		requestLimits(&spec.InitContainers[i].Resources)
	}
	defaultPodResources(pod)
	if spec.HostNetwork {
		EachContainer(spec, nil, func(c *corev1.Container, role Role, _ *field.Path) {
			if role == Ephemeral {
				return
			}
			for i := range c.Ports {
				setIfZero(&c.Ports[i].HostPort, c.Ports[i].ContainerPort)
			}
		})
	}
}

// SyncServiceAccount keeps the two names of the service account field equal; serviceAccountName wins.
func SyncServiceAccount(spec *corev1.PodSpec) {
	if spec.ServiceAccountName == "" {
		spec.ServiceAccountName = spec.DeprecatedServiceAccount
	}
	spec.DeprecatedServiceAccount = spec.ServiceAccountName
}

// requestLimits makes the limit of a resource the request where none is given.
func requestLimits(r *corev1.ResourceRequirements) {
	for name, limit := range r.Limits {
		if _, ok := r.Requests[name]; ok {
			continue
		}
		if r.Requests == nil {
			r.Requests = corev1.ResourceList{}
		}
		r.Requests[name] = limit.DeepCopy()
	}
}

// defaultPodResources completes resources that are given for the pod as a whole: hugepages limits from the containers',
// and requests from the containers' requests or else the pod's own limits.
func defaultPodResources(pod *corev1.Pod) {
	whole := pod.Spec.Resources
	if whole == nil || len(whole.Limits)+len(whole.Requests) == 0 {
		return
	}
	limits := resourcehelper.AggregateContainerLimits(pod, resourcehelper.PodResourcesOptions{})
	for name, quantity := range limits {
		if _, ok := whole.Limits[name]; ok || !isHugePages(name) {
			continue
		}
		if whole.Limits == nil {
			whole.Limits = corev1.ResourceList{}
		}
		whole.Limits[name] = quantity.DeepCopy()
	}
	requests := resourcehelper.AggregateContainerRequests(pod, resourcehelper.PodResourcesOptions{})
	request := func(name corev1.ResourceName, quantity resource.Quantity) {
		if _, ok := whole.Requests[name]; ok || !resourcehelper.IsSupportedPodLevelResource(name) {
			return
		}
		if whole.Requests == nil {
			whole.Requests = corev1.ResourceList{}
		}
		whole.Requests[name] = quantity.DeepCopy()
	}
	for name, quantity := range requests {
		if !isHugePages(name) {
			request(name, quantity)
		}
	}
	for name, quantity := range whole.Limits {
		request(name, quantity)
	}
}

func isHugePages(name corev1.ResourceName) bool {
	return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

// roundUp raises quantities finer than a thousandth, which could not be stored.
func roundUp(list corev1.ResourceList) {
	for name, quantity := range list {
		quantity.RoundUp(resource.Milli)
		list[name] = quantity
	}
}

func setIfZero[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func setIfNil[T any](field **T, value T) {
	if *field == nil {
		*field = ptr.To(value)
	}
}
