// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	apiextensionsapiserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	extensionsopenapi "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/applyconfigurations"
	aggregatorscheme "k8s.io/kube-aggregator/pkg/apiserver/scheme"
	aggregatoropenapi "k8s.io/kube-aggregator/pkg/generated/openapi"
	openapicommon "k8s.io/kube-openapi/pkg/common"
)

// extensionsOpenAPI and aggregatorOpenAPI are what the two servers of the libraries need to track the owners of fields.
func extensionsOpenAPI() *openapicommon.OpenAPIV3Config {
	return genericapiserver.DefaultOpenAPIV3Config(extensionsopenapi.GetOpenAPIDefinitions, openapi.NewDefinitionNamer(apiextensionsapiserver.Scheme))
}

func aggregatorOpenAPI() *openapicommon.OpenAPIV3Config {
	return genericapiserver.DefaultOpenAPIV3Config(aggregatoropenapi.GetOpenAPIDefinitions, openapi.NewDefinitionNamer(aggregatorscheme.Scheme))
}

// typeConverter tells fields apart for their owners' sake, for built-in kinds.
func typeConverter(scheme *runtime.Scheme) managedfields.TypeConverter {
	return applyconfigurations.NewTypeConverter(scheme)
}
