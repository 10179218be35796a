// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apps

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta"
	"coxswain.dev/coxswain/apis/internal/pods"
	"coxswain.dev/coxswain/apis/kind"
)

// Deployments keep pods of one template running and replace them step by step when the template changes.
var Deployments = kind.Of[*appsv1.Deployment, *appsv1.DeploymentList]{
	GroupVersion:   appsv1.SchemeGroupVersion,
	Names:          kind.Names{Plural: "deployments", Short: []string{"deploy"}, Categories: []string{"all"}},
	Default:        defaultDeployment,
	Validate:       validateDeployment,
	ValidateStatus: validateDeploymentStatus,
	Warnings: func(d, old *appsv1.Deployment) []string {
		return warnings(d, old, &d.Spec.Template)
	},
	Owns: kind.Generation | kind.StatusApart,
	Meaning: func(d, old *appsv1.Deployment) bool {
		// Annotations count too: the controller copies them to its replica sets and so has to look again.
		return !equality.Semantic.DeepEqual(d.Spec, old.Spec) || !equality.Semantic.DeepEqual(d.Annotations, old.Annotations)
	},
	Columns: []kind.Column[*appsv1.Deployment]{
		{Name: "Ready", Description: "Number of the pod with ready state", Value: func(d *appsv1.Deployment, _ time.Time) any {
			return fmt.Sprintf("%d/%d", d.Status.ReadyReplicas, ptr.Deref(d.Spec.Replicas, 0))
		}},
		{Name: "Up-to-date", Description: deploymentStatusDoc["updatedReplicas"], Value: func(d *appsv1.Deployment, _ time.Time) any {
			return int64(d.Status.UpdatedReplicas)
		}},
		{Name: "Available", Description: deploymentStatusDoc["availableReplicas"], Value: func(d *appsv1.Deployment, _ time.Time) any {
			return int64(d.Status.AvailableReplicas)
		}},
		kind.Age[*appsv1.Deployment](),
		{Name: "Containers", Priority: 1, Description: containersDoc, Value: func(d *appsv1.Deployment, _ time.Time) any {
			return meta.ContainerNames(&d.Spec.Template.Spec)
		}},
		{Name: "Images", Priority: 1, Description: imagesDoc, Value: func(d *appsv1.Deployment, _ time.Time) any {
			return meta.ContainerImages(&d.Spec.Template.Spec)
		}},
		{Name: "Selector", Priority: 1, Description: deploymentSpecDoc["selector"], Value: func(d *appsv1.Deployment, _ time.Time) any {
			selector, err := meta.SelectorString(d.Spec.Selector)
			if err != nil {
				return "<invalid>"
			}
			return selector
		}},
	},
	Scale: &kind.Scale[*appsv1.Deployment]{
		Replicas:    func(d *appsv1.Deployment) int32 { return ptr.Deref(d.Spec.Replicas, 0) },
		SetReplicas: func(d *appsv1.Deployment, replicas int32) { d.Spec.Replicas = &replicas },
		Observed:    func(d *appsv1.Deployment) int32 { return d.Status.Replicas },
		Selector:    func(d *appsv1.Deployment) (string, error) { return meta.SelectorString(d.Spec.Selector) },
	},
}

var (
	deploymentSpecDoc   = appsv1.DeploymentSpec{}.SwaggerDoc()
	deploymentStatusDoc = appsv1.DeploymentStatus{}.SwaggerDoc()
)

func defaultDeployment(d *appsv1.Deployment) {
	spec := &d.Spec
	pods.DefaultTemplate(&spec.Template)
	setDefault(&spec.Replicas, 1)
	setDefault(&spec.RevisionHistoryLimit, 10)
	setDefault(&spec.ProgressDeadlineSeconds, 600)
	if spec.Strategy.Type == "" {
		spec.Strategy.Type = appsv1.RollingUpdateDeploymentStrategyType
	}
	if spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		if spec.Strategy.RollingUpdate == nil {
			spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{}
		}
		setDefault(&spec.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("25%"))
		setDefault(&spec.Strategy.RollingUpdate.MaxSurge, intstr.FromString("25%"))
	}
}

