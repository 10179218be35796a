// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package authentication

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/apis/kind"
)

// TokenReviews ask who a bearer token stands for.
var TokenReviews = kind.Of[*authenticationv1.TokenReview, *metav1.List]{
	GroupVersion: authenticationv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "tokenreviews"},
	Scope:        kind.Cluster,
	Transient:    true,
}
