// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apps

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/internal/meta"
	"coxswain.dev/coxswain/apis/internal/pods"
)

const (
	containersDoc = "Names of each container in the template."
	imagesDoc     = "Images referenced by each container in the template."
)

func setDefault[V any](field **V, value V) {
	if *field == nil {
		*field = &value
	}
}

// validateSelectorAndTemplate checks the two fields that say what a workload runs and which pods are its own.
func validateSelectorAndTemplate(selector, old *metav1.LabelSelector, template *corev1.PodTemplateSpec, workload string, path *field.Path) field.ErrorList {
	errs := meta.ValidateWorkloadSelector(selector, old, workload, path.Child("selector"))
	at := path.Child("template")
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return append(errs, field.Invalid(path.Child("selector"), selector, "invalid label selector"))
	}
	errs = append(errs, meta.ValidateSelects(parsed, template.Labels, at.Child("metadata", "labels"))...)
	errs = append(errs, pods.ValidateTemplate(template, at)...)
	if policy := template.Spec.RestartPolicy; policy != corev1.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(at.Child("spec", "restartPolicy"), policy, []corev1.RestartPolicy{corev1.RestartPolicyAlways}))
	}
	if template.Spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(at.Child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in ReplicaSet is not Supported"))
	}
	return errs
}

func atMost(value, limit int32, name string, path *field.Path) field.ErrorList {
	if value <= limit {
		return nil
	}
	return field.ErrorList{field.Invalid(path, value, "cannot be greater than "+name)}
}

// warnings are about names that are fine for the object and not for the pods named after it, and about the template. An
// update is warned of when it means something new: controllers that only touch metadata need not hear it again.
func warnings[T interface {
	comparable
	metav1.Object
}](obj, old T, template *corev1.PodTemplateSpec) []string {
	var all []string
	var none T
	if old == none {
		if msgs := validation.IsDNS1123Label(obj.GetName()); len(msgs) > 0 {
			all = append(all, fmt.Sprintf("metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: %v", msgs))
		}
	} else if obj.GetGeneration() == old.GetGeneration() {
		return nil
	}
	return append(all, pods.TemplateWarnings(&template.Spec, field.NewPath("spec", "template", "spec"))...)
}
