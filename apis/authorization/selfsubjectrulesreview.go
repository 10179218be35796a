// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package authorization

import (
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/apis/kind"
)

// SelfSubjectRulesReviews ask for all that the asker may do in a namespace (kubectl auth can-i --list).
var SelfSubjectRulesReviews = kind.Of[*authorizationv1.SelfSubjectRulesReview, *metav1.List]{
	GroupVersion: authorizationv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "selfsubjectrulesreviews"},
	Scope:        kind.Cluster,
	Transient:    true,
}
