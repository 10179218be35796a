// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"math"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateTemplate returns what is wrong with a pod template found at path.
func ValidateTemplate(template *corev1.PodTemplateSpec, path *field.Path) field.ErrorList {
	errs := metavalidation.ValidateLabels(template.Labels, path.Child("labels"))
	errs = append(errs, apivalidation.ValidateAnnotations(template.Annotations, path.Child("annotations"))...)
	errs = append(errs, validateAnnotations(template.Annotations, path.Child("annotations"))...)
	errs = append(errs, ValidateSpec(&template.Spec, path.Child("spec"))...)
	if len(template.Spec.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(path.Child("spec", "ephemeralContainers"), "ephemeral containers not allowed in pod template"))
	}
	return errs
}

// ValidateSpec returns what is wrong with the spec of a pod template found at path.
func ValidateSpec(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	return validateSpec(spec, path, false)
}

// ValidatePod returns what is wrong with a pod, apart from the metadata that all kinds have.
func ValidatePod(pod *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec")
	errs := validateAnnotations(pod.Annotations, field.NewPath("metadata", "annotations"))
	errs = append(errs, validateMirror(pod)...)
	errs = append(errs, validateSpec(&pod.Spec, path, true)...)
	if pod.Spec.ServiceAccountName == "" {
		errs = append(errs, forbidTokens(pod.Spec.Volumes, path.Child("volumes"))...)
	}
	return errs
}

// ValidateNewPod returns what is wrong with a pod that is to be created.
func ValidateNewPod(pod *corev1.Pod) field.ErrorList {
	errs := ValidatePod(pod)
	path := field.NewPath("spec")
	if len(pod.Spec.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(path.Child("ephemeralContainers"), "cannot be set on create"))
	}
	if pod.Spec.NodeName != "" && len(pod.Spec.SchedulingGates) > 0 {
		errs = append(errs, field.Forbidden(path.Child("nodeName"), "cannot be set until all schedulingGates have been cleared"))
	}
	return errs
}

func validateSpec(spec *corev1.PodSpec, path *field.Path, isPod bool) field.ErrorList {
	volumes, errs := validateVolumes(spec.Volumes, path.Child("volumes"), isPod)
	claims, claimErrs := validateResourceClaims(spec.ResourceClaims, path.Child("resourceClaims"))
	errs = append(errs, claimErrs...)
	errs = append(errs, validateAllContainers(spec, path, containerRules{spec: spec, volumes: volumes, claims: claims})...)
	errs = append(errs, validateHostPorts(spec, path, isPod)...)
	errs = append(errs, requiredOneOf(spec.RestartPolicy, path.Child("restartPolicy"),
		corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)...)
	errs = append(errs, validateDNS(spec, path)...)
	errs = append(errs, metavalidation.ValidateLabels(spec.NodeSelector, path.Child("nodeSelector"))...)
	errs = append(errs, validatePodSecurityContext(spec, path.Child("securityContext"))...)
	errs = append(errs, validateAffinity(spec.Affinity, path.Child("affinity"))...)
	errs = append(errs, validateTolerations(spec.Tolerations, path.Child("tolerations"))...)
	errs = append(errs, validateTopologySpread(spec.TopologySpreadConstraints, path.Child("topologySpreadConstraints"))...)
	errs = append(errs, validateGates(spec, path)...)
	errs = append(errs, validateNames(spec, path)...)
	errs = append(errs, validateHostAliases(spec.HostAliases, path.Child("hostAliases"))...)
	errs = append(errs, validateHostUsers(spec, path)...)
	if seconds := spec.ActiveDeadlineSeconds; seconds != nil && (*seconds < 1 || *seconds > math.MaxInt32) {
		errs = append(errs, field.Invalid(path.Child("activeDeadlineSeconds"), *seconds, validation.InclusiveRangeError(1, math.MaxInt32)))
	}
	if policy := spec.PreemptionPolicy; policy != nil {
		errs = append(errs, oneOf(*policy, path.Child("preemptionPolicy"), corev1.PreemptLowerPriority, corev1.PreemptNever)...)
	}
	if spec.Overhead != nil {
		errs = append(errs, validateResourceList(spec.Overhead, path.Child("overhead"))...)
	}
	errs = append(errs, validatePodResources(spec, path)...)
	errs = append(errs, validateOS(spec, path)...)
	return errs
}

