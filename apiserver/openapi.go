// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"github.com/emicklei/go-restful/v3"
	apiextensionsapiserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	extensionsopenapi "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	apiopenapi "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	aggregatorscheme "k8s.io/kube-aggregator/pkg/apiserver/scheme"
	aggregatoropenapi "k8s.io/kube-aggregator/pkg/generated/openapi"
	openapicommon "k8s.io/kube-openapi/pkg/common"

	"coxswain.dev/coxswain/apiserver/openapi"
)

// extensionsOpenAPI and aggregatorOpenAPI are what the two servers of the libraries need to track the owners of fields.
func extensionsOpenAPI() *openapicommon.OpenAPIV3Config {
	return genericapiserver.DefaultOpenAPIV3Config(extensionsopenapi.GetOpenAPIDefinitions, apiopenapi.NewDefinitionNamer(apiextensionsapiserver.Scheme))
}

func aggregatorOpenAPI() *openapicommon.OpenAPIV3Config {
	return genericapiserver.DefaultOpenAPIV3Config(aggregatoropenapi.GetOpenAPIDefinitions, apiopenapi.NewDefinitionNamer(aggregatorscheme.Scheme))
}

// serveOpenAPI answers with the documents of built-in kinds and custom resources. The aggregator stands before it and
// adds those of remote servers.
func serveOpenAPI(server *genericapiserver.GenericAPIServer, custom *apiextensionsapiserver.CustomResourceDefinitions) {
	handler := openapi.NewHandler(custom.Informers.Apiextensions().V1().CustomResourceDefinitions().Lister())
	routes := server.Handler.NonGoRestfulMux
	routes.Handle(openapi.PathV2, handler)
	routes.Handle(openapi.PathV3, handler)
	routes.HandlePrefix(openapi.PathV3+"/", handler)
}

// Routes are what the servers of the chain answer, for the documents that are made at build time. It is empty before
// the server is ready.
func (s *Server) Routes() []*restful.WebService {
	if c := s.chain.Load(); c != nil {
		return c.routes()
	}
	return nil
}
