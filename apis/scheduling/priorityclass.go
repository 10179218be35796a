// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduling

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta"
	"coxswain.dev/coxswain/apis/kind"
)

// The limits of what priorities users may define, and the classes above them.
const (
	// HighestUserPriority is the highest value of a class that a user defines.
	HighestUserPriority int32 = 1_000_000_000
	// SystemClusterCritical is the class of pods that the cluster cannot do without.
	SystemClusterCritical = "system-cluster-critical"
	// SystemNodeCritical is the class of pods that their node cannot do without.
	SystemNodeCritical = "system-node-critical"

	systemPrefix = "system-"
)

// PriorityClasses give names to priorities of pods.
var PriorityClasses = kind.Of[*schedulingv1.PriorityClass, *schedulingv1.PriorityClassList]{
	GroupVersion: schedulingv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "priorityclasses", Short: []string{"pc"}},
	Scope:        kind.Cluster,
	Default: func(class *schedulingv1.PriorityClass) {
		if class.PreemptionPolicy == nil {
			class.PreemptionPolicy = ptr.To(corev1.PreemptLowerPriority)
		}
	},
	Validate: validatePriorityClass,
	// The generation never goes beyond 1, because what matters in a class cannot be changed.
	OnCreate: func(_ context.Context, class *schedulingv1.PriorityClass) { class.Generation = 1 },
	Columns: []kind.Column[*schedulingv1.PriorityClass]{
		{Name: "Value", Type: "integer", Description: priorityClassDoc["value"], Value: func(class *schedulingv1.PriorityClass, _ time.Time) any {
			return int64(class.Value)
		}},
		{Name: "Global-Default", Type: "boolean", Description: priorityClassDoc["globalDefault"], Value: func(class *schedulingv1.PriorityClass, _ time.Time) any {
			return class.GlobalDefault
		}},
		kind.Age[*schedulingv1.PriorityClass](),
		{Name: "PreemptionPolicy", Description: priorityClassDoc["preemptionPolicy"], Value: func(class *schedulingv1.PriorityClass, _ time.Time) any {
			return string(ptr.Deref(class.PreemptionPolicy, ""))
		}},
	},
}

var priorityClassDoc = schedulingv1.PriorityClass{}.SwaggerDoc()

// SystemClasses returns the two classes that every cluster has. The caller owns them.
func SystemClasses() []*schedulingv1.PriorityClass {
	cluster := &schedulingv1.PriorityClass{
		Value:            2 * HighestUserPriority,
		Description:      "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
		PreemptionPolicy: ptr.To(corev1.PreemptLowerPriority),
	}
	cluster.Name = SystemClusterCritical
	node := &schedulingv1.PriorityClass{
		Value:            2*HighestUserPriority + 1000,
		Description:      "Used for system critical pods that must not be moved from their current node.",
		PreemptionPolicy: ptr.To(corev1.PreemptLowerPriority),
	}
	node.Name = SystemNodeCritical
	return []*schedulingv1.PriorityClass{node, cluster}
}

func validatePriorityClass(class, old *schedulingv1.PriorityClass) field.ErrorList {
	if old != nil {
		var errs field.ErrorList
		if class.Value != old.Value {
			errs = append(errs, field.Forbidden(field.NewPath("value"), "may not be changed in an update."))
		}
		return append(errs, meta.ValidateImmutable(class.PreemptionPolicy, old.PreemptionPolicy, field.NewPath("preemptionPolicy"))...)
	}
	var errs field.ErrorList
	if strings.HasPrefix(class.Name, systemPrefix) {
		if err := checkSystemClass(class); err != nil {
			errs = append(errs, field.Forbidden(field.NewPath("metadata", "name"),
				fmt.Sprintf("priority class names with '%s' prefix are reserved for system use only. error: %v", systemPrefix, err)))
		}
	} else if class.Value > HighestUserPriority {
		errs = append(errs, field.Forbidden(field.NewPath("value"),
			fmt.Sprintf("maximum allowed value of a user defined priority is %v", HighestUserPriority)))
	}
	if policy := class.PreemptionPolicy; policy != nil {
		errs = append(errs, validatePreemptionPolicy(*policy, field.NewPath("preemptionPolicy"))...)
	}
	return errs
}

func checkSystemClass(class *schedulingv1.PriorityClass) error {
	for _, known := range SystemClasses() {
		switch {
		case class.Name != known.Name:
		case class.Value != known.Value:
			return fmt.Errorf("value of %v PriorityClass must be %v", known.Name, known.Value)
		case class.GlobalDefault != known.GlobalDefault:
			return fmt.Errorf("globalDefault of %v PriorityClass must be %v", known.Name, known.GlobalDefault)
		default:
			return nil
		}
	}
	return errors.New(class.Name + " is not a known system priority class")
}

func validatePreemptionPolicy(policy corev1.PreemptionPolicy, path *field.Path) field.ErrorList {
	switch policy {
	case corev1.PreemptLowerPriority, corev1.PreemptNever:
		return nil
	case "":
		return field.ErrorList{field.Required(path, "")}
	default:
		return field.ErrorList{field.NotSupported(path, policy, []corev1.PreemptionPolicy{corev1.PreemptLowerPriority, corev1.PreemptNever})}
	}
}
