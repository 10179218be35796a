// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package authentication

import (
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta/metatest"
)

func TestTokenRequest(t *testing.T) {
	for name, c := range map[string]struct {
		seconds *int64
		want    []string
	}{
		"an hour unless told": {},
		"the shortest":        {seconds: ptr.To[int64](600)},
		"too short":           {ptr.To[int64](599), []string{`spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes`}},
		"too long":            {ptr.To[int64](1<<32 + 1), []string{`spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds`}},
	} {
		t.Run(name, func(t *testing.T) {
			request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: c.seconds}}
			TokenRequests.Default(request)
			if want := ptr.Deref(c.seconds, 3600); *request.Spec.ExpirationSeconds != want {
				t.Errorf("%d seconds, want %d", *request.Spec.ExpirationSeconds, want)
			}
			metatest.CheckErrors(t, validateTokenRequest(request, nil), c.want...)
		})
	}
}
