// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apps

import (
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta"
	"coxswain.dev/coxswain/apis/internal/pods"
	"coxswain.dev/coxswain/apis/kind"
)

// ReplicaSets keep a number of pods of one template running.
var ReplicaSets = kind.Of[*appsv1.ReplicaSet, *appsv1.ReplicaSetList]{
	GroupVersion:   appsv1.SchemeGroupVersion,
	Names:          kind.Names{Plural: "replicasets", Short: []string{"rs"}, Categories: []string{"all"}},
	Default:        defaultReplicaSet,
	Validate:       validateReplicaSet,
	ValidateStatus: validateReplicaSetStatus,
	Warnings: func(rs, old *appsv1.ReplicaSet) []string {
		return warnings(rs, old, &rs.Spec.Template)
	},
	Owns: kind.Generation | kind.StatusApart,
	Columns: []kind.Column[*appsv1.ReplicaSet]{
		{Name: "Desired", Type: "integer", Description: replicaSetSpecDoc["replicas"], Value: func(rs *appsv1.ReplicaSet, _ time.Time) any {
			return int64(ptr.Deref(rs.Spec.Replicas, 0))
		}},
		{Name: "Current", Type: "integer", Description: replicaSetStatusDoc["replicas"], Value: func(rs *appsv1.ReplicaSet, _ time.Time) any {
			return int64(rs.Status.Replicas)
		}},
		{Name: "Ready", Type: "integer", Description: replicaSetStatusDoc["readyReplicas"], Value: func(rs *appsv1.ReplicaSet, _ time.Time) any {
			return int64(rs.Status.ReadyReplicas)
		}},
		kind.Age[*appsv1.ReplicaSet](),
		{Name: "Containers", Priority: 1, Description: containersDoc, Value: func(rs *appsv1.ReplicaSet, _ time.Time) any {
			return meta.ContainerNames(&rs.Spec.Template.Spec)
		}},
		{Name: "Images", Priority: 1, Description: imagesDoc, Value: func(rs *appsv1.ReplicaSet, _ time.Time) any {
			return meta.ContainerImages(&rs.Spec.Template.Spec)
		}},
		{Name: "Selector", Priority: 1, Description: replicaSetSpecDoc["selector"], Value: func(rs *appsv1.ReplicaSet, _ time.Time) any {
			return metav1.FormatLabelSelector(rs.Spec.Selector)
		}},
	},
	Fields: map[string]func(*appsv1.ReplicaSet) string{
		"status.replicas": func(rs *appsv1.ReplicaSet) string { return strconv.Itoa(int(rs.Status.Replicas)) },
	},
	Scale: &kind.Scale[*appsv1.ReplicaSet]{
		Replicas:    func(rs *appsv1.ReplicaSet) int32 { return ptr.Deref(rs.Spec.Replicas, 0) },
		SetReplicas: func(rs *appsv1.ReplicaSet, replicas int32) { rs.Spec.Replicas = &replicas },
		Observed:    func(rs *appsv1.ReplicaSet) int32 { return rs.Status.Replicas },
		Selector:    func(rs *appsv1.ReplicaSet) (string, error) { return meta.SelectorString(rs.Spec.Selector) },
	},
}

var (
	replicaSetSpecDoc   = appsv1.ReplicaSetSpec{}.SwaggerDoc()
	replicaSetStatusDoc = appsv1.ReplicaSetStatus{}.SwaggerDoc()
)

func defaultReplicaSet(rs *appsv1.ReplicaSet) {
	pods.DefaultTemplate(&rs.Spec.Template)
	setDefault(&rs.Spec.Replicas, 1)
}

func validateReplicaSet(rs, old *appsv1.ReplicaSet) field.ErrorList {
	path := field.NewPath("spec")
	spec := &rs.Spec
	var oldSelector *metav1.LabelSelector
	if old != nil {
		oldSelector = old.Spec.Selector
	}
	errs := meta.ValidateNonNegativePointer(spec.Replicas, path.Child("replicas"))
	errs = append(errs, meta.ValidateNonNegative(spec.MinReadySeconds, path.Child("minReadySeconds"))...)
	errs = append(errs, validateSelectorAndTemplate(spec.Selector, oldSelector, &spec.Template, "deployment", path)...)
	if old != nil {
		errs = append(errs, meta.ValidateImmutable(spec.Selector, oldSelector, path.Child("selector"))...)
	}
	return errs
}

func validateReplicaSetStatus(rs, _ *appsv1.ReplicaSet) field.ErrorList {
	path := field.NewPath("status")
	status := &rs.Status
	errs := meta.ValidateNonNegative(status.Replicas, path.Child("replicas"))
	errs = append(errs, meta.ValidateNonNegative(status.FullyLabeledReplicas, path.Child("fullyLabeledReplicas"))...)
	errs = append(errs, meta.ValidateNonNegative(status.ReadyReplicas, path.Child("readyReplicas"))...)
	errs = append(errs, meta.ValidateNonNegative(status.AvailableReplicas, path.Child("availableReplicas"))...)
	errs = append(errs, meta.ValidateNonNegativePointer(status.TerminatingReplicas, path.Child("terminatingReplicas"))...)
	errs = append(errs, meta.ValidateNonNegative(status.ObservedGeneration, path.Child("observedGeneration"))...)
	errs = append(errs, atMost(status.FullyLabeledReplicas, status.Replicas, "status.replicas", path.Child("fullyLabeledReplicas"))...)
	errs = append(errs, atMost(status.ReadyReplicas, status.Replicas, "status.replicas", path.Child("readyReplicas"))...)
	errs = append(errs, atMost(status.AvailableReplicas, status.Replicas, "status.replicas", path.Child("availableReplicas"))...)
	errs = append(errs, atMost(status.AvailableReplicas, status.ReadyReplicas, "readyReplicas", path.Child("availableReplicas"))...)
	return errs
}
