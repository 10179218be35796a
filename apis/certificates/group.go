// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/apis/kind"
)

// Group is the group as the API server installs it.
func Group() kind.Group {
	return kind.Group{
		Name:        "certificates.k8s.io",
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{certificatesv1.AddToScheme},
		Kinds:       []kind.Kind{CertificateSigningRequests},
	}
}
