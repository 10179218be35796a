// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/coredns/coredns/plugin/kubernetes"
	"github.com/coredns/coredns/plugin/kubernetes/object"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Indexes of the cache. They bear our name because the cache may be shared.
const (
	indexServiceIP  = "coxswain.dev/dns-service-ip"
	indexEndpoints  = "coxswain.dev/dns-service"
	indexEndpointIP = "coxswain.dev/dns-endpoint-ip"
)

// source gives CoreDNS's kubernetes plugin what its own informers would: it
// converts what a query needs at the time of the query. The methods that
// CoreDNS calls carry no context; they never block, because nothing is read
// before the informers have their first lists.
type source struct {
	cache    cache.Cache
	modified atomic.Int64
	synced   atomic.Bool
	now      func() int64
	lists    []toolscache.InformerSynced
}

func newSource(informers cache.Cache, now func() int64) *source {
	s := &source{cache: informers, now: now}
	s.modified.Store(now())
	return s
}

// prepare makes the indexes and informers. The handler also hears of events.
func (s *source) prepare(ctx context.Context, heard func(client.Object)) error {
	for _, index := range []struct {
		kind  client.Object
		field string
		value client.IndexerFunc
	}{
		{&corev1.Service{}, indexServiceIP, func(obj client.Object) []string { return clusterIPs(obj.(*corev1.Service)) }},
		{&discoveryv1.EndpointSlice{}, indexEndpoints, func(obj client.Object) []string {
			return []string{obj.GetLabels()[discoveryv1.LabelServiceName]}
		}},
		{&discoveryv1.EndpointSlice{}, indexEndpointIP, func(obj client.Object) []string { return endpointIPs(obj.(*discoveryv1.EndpointSlice)) }},
	} {
		if err := s.cache.IndexField(ctx, index.kind, index.field, index.value); err != nil {
			return err
		}
	}
	event := func(obj any) {
		s.modified.Store(s.now())
		if tombstone, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
			obj = tombstone.Obj
		}
		if typed, ok := obj.(client.Object); ok {
			heard(typed)
		}
	}
	for _, kind := range []client.Object{&corev1.Service{}, &discoveryv1.EndpointSlice{}, &corev1.Namespace{}} {
		informer, err := s.cache.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return err
		}
		registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: event, UpdateFunc: func(_, obj any) { event(obj) }, DeleteFunc: event,
		})
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { _ = informer.RemoveEventHandler(registration) })
		s.lists = append(s.lists, registration.HasSynced)
	}
	return nil
}

func clusterIPs(service *corev1.Service) []string {
	if service.Spec.ClusterIP == corev1.ClusterIPNone || service.Spec.ClusterIP == "" {
		return nil
	}
	if len(service.Spec.ClusterIPs) > 0 {
		return service.Spec.ClusterIPs
	}
	return []string{service.Spec.ClusterIP}
}

func endpointIPs(slice *discoveryv1.EndpointSlice) []string {
	var ips []string
	for i := range slice.Endpoints {
		ips = append(ips, slice.Endpoints[i].Addresses...)
	}
	return ips
}

// HasSynced says whether the first lists are complete.
func (s *source) HasSynced() bool {
	if s.synced.Load() {
		return true
	}
	for _, done := range s.lists {
		if !done() {
			return false
		}
	}
	s.synced.Store(len(s.lists) > 0)
	return s.synced.Load()
}

// Run and Stop have nothing to do: the proxy runs the informers.
func (s *source) Run() {}

// Stop implements the plugin's interface.
func (s *source) Stop() error { return nil }

// Modified is the serial number of the zone.
func (s *source) Modified(kubernetes.ModifiedMode) int64 { return s.modified.Load() }

