// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apis

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	coxswainv1alpha1 "coxswain.dev/coxswain/apis/coxswain/v1alpha1"
)

// NewClientScheme returns a scheme with every kind that our components read or write: those of client-go, our own,
// custom resource definitions, API services and metrics. Each call makes a new one, so that nothing is shared between
// clusters that live in one process.
func NewClientScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme,
		coxswainv1alpha1.AddToScheme,
		apiextensionsv1.AddToScheme,
		apiregistrationv1.AddToScheme,
		metricsv1beta1.AddToScheme,
	} {
		utilruntime.Must(add(scheme)) // fails only when two types claim one kind
	}
	return scheme
}
