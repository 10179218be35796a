// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/applyconfigurations"

	"coxswain.dev/coxswain/apiserver/registry"
)

// hooks surround the writes of the resources that need more than their description.
func (b *builder) hooks() map[schema.GroupResource]registry.Hook { return nil }

// attach adds subresources, reviews and what must exist at the start.
func (b *builder) attach(*genericapiserver.GenericAPIServer) error { return nil }

func typeConverter(scheme *runtime.Scheme) managedfields.TypeConverter {
	return applyconfigurations.NewTypeConverter(scheme)
}
