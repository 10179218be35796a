// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package authentication

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/kind"
)

// The limits of how long a token may live.
const (
	defaultTokenSeconds int64 = 60 * 60
	minTokenSeconds     int64 = 10 * 60
	maxTokenSeconds     int64 = 1 << 32
)

// TokenRequests ask for a token of a service account. They are the body of serviceaccounts/token and no resource of their
// own.
var TokenRequests = kind.Of[*authenticationv1.TokenRequest, *metav1.List]{
	GroupVersion: authenticationv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "tokenrequests"},
	Transient:    true,
	Default: func(request *authenticationv1.TokenRequest) {
		if request.Spec.ExpirationSeconds == nil {
			request.Spec.ExpirationSeconds = ptr.To(defaultTokenSeconds)
		}
	},
	Validate: validateTokenRequest,
}

func validateTokenRequest(request, _ *authenticationv1.TokenRequest) field.ErrorList {
	path := field.NewPath("spec", "expirationSeconds")
	switch seconds := ptr.Deref(request.Spec.ExpirationSeconds, defaultTokenSeconds); {
	case seconds < minTokenSeconds:
		return field.ErrorList{field.Invalid(path, seconds, "may not specify a duration less than 10 minutes")}
	case seconds > maxTokenSeconds:
		return field.ErrorList{field.Invalid(path, seconds, "may not specify a duration larger than 2^32 seconds")}
	default:
		return nil
	}
}
