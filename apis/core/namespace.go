// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/kind"
)

// Namespaces hold the objects of one user, team or program. A namespace goes only after its content: deletion marks it
// as Terminating, and the finalizer "kubernetes" in its spec, taken off through the finalize subresource by the
// namespace controller, keeps it until then.
var Namespaces = kind.Of[*corev1.Namespace, *corev1.NamespaceList]{
	GroupVersion:   corev1.SchemeGroupVersion,
	Names:          kind.Names{Plural: "namespaces", Short: []string{"ns"}},
	Scope:          kind.Cluster,
	Default:        defaultNamespace,
	ValidateName:   apivalidation.NameIsDNSLabel,
	Validate:       validateNamespace,
	ValidateStatus: validateNamespaceStatus,
	Owns:           kind.StatusApart,
	OnCreate:       createNamespace,
	OnUpdate: func(_ context.Context, ns, old *corev1.Namespace) {
		ns.Spec.Finalizers = old.Spec.Finalizers
	},
	Held:     namespaceHeld,
	OnDelete: markTerminating,
	Columns: []kind.Column[*corev1.Namespace]{
		{Name: "Status", Description: "The status of the namespace", Value: func(ns *corev1.Namespace, _ time.Time) any {
			return string(ns.Status.Phase)
		}},
		kind.Age[*corev1.Namespace](),
	},
	Fields: map[string]func(*corev1.Namespace) string{
		"status.phase": func(ns *corev1.Namespace) string { return string(ns.Status.Phase) },
		// Field selectors have always accepted this older spelling of metadata.name.
		"name": func(ns *corev1.Namespace) string { return ns.Name },
	},
}

// defaultNamespace also labels the namespace with its name, so that label selectors can select it.
func defaultNamespace(ns *corev1.Namespace) {
	if ns.Status.Phase == "" {
		ns.Status.Phase = corev1.NamespaceActive
	}
	if ns.Name == "" {
		return // the label is given once generateName has been resolved (OnCreate)
	}
	if ns.Labels == nil {
		ns.Labels = map[string]string{}
	}
	ns.Labels[corev1.LabelMetadataName] = ns.Name
}

func createNamespace(_ context.Context, ns *corev1.Namespace) {
	defaultNamespace(ns)
	ns.Status = corev1.NamespaceStatus{Phase: corev1.NamespaceActive}
	if !slices.Contains(ns.Spec.Finalizers, corev1.FinalizerKubernetes) {
		ns.Spec.Finalizers = append(ns.Spec.Finalizers, corev1.FinalizerKubernetes)
	}
}

func validateNamespace(ns, _ *corev1.Namespace) field.ErrorList {
	return validateFinalizers(ns)
}

func validateFinalizers(ns *corev1.Namespace) field.ErrorList {
	var errs field.ErrorList
	for i, name := range ns.Spec.Finalizers {
		errs = append(errs, apivalidation.ValidateFinalizerName(string(name), field.NewPath("spec", "finalizers").Index(i))...)
	}
	return errs
}

func validateNamespaceStatus(ns, _ *corev1.Namespace) field.ErrorList {
	path := field.NewPath("status", "phase")
	switch {
	case ns.DeletionTimestamp.IsZero() && ns.Status.Phase != corev1.NamespaceActive:
		return field.ErrorList{field.Invalid(path, ns.Status.Phase, "may only be 'Active' if `deletionTimestamp` is empty")}
	case !ns.DeletionTimestamp.IsZero() && ns.Status.Phase != corev1.NamespaceTerminating:
		return field.ErrorList{field.Invalid(path, ns.Status.Phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")}
	}
	return nil
}

// ValidateNamespaceFinalize checks an update of the finalize subresource.
func ValidateNamespaceFinalize(ns, _ *corev1.Namespace) field.ErrorList {
	return validateFinalizers(ns)
}

// markTerminating marks a namespace whose deletion has begun.
func markTerminating(ns *corev1.Namespace) {
	ns.Status.Phase = corev1.NamespaceTerminating
}

// namespaceHeld reports whether a namespace that is being deleted must still stay.
func namespaceHeld(ns *corev1.Namespace) bool {
	return len(ns.Spec.Finalizers) > 0
}
