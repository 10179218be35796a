// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apiserver/pkg/admission"
	genericapi "k8s.io/apiserver/pkg/endpoints"
	"k8s.io/apiserver/pkg/endpoints/discovery"
	"k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"coxswain.dev/coxswain/apis/kind"
	"coxswain.dev/coxswain/apiserver/registry"
)

// kinds are the built-in kinds as they are about to be served: storages by group version and path below it.
type kinds struct {
	groups   []kind.Group
	scheme   *runtime.Scheme
	stores   map[schema.GroupResource]*genericregistry.Store
	storages map[schema.GroupVersion]map[string]rest.Storage
}

// newKinds makes the storages of every kind that is kept.
func newKinds(groups []kind.Group, config registry.Config) (*kinds, error) {
	k := &kinds{
		groups:   groups,
		scheme:   config.Scheme,
		stores:   map[schema.GroupResource]*genericregistry.Store{},
		storages: map[schema.GroupVersion]map[string]rest.Storage{},
	}
	for _, group := range groups {
		for _, described := range group.Kinds {
			d := described.Describe()
			if d.Transient {
				continue
			}
			store, storages, err := registry.New(config, d)
			if err != nil {
				k.destroy()
				return nil, err
			}
			k.stores[d.GroupResource()] = store
			k.addAll(d.GroupVersion, d.Names.Plural, storages)
			for _, version := range d.Also {
				plural := version.Plural
				if plural == "" {
					plural = d.Names.Plural
				}
				k.addAll(version.GroupVersion, plural, storages)
			}
		}
	}
	return k, nil
}

func (k *kinds) addAll(gv schema.GroupVersion, plural string, storages registry.Storages) {
	for below, storage := range storages {
		k.add(gv, strings.TrimSuffix(plural+"/"+below, "/"), storage)
	}
}

// add serves storage under resource, in place of whatever was there.
func (k *kinds) add(gv schema.GroupVersion, resource string, storage rest.Storage) {
	if k.storages[gv] == nil {
		k.storages[gv] = map[string]rest.Storage{}
	}
	k.storages[gv][resource] = storage
}

// store is the store of a built-in kind, nil when there is none.
func (k *kinds) store(resource schema.GroupResource) *genericregistry.Store {
	return k.stores[resource]
}

// installer adds kinds to a server. The library's own way builds OpenAPI definitions of every type on the way, which
// takes longer than everything else at the start; ours are made at build time.
type installer struct {
	server        *genericapiserver.GenericAPIServer
	config        *genericapiserver.Config
	admission     admission.Interface
	typeConverter managedfields.TypeConverter
}

func (i installer) install(k *kinds) error {
	codecs := serializer.NewCodecFactory(k.scheme,
		serializer.WithStreamingCollectionEncodingToJSON(), serializer.WithStreamingCollectionEncodingToProtobuf())
	for _, group := range k.groups {
		if err := i.installGroup(k, group, codecs); err != nil {
			return fmt.Errorf("serving group %q: %w", group.Name, err)
		}
	}
	return nil
}

func (i installer) installGroup(k *kinds, group kind.Group, codecs serializer.CodecFactory) error {
	root, described := genericapiserver.APIGroupPrefix, i.server.AggregatedDiscoveryGroupManager
	if group.Name == "" {
		root, described = genericapiserver.DefaultLegacyAPIPrefix, i.server.AggregatedLegacyDiscoveryGroupManager
	}
	var served []metav1.GroupVersionForDiscovery
	for _, name := range group.Versions {
		gv := schema.GroupVersion{Group: group.Name, Version: name}
		if len(k.storages[gv]) == 0 {
			continue
		}
		resources, _, err := i.version(k, group, gv, root, codecs).InstallREST(i.server.Handler.GoRestfulContainer)
		if err != nil {
			return err
		}
		described.AddGroupVersion(group.Name, apidiscoveryv2.APIVersionDiscovery{
			Freshness: apidiscoveryv2.DiscoveryFreshnessCurrent, Version: name, Resources: resources,
		})
		served = append(served, metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: name})
		i.watchReadiness(k, gv)
	}
	if len(served) == 0 {
		return nil
	}
	i.addDiscovery(group, served)
	return nil
}

func (i installer) version(k *kinds, group kind.Group, gv schema.GroupVersion, root string, codecs serializer.CodecFactory) *genericapi.APIGroupVersion {
	return &genericapi.APIGroupVersion{
		Storage:                     k.storages[gv],
		Root:                        root,
		GroupVersion:                gv,
		AllServedVersionsByResource: servedVersions(k, group),
		OptionsExternalVersion:      &schema.GroupVersion{Version: "v1"},
		Serializer:                  codecs,
		ParameterCodec:              runtime.NewParameterCodec(k.scheme),
		Typer:                       k.scheme,
		Creater:                     k.scheme,
		Convertor:                   k.scheme,
		ConvertabilityChecker:       k.scheme,
		UnsafeConvertor:             runtime.UnsafeObjectConvertor(k.scheme),
		Defaulter:                   k.scheme,
		Namer:                       runtime.Namer(meta.NewAccessor()),
		TypeConverter:               i.typeConverter,
		EquivalentResourceRegistry:  i.server.EquivalentResourceRegistry,
		Authorizer:                  i.server.Authorizer,
		Admit:                       i.admission,
		MinRequestTimeout:           secondsOf(i.config.MinRequestTimeout),
		MaxRequestBodyBytes:         i.config.MaxRequestBodyBytes,
	}
}

func servedVersions(k *kinds, group kind.Group) map[string][]string {
	served := map[string][]string{}
	for _, name := range group.Versions {
		gv := schema.GroupVersion{Group: group.Name, Version: name}
		for resource := range k.storages[gv] {
			served[resource] = append(served[resource], gv.String())
		}
	}
	return served
}

func (i installer) addDiscovery(group kind.Group, served []metav1.GroupVersionForDiscovery) {
	container := i.server.Handler.GoRestfulContainer
	if group.Name == "" {
		legacy := discovery.NewLegacyRootAPIHandler(i.config.DiscoveryAddresses, i.server.Serializer, genericapiserver.DefaultLegacyAPIPrefix)
		m := i.server.AggregatedLegacyDiscoveryGroupManager
		container.Add(aggregated.WrapAggregatedDiscoveryToHandler(legacy, m, m).
			GenerateWebService(genericapiserver.DefaultLegacyAPIPrefix, metav1.APIVersions{}))
		return
	}
	g := metav1.APIGroup{Name: group.Name, Versions: served, PreferredVersion: served[0]}
	i.server.DiscoveryGroupManager.AddGroup(g)
	container.Add(discovery.NewAPIGroupHandler(i.server.Serializer, g).WebService())
}

// watchReadiness keeps the server from being ready before its watch caches are filled.
func (i installer) watchReadiness(k *kinds, gv schema.GroupVersion) {
	for resource, storage := range k.storages[gv] {
		if s, ok := storage.(rest.StorageWithReadiness); ok && !strings.Contains(resource, "/") {
			i.server.StorageReadinessHook.RegisterStorage(metav1.GroupVersionResource{
				Group: gv.Group, Version: gv.Version, Resource: resource,
			}, s)
		}
	}
}

// destroy ends the watch caches of all kinds.
func (k *kinds) destroy() {
	for _, store := range k.stores {
		store.Destroy()
	}
}
