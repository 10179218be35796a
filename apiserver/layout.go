// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsapiserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregatorscheme "k8s.io/kube-aggregator/pkg/apiserver/scheme"

	"coxswain.dev/coxswain/apis/kind"
	"coxswain.dev/coxswain/apiserver/storage"
)

// codecOf tells how a resource is encoded, as storage.Getter asks for it.
type codecOf = func(schema.GroupResource) (runtime.Codec, runtime.GroupVersioner)

// layout is where built-in kinds are kept, by which version, and which of them have no watch cache: objects with a
// lifetime (events) come and go too fast for one to be worth its memory.
func layout(groups []kind.Group) (places map[schema.GroupResource]string, hubs map[schema.GroupResource]schema.GroupVersion, uncached map[schema.GroupResource]bool) {
	places, hubs = map[schema.GroupResource]string{}, map[schema.GroupResource]schema.GroupVersion{}
	uncached = map[schema.GroupResource]bool{}
	for _, group := range groups {
		for _, k := range group.Kinds {
			d := k.Describe()
			resource := d.GroupResource()
			places[resource], hubs[resource] = d.StorageResource, d.GroupVersion
			uncached[resource] = d.TTL != nil
		}
	}
	return places, hubs, uncached
}

func builtInPrefix(places map[schema.GroupResource]string) func(schema.GroupResource) string {
	return func(resource schema.GroupResource) string {
		if place, ok := places[resource]; ok {
			return place
		}
		return resource.Resource
	}
}

// groupPrefix is where objects of all other kinds are kept.
func groupPrefix(resource schema.GroupResource) string {
	return resource.Group + "/" + resource.Resource
}

func (b *builder) cached(uncached map[schema.GroupResource]bool) func(schema.GroupResource) bool {
	return func(resource schema.GroupResource) bool { return !b.config.Store.NoWatchCache && !uncached[resource] }
}

// getter is for the servers around the one of the built-in kinds.
func (b *builder) getter(codec codecOf, prefix func(schema.GroupResource) string) *storage.Getter {
	return &storage.Getter{
		Backend: b.backend, Codec: codec, Prefix: prefix, Cached: b.cached(nil),
		DeleteCollectionWorkers: b.config.Store.DeleteCollectionWorkers,
	}
}

// protobuf encodes the hub versions of built-in kinds as Kubernetes does.
func protobuf(scheme *runtime.Scheme, hubs map[schema.GroupResource]schema.GroupVersion) (codecOf, error) {
	codecs := serializer.NewCodecFactory(scheme)
	made := map[schema.GroupVersion]runtime.Codec{}
	versioners := map[schema.GroupVersion]runtime.GroupVersioner{}
	for _, hub := range hubs {
		if made[hub] != nil {
			continue
		}
		codec, versioner, err := serverstorage.NewStorageCodec(serverstorage.StorageCodecConfig{
			StorageMediaType:  runtime.ContentTypeProtobuf,
			StorageSerializer: codecs,
			StorageVersion:    hub,
			MemoryVersion:     schema.GroupVersion{Group: hub.Group, Version: runtime.APIVersionInternal},
			Config:            storagebackend.Config{},
		})
		if err != nil {
			return nil, fmt.Errorf("making the storage codec of %s: %w", hub, err)
		}
		made[hub], versioners[hub] = codec, versioner
	}
	return func(resource schema.GroupResource) (runtime.Codec, runtime.GroupVersioner) {
		return made[hubs[resource]], versioners[hubs[resource]]
	}, nil
}

// extensionsCodec, aggregatorCodec and unstructuredCodec keep what they encode as JSON, as Kubernetes does.
func extensionsCodec(schema.GroupResource) (runtime.Codec, runtime.GroupVersioner) {
	gv := apiextensionsv1.SchemeGroupVersion
	return apiextensionsapiserver.Codecs.LegacyCodec(gv), gv
}

func aggregatorCodec(schema.GroupResource) (runtime.Codec, runtime.GroupVersioner) {
	gv := apiregistrationv1.SchemeGroupVersion
	return aggregatorscheme.Codecs.LegacyCodec(gv), gv
}

func unstructuredCodec(schema.GroupResource) (runtime.Codec, runtime.GroupVersioner) {
	return unstructured.UnstructuredJSONScheme, nil
}
