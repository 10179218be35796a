// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package authentication

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/apis/kind"
)

// SelfSubjectReviews ask who the server takes the asker for.
var SelfSubjectReviews = kind.Of[*authenticationv1.SelfSubjectReview, *metav1.List]{
	GroupVersion: authenticationv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "selfsubjectreviews"},
	Scope:        kind.Cluster,
	Transient:    true,
}