// validateNames checks fields that are names of something else, or of the pod itself.
func validateNames(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	subdomain := func(value string, at *field.Path) {
		if value != "" {
			errs = append(errs, invalid(at, value, apivalidation.NameIsDNSSubdomain(value, false))...)
		}
	}
	subdomain(spec.ServiceAccountName, path.Child("serviceAccountName"))
	subdomain(spec.NodeName, path.Child("nodeName"))
	subdomain(spec.PriorityClassName, path.Child("priorityClassName"))
	if spec.RuntimeClassName != nil {
		errs = append(errs, invalid(path.Child("runtimeClassName"), *spec.RuntimeClassName,
			apivalidation.NameIsDNSSubdomain(*spec.RuntimeClassName, false))...)
	}
	if spec.Hostname != "" {
		errs = append(errs, dnsLabel(spec.Hostname, path.Child("hostname"))...)
	}
	if spec.Subdomain != "" {
		errs = append(errs, dnsLabel(spec.Subdomain, path.Child("subdomain"))...)
	}
	if name := spec.HostnameOverride; name != nil {
		errs = append(errs, validateHostnameOverride(spec, *name, path)...)
	}
	for i, secret := range spec.ImagePullSecrets {
		errs = append(errs, required(secret.Name, path.Child("imagePullSecrets").Index(i).Child("name"))...)
	}
	return errs
}

// maxHostname is what Linux takes.
const maxHostname = 64

func validateHostnameOverride(spec *corev1.PodSpec, name string, path *field.Path) field.ErrorList {
	at := path.Child("hostnameOverride")
	errs := invalid(at, name, validation.IsDNS1123Subdomain(name))
	if len(name) > maxHostname {
		errs = append(errs, field.TooLong(at, name, maxHostname))
	}
	if spec.SetHostnameAsFQDN != nil && *spec.SetHostnameAsFQDN {
		errs = append(errs, field.Invalid(path.Child("setHostnameAsFQDN"), true, "must be false when hostnameOverride is set"))
	}
	if spec.HostNetwork {
		errs = append(errs, field.Invalid(path.Child("hostNetwork"), true, "must be false when hostnameOverride is set"))
	}
	return errs
}

func validateHostAliases(aliases []corev1.HostAlias, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, alias := range aliases {
		errs = append(errs, validation.IsValidIPForLegacyField(path.Index(i).Child("ip"), alias.IP, false, nil)...)
		for j, name := range alias.Hostnames {
			errs = append(errs, invalid(path.Index(i).Child("hostnames").Index(j), name, validation.IsDNS1123Subdomain(name))...)
		}
	}
	return errs
}

// validateGates checks readiness gates and scheduling gates.
func validateGates(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, gate := range spec.ReadinessGates {
		at := path.Child("readinessGates").Index(i).Child("conditionType")
		errs = append(errs, invalid(at, string(gate.ConditionType), validation.IsQualifiedName(string(gate.ConditionType)))...)
	}
	seen := map[string]bool{}
	for i, gate := range spec.SchedulingGates {
		at := path.Child("schedulingGates").Index(i)
		errs = append(errs, invalid(at, gate.Name, validation.IsQualifiedName(gate.Name))...)
		if seen[gate.Name] {
			errs = append(errs, field.Duplicate(at, gate.Name))
		}
		seen[gate.Name] = true
	}
	return errs
}

// annotationDeletionCost orders the pods that a ReplicaSet removes first.
const annotationDeletionCost = "controller.kubernetes.io/pod-deletion-cost"

func validateAnnotations(annotations map[string]string, path *field.Path) field.ErrorList {
	cost, ok := annotations[annotationDeletionCost]
	if !ok {
		return nil
	}
	at := path.Key(annotationDeletionCost)
	// Signs and leading zeros are refused, so that equal costs are equal strings.
	if value, err := strconv.ParseInt(cost, 10, 32); err != nil || strconv.FormatInt(value, 10) != cost {
		return field.ErrorList{field.Invalid(at, cost, "must be a 32bit integer")}
	}
	return nil
}
