// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource

import (
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apiserver/internal/egress"
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
	// Authorizer is asked whether who opens a stream with a GET (as websockets must) may also create it; nil asks nobody.
	Authorizer authorizer.UnconditionalAuthorizer
	// Egress says which addresses pods, endpoints and ports of nodes other than their agent's may have.
	Egress egress.Policy
	// Clock is nil for the real one.
	Clock clock.PassiveClock
}

// All returns the storages of everything whose parent is served.
func All(d Deps) []Extra {
	if d.Clock == nil {
		d.Clock = clock.RealClock{}
	}
	out := newOutbound(d.Egress)
	core := corev1.SchemeGroupVersion
	var all []Extra
	add := func(gv schema.GroupVersion, resource string, storage rest.Storage) {
		all = append(all, Extra{GroupVersion: gv, Resource: resource, Storage: storage})
	}
	if pods := d.Store(corev1.Resource("pods")); pods != nil {
		s := streams{pods: pods, kubelet: d.Kubelet, authorizer: d.Authorizer}
		add(core, "pods/log", &podLog{s})
		add(core, "pods/exec", &podExec{s})
		add(core, "pods/attach", &podAttach{s})
		add(core, "pods/portforward", &podPortForward{s})
		add(core, "pods/proxy", &podProxy{pods: pods, outbound: out})
		b := &binding{pods: pods}
		add(core, "pods/binding", b)
		add(core, "bindings", legacyBinding{b})
		add(core, "pods/eviction", &eviction{pods: pods, clock: d.Clock})
		add(core, "pods/ephemeralcontainers", newPart(pods, ephemeralContainers{pods.UpdateStrategy}))
		add(core, "pods/resize", newPart(pods, resize{pods.UpdateStrategy}))
	}
	if services := d.Store(corev1.Resource("services")); services != nil {
		add(core, "services/proxy", &serviceProxy{
			services: services, outbound: out,
			slices: func() *genericregistry.Store { return d.Store(discoveryv1.Resource("endpointslices")) },
			pods:   func() *genericregistry.Store { return d.Store(corev1.Resource("pods")) },
		})
	}
	if nodes := d.Store(corev1.Resource("nodes")); nodes != nil {
		add(core, "nodes/proxy", nodeStreams{&nodeProxy{nodes: nodes, kubelet: d.Kubelet, outbound: out}, d.Authorizer})
	}
	if namespaces := d.Store(corev1.Resource("namespaces")); namespaces != nil {
		add(core, "namespaces/finalize", updateOnly{newPart(namespaces, finalize{namespaces.UpdateStrategy})})
	}
	if accounts := d.Store(corev1.Resource("serviceaccounts")); accounts != nil && d.Tokens != nil {
		add(core, "serviceaccounts/token", &token{
			accounts: accounts, issuer: d.Tokens,
			objects: tokens.Stores(func(r schema.GroupResource) tokens.Reader {
				if store := d.Store(r); store != nil {
					return store
				}
				return nil
			}),
		})
	}
	if requests := d.Store(certificatesv1.Resource("certificatesigningrequests")); requests != nil {
		add(certificatesv1.SchemeGroupVersion, "certificatesigningrequests/approval",
			newPart(requests, approval{requests.UpdateStrategy, d.Clock}))
	}
	return all
}
