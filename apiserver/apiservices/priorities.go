// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiservices

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// groupPriorities order the built-in groups in discovery as Kubernetes does, so that clients that look a resource up by
// its name alone find the same one.
var groupPriorities = map[string]int32{
	"":                             18000,
	"events.k8s.io":                17750,
	"apps":                         17800,
	"authentication.k8s.io":        17700,
	"authorization.k8s.io":         17600,
	"autoscaling":                  17500,
	"batch":                        17400,
	"certificates.k8s.io":          17300,
	"networking.k8s.io":            17200,
	"policy":                       17100,
	"rbac.authorization.k8s.io":    17000,
	"storage.k8s.io":               16800,
	"apiextensions.k8s.io":         16700,
	"admissionregistration.k8s.io": 16700,
	"scheduling.k8s.io":            16600,
	"coordination.k8s.io":          16500,
	"node.k8s.io":                  16300,
	"discovery.k8s.io":             16200,
	"flowcontrol.apiserver.k8s.io": 16100,
	"internal.apiserver.k8s.io":    16000,
	"resource.k8s.io":              15900,
}

const (
	otherGroupPriority = 15000
	crdGroupPriority   = 1000
	crdVersionPriority = 100
)

// Local describes a group version of the built-in kinds. Versions of a group are ordered by how stable they are.
func Local(gv schema.GroupVersion) *apiregistrationv1.APIService {
	group, ok := groupPriorities[gv.Group]
	if !ok {
		group = otherGroupPriority
	}
	return apiService(gv, group, versionPriority(gv.Version))
}

func versionPriority(name string) int32 {
	// v1 before v2beta1 before v1beta1 before v1alpha1, with v2 before v1.
	for i, lower := range []string{"v3", "v2", "v1", "v2beta1", "v1beta2", "v1beta1"} {
		if version.CompareKubeAwareVersionStrings(name, lower) >= 0 {
			return int32(30 - 3*i)
		}
	}
	return 1
}

func custom(gv schema.GroupVersion) *apiregistrationv1.APIService {
	return apiService(gv, crdGroupPriority, crdVersionPriority)
}

func apiService(gv schema.GroupVersion, group, version int32) *apiregistrationv1.APIService {
	return &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: gv.Version + "." + gv.Group},
		Spec: apiregistrationv1.APIServiceSpec{
			Group: gv.Group, Version: gv.Version, GroupPriorityMinimum: group, VersionPriority: version,
		},
	}
}