func validateDeployment(d, old *appsv1.Deployment) field.ErrorList {
	path := field.NewPath("spec")
	spec := &d.Spec
	var oldSelector *metav1.LabelSelector
	if old != nil {
		oldSelector = old.Spec.Selector
	}
	errs := meta.ValidateNonNegativePointer(spec.Replicas, path.Child("replicas"))
	errs = append(errs, validateSelectorAndTemplate(spec.Selector, oldSelector, &spec.Template, "deployment", path)...)
	errs = append(errs, validateDeploymentStrategy(&spec.Strategy, path.Child("strategy"))...)
	errs = append(errs, meta.ValidateNonNegative(spec.MinReadySeconds, path.Child("minReadySeconds"))...)
	errs = append(errs, meta.ValidateNonNegativePointer(spec.RevisionHistoryLimit, path.Child("revisionHistoryLimit"))...)
	if deadline := spec.ProgressDeadlineSeconds; deadline != nil {
		at := path.Child("progressDeadlineSeconds")
		errs = append(errs, meta.ValidateNonNegative(*deadline, at)...)
		if *deadline <= spec.MinReadySeconds {
			errs = append(errs, field.Invalid(at, *deadline, "must be greater than minReadySeconds"))
		}
	}
	if old != nil {
		errs = append(errs, meta.ValidateImmutable(spec.Selector, oldSelector, path.Child("selector"))...)
	}
	return errs
}

func validateDeploymentStrategy(strategy *appsv1.DeploymentStrategy, path *field.Path) field.ErrorList {
	switch strategy.Type {
	case appsv1.RecreateDeploymentStrategyType:
		if strategy.RollingUpdate != nil {
			return field.ErrorList{field.Forbidden(path.Child("rollingUpdate"),
				fmt.Sprintf("may not be specified when strategy `type` is '%s'", strategy.Type))}
		}
		return nil
	case appsv1.RollingUpdateDeploymentStrategyType:
		if strategy.RollingUpdate == nil {
			return field.ErrorList{field.Required(path.Child("rollingUpdate"), "this should be defaulted and never be nil")}
		}
		return validateRollingUpdate(strategy.RollingUpdate, path.Child("rollingUpdate"))
	default:
		return field.ErrorList{field.NotSupported(path, strategy, []appsv1.DeploymentStrategyType{
			appsv1.RecreateDeploymentStrategyType, appsv1.RollingUpdateDeploymentStrategyType})}
	}
}

func validateRollingUpdate(update *appsv1.RollingUpdateDeployment, path *field.Path) field.ErrorList {
	unavailable, surge := path.Child("maxUnavailable"), path.Child("maxSurge")
	errs := meta.ValidateIntOrPercent(update.MaxUnavailable, unavailable)
	errs = append(errs, meta.ValidateIntOrPercent(update.MaxSurge, surge)...)
	if meta.IsZero(update.MaxUnavailable) && meta.IsZero(update.MaxSurge) {
		errs = append(errs, field.Invalid(unavailable, update.MaxUnavailable, "may not be 0 when `maxSurge` is 0"))
	}
	return append(errs, meta.ValidateAtMostAll(update.MaxUnavailable, unavailable)...)
}

func validateDeploymentStatus(d, old *appsv1.Deployment) field.ErrorList {
	path := field.NewPath("status")
	status := &d.Status
	errs := meta.ValidateNonNegative(status.ObservedGeneration, path.Child("observedGeneration"))
	errs = append(errs, meta.ValidateNonNegative(status.Replicas, path.Child("replicas"))...)
	errs = append(errs, meta.ValidateNonNegative(status.UpdatedReplicas, path.Child("updatedReplicas"))...)
	errs = append(errs, meta.ValidateNonNegative(status.ReadyReplicas, path.Child("readyReplicas"))...)
	errs = append(errs, meta.ValidateNonNegative(status.AvailableReplicas, path.Child("availableReplicas"))...)
	errs = append(errs, meta.ValidateNonNegative(status.UnavailableReplicas, path.Child("unavailableReplicas"))...)
	errs = append(errs, meta.ValidateNonNegativePointer(status.TerminatingReplicas, path.Child("terminatingReplicas"))...)
	errs = append(errs, meta.ValidateNonNegativePointer(status.CollisionCount, path.Child("collisionCount"))...)
	errs = append(errs, atMost(status.UpdatedReplicas, status.Replicas, "status.replicas", path.Child("updatedReplicas"))...)
	errs = append(errs, atMost(status.ReadyReplicas, status.Replicas, "status.replicas", path.Child("readyReplicas"))...)
	errs = append(errs, atMost(status.AvailableReplicas, status.Replicas, "status.replicas", path.Child("availableReplicas"))...)
	errs = append(errs, atMost(status.AvailableReplicas, status.ReadyReplicas, "readyReplicas", path.Child("availableReplicas"))...)

	// Names of replica sets are made with the count; going back would make a name that is taken.
	if was := old.Status.CollisionCount; was != nil && ptr.Deref(status.CollisionCount, -1) < *was {
		errs = append(errs, field.Invalid(path.Child("collisionCount"), ptr.Deref(status.CollisionCount, 0), "cannot be decremented"))
	}
	return errs
}
