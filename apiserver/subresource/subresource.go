// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource

import (
	"net/http"

	"k8s.io/apimachinery/pkg/runtime/schema"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/informers"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apiserver/subresource/kubelet"
	"coxswain.dev/coxswain/apiserver/tokens"
)

// Extra is a storage to be served at Resource ("pods/log", or "bindings" for a resource of its own) in GroupVersion.
type Extra struct {
	GroupVersion schema.GroupVersion
	Resource     string
	Storage      rest.Storage
}

// Deps is what the storages work with.
type Deps struct {
	// Store returns the store of a resource, nil when it is not served. It is called when All is, and later.
	Store func(schema.GroupResource) *genericregistry.Store
	// Kubelet reaches node agents.
	Kubelet *kubelet.Client
	// Tokens issues service account tokens; nil leaves serviceaccounts/token out.
	Tokens *tokens.Issuer
	// Informers give services and endpoint slices, for services/proxy.
	Informers informers.SharedInformerFactory
	// ProxyTransport reaches pods and services for their proxy subresources; nil means one that does not verify
	// serving certificates, as Kubernetes does not.
	ProxyTransport http.RoundTripper
	// Clock is nil for the real one.
	Clock clock.PassiveClock
}
