// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/apis/internal/meta/metatest"
)

func TestValidateEviction(t *testing.T) {
	metatest.CheckErrors(t, Evictions.Validate(&policyv1.Eviction{}, nil))
	metatest.CheckErrors(t, Evictions.Validate(&policyv1.Eviction{DeleteOptions: metav1.NewDeleteOptions(5)}, nil))
	metatest.CheckErrors(t, Evictions.Validate(&policyv1.Eviction{DeleteOptions: &metav1.DeleteOptions{DryRun: []string{"Some"}}}, nil),
		`dryRun: Unsupported value: ["Some"]: supported values: "All"`)
}
