// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateStatusUpdate returns what is wrong with an update of a pod's status.
func ValidateStatusUpdate(pod, old *corev1.Pod) field.ErrorList {
	path := field.NewPath("status")
	now, before := &pod.Status, &old.Status
	errs := validateMirrorUpdate(pod, old)
	if pod.Spec.NodeName != old.Spec.NodeName {
		errs = append(errs, field.Forbidden(path.Child("nodeName"), "may not be changed directly"))
	}
	if name := now.NominatedNodeName; name != before.NominatedNodeName && name != "" {
		errs = append(errs, invalid(path.Child("nominatedNodeName"), name, apivalidation.NameIsDNSSubdomain(name, false))...)
	}
	if name := now.NominatedNodeName; name != before.NominatedNodeName && name != "" && old.Spec.NodeName != "" {
		errs = append(errs, field.Forbidden(path.Child("nominatedNodeName"), "may not be set on pods that are already bound to a node"))
	}
	errs = append(errs, validateStaysEnded(now.ContainerStatuses, before.ContainerStatuses, &old.Spec, Main, path.Child("containerStatuses"))...)
	errs = append(errs, validateStaysEnded(now.InitContainerStatuses, before.InitContainerStatuses, &old.Spec, Init, path.Child("initContainerStatuses"))...)
	errs = append(errs, validateStaysEnded(now.EphemeralContainerStatuses, before.EphemeralContainerStatuses, &old.Spec, Ephemeral, path.Child("ephemeralContainerStatuses"))...)
	if before.QOSClass != "" {
		errs = append(errs, apivalidation.ValidateImmutableField(now.QOSClass, before.QOSClass, path.Child("qosClass"))...)
	}
	errs = append(errs, validatePodIPs(now.PodIPs, path.Child("podIPs"))...)
	errs = append(errs, validateHostIPs(now, path)...)
	for i, condition := range now.Conditions {
		errs = append(errs, invalid(path.Child("conditions").Index(i).Child("Type"), string(condition.Type),
			validation.IsQualifiedName(string(condition.Type)))...)
	}
	if now.ObservedGeneration < 0 {
		errs = append(errs, field.Invalid(path.Child("observedGeneration"), now.ObservedGeneration, negativeMessage))
	}
	return errs
}

// validateStaysEnded refuses a status in which a container that has ended for good runs again: clients may have acted
// on its end.
func validateStaysEnded(now, before []corev1.ContainerStatus, spec *corev1.PodSpec, role Role, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range before {
		ended := before[i].State.Terminated
		if ended == nil || mayRestart(spec, before[i].Name, role, ended.ExitCode) {
			continue
		}
		for _, status := range now {
			if status.Name == before[i].Name && status.State.Terminated == nil {
				errs = append(errs, field.Forbidden(path.Index(i).Child("state"), "may not be transitioned to non-terminated state"))
			}
		}
	}
	return errs
}

// mayRestart reports whether a container may run again after it ended with the exit code.
func mayRestart(spec *corev1.PodSpec, name string, role Role, exitCode int32) bool {
	if role == Ephemeral {
		return false
	}
	if spec.RestartPolicy == corev1.RestartPolicyAlways || spec.RestartPolicy == corev1.RestartPolicyOnFailure && exitCode != 0 {
		return true
	}
	may := false
	EachContainer(spec, nil, func(c *corev1.Container, r Role, _ *field.Path) {
		if r != role || c.Name != name {
			return
		}
		own := c.RestartPolicy
		may = len(c.RestartPolicyRules) > 0 || own != nil && (*own == corev1.ContainerRestartPolicyAlways ||
			*own == corev1.ContainerRestartPolicyOnFailure && exitCode != 0)
	})
	return may
}

// validatePodIPs allows one address, or one of each family.
func validatePodIPs(ips []corev1.PodIP, path *field.Path) field.ErrorList {
	addresses := make([]string, 0, len(ips))
	for _, ip := range ips {
		addresses = append(addresses, ip.IP)
	}
	return validateAddresses(addresses, path, "may specify no more than one IP for each IP family")
}

func validateHostIPs(status *corev1.PodStatus, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(status.HostIPs) == 0 {
		return nil
	}
	if status.HostIP != status.HostIPs[0].IP {
		errs = append(errs, field.Invalid(path.Child("hostIPs").Index(0).Child("ip"), status.HostIPs[0].IP, "must be equal to `hostIP`"))
	}
	addresses := make([]string, 0, len(status.HostIPs))
	for _, ip := range status.HostIPs {
		addresses = append(addresses, ip.IP)
	}
	return append(errs, validateAddresses(addresses, path.Child("hostIPs"), "may specify no more than one IP for each IP family")...)
}
