// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/kind"
)

// Evictions ask a pod to leave, if the disruption budgets allow. They are the body of pods/eviction and no resource of
// their own.
var Evictions = kind.Of[*policyv1.Eviction, *metav1.List]{
	GroupVersion: policyv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "evictions"},
	Transient:    true,
	Validate: func(eviction, _ *policyv1.Eviction) field.ErrorList {
		if eviction.DeleteOptions == nil {
			return nil
		}
		return metav1validation.ValidateDeleteOptions(eviction.DeleteOptions)
	},
}