func (s *source) services(options ...client.ListOption) []*object.Service {
	var list corev1.ServiceList
	if !s.list(&list, options) {
		return nil
	}
	found := make([]*object.Service, 0, len(list.Items))
	for i := range list.Items {
		// ToService clears the struct it is given; the items are ours, what they
		// point to is the cache's and only read.
		if service, err := object.ToService(&list.Items[i]); err == nil {
			found = append(found, service.(*object.Service))
		}
	}
	return found
}

func (s *source) endpoints(options ...client.ListOption) []*object.Endpoints {
	var list discoveryv1.EndpointSliceList
	if !s.list(&list, options) {
		return nil
	}
	found := make([]*object.Endpoints, 0, len(list.Items))
	for i := range list.Items {
		if endpoints, err := object.EndpointSliceToEndpoints(&list.Items[i]); err == nil {
			found = append(found, endpoints.(*object.Endpoints))
		}
	}
	return found
}

func (s *source) list(into client.ObjectList, options []client.ListOption) bool {
	return s.HasSynced() && s.cache.List(context.Background(), into, append(options, client.UnsafeDisableDeepCopy)...) == nil
}

// split takes CoreDNS's key of a service apart: names have no dots.
func split(key string) (name, namespace string) {
	name, namespace, _ = strings.Cut(key, ".")
	return name, namespace
}

// ServiceList returns all services.
func (s *source) ServiceList() []*object.Service { return s.services() }

// EndpointsList returns all endpoints.
func (s *source) EndpointsList() []*object.Endpoints { return s.endpoints() }

// SvcIndex finds a service by name.
func (s *source) SvcIndex(key string) []*object.Service {
	if !s.HasSynced() {
		return nil
	}
	name, namespace := split(key)
	var service corev1.Service
	if err := s.cache.Get(context.Background(), types.NamespacedName{Namespace: namespace, Name: name}, &service); err != nil {
		return nil
	}
	found, err := object.ToService(&service)
	if err != nil {
		return nil
	}
	return []*object.Service{found.(*object.Service)}
}

// SvcIndexReverse finds services by cluster IP.
func (s *source) SvcIndexReverse(ip string) []*object.Service {
	return s.services(client.MatchingFields{indexServiceIP: ip})
}

// EpIndex finds the endpoints of a service.
func (s *source) EpIndex(key string) []*object.Endpoints {
	name, namespace := split(key)
	return s.endpoints(client.InNamespace(namespace), client.MatchingFields{indexEndpoints: name})
}

// EpIndexReverse finds endpoints by address.
func (s *source) EpIndexReverse(ip string) []*object.Endpoints {
	return s.endpoints(client.MatchingFields{indexEndpointIP: ip})
}

// GetNamespaceByName finds a namespace.
func (s *source) GetNamespaceByName(name string) (*object.Namespace, error) {
	if !s.HasSynced() {
		return nil, errors.New("the namespaces are not known yet")
	}
	var found corev1.Namespace
	if err := s.cache.Get(context.Background(), types.NamespacedName{Name: name}, &found); err != nil {
		return nil, err
	}
	converted, err := object.ToNamespace(&found)
	if err != nil {
		return nil, err
	}
	return converted.(*object.Namespace), nil
}

// GetNodeByName finds a node.
func (s *source) GetNodeByName(ctx context.Context, name string) (*corev1.Node, error) {
	var node corev1.Node
	return &node, s.cache.Get(ctx, types.NamespacedName{Name: name}, &node)
}

// What follows belongs to options of the plugin that are off: verified pods,
// external names, and several clusters.

// PodIndex finds nothing.
func (s *source) PodIndex(string) []*object.Pod { return nil }

// SvcExtIndexReverse finds nothing.
func (s *source) SvcExtIndexReverse(string) []*object.Service { return nil }

// ServiceImportList finds nothing.
func (s *source) ServiceImportList() []*object.ServiceImport { return nil }

// SvcImportIndex finds nothing.
func (s *source) SvcImportIndex(string) []*object.ServiceImport { return nil }

// McEpIndex finds nothing.
func (s *source) McEpIndex(string) []*object.MultiClusterEndpoints { return nil }
