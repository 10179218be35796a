// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build openapi

// Command generate writes the OpenAPI documents of the built-in kinds from the routes of a running server. It is built
// by hack/openapi/generate.sh, which makes the definitions that it needs first.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/emicklei/go-restful/v3"
	apiextensionsapiserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apimachinery/pkg/runtime"
	apiopenapi "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	aggregatorscheme "k8s.io/kube-aggregator/pkg/apiserver/scheme"
	"k8s.io/kube-openapi/pkg/builder"
	"k8s.io/kube-openapi/pkg/builder3"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/common/restfuladapter"
	"k8s.io/kube-openapi/pkg/handler"
	"k8s.io/kube-openapi/pkg/schemaconv"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/structured-merge-diff/v6/schema"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/apiserver"
	"coxswain.dev/coxswain/apiserver/etcd"
	"coxswain.dev/coxswain/apiserver/metricsapi"
	"coxswain.dev/coxswain/apiserver/openapi"
	"coxswain.dev/coxswain/apiserver/registry"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out string) error {
	services, err := routes()
	if err != nil {
		return err
	}
	published, err := registry.Published(append(apis.Groups(), metricsapi.Group()))
	if err != nil {
		return err
	}
	namer := apiopenapi.NewDefinitionNamer(published, apiextensionsapiserver.Scheme, aggregatorscheme.Scheme)
	if err := writeV2(out, services, namer); err != nil {
		return err
	}
	v3 := genericapiserver.DefaultOpenAPIV3Config(GetOpenAPIDefinitions, namer)
	v3.Info.Title, v3.Info.Version = docTitle, docVersion
	if err := writeV3(out, services, v3); err != nil {
		return err
	}
	return writeSchema(out, published, v3)
}

const (
	docTitle   = "Kubernetes"
	docVersion = "v1.37.2"
)

// routes starts a server, to read what it answers.
func routes() ([]*restful.WebService, error) {
	dir, err := os.MkdirTemp("", "openapi")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	server, err := apiserver.New(apiserver.Config{
		Store:   apiserver.StoreConfig{Embedded: etcd.Config{Dir: filepath.Join(dir, "etcd"), UnsafeNoFsync: true}},
		Serving: apiserver.ServingConfig{BindAddress: net.IPv4(127, 0, 0, 1), CertDir: filepath.Join(dir, "pki")},
		Authentication: apiserver.AuthenticationConfig{
			ServiceAccountIssuers: []string{"https://kubernetes.default.svc"}, ServiceAccountSigningKeyFile: os.Args[2],
		},
	})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- server.Start(ctx) }()
	select {
	case <-server.Ready():
	case err := <-stopped:
		stop()
		return nil, err
	}
	services := server.Routes()
	stop()
	return services, <-stopped
}

func writeV2(out string, services []*restful.WebService, namer *apiopenapi.DefinitionNamer) error {
	config := genericapiserver.DefaultOpenAPIConfig(GetOpenAPIDefinitions, namer)
	config.Info.Title, config.Info.Version = docTitle, docVersion
	config.SecurityDefinitions = &spec.SecurityDefinitions{"BearerToken": &spec.SecurityScheme{SecuritySchemeProps: spec.SecuritySchemeProps{
		Type: "apiKey", Name: "authorization", In: "header", Description: "Bearer Token authentication",
	}}}
	config.DefaultSecurity = []map[string][]string{{"BearerToken": {}}}
	document, err := builder.BuildOpenAPISpecFromRoutes(restfuladapter.AdaptWebServices(services), config)
	if err != nil {
		return fmt.Errorf("building the v2 document: %w", err)
	}
	document.Definitions = handler.PruneDefaults(document.Definitions)
	return write(filepath.Join(out, "v2.json.gz"), document)
}

func writeV3(out string, services []*restful.WebService, config *common.OpenAPIV3Config) error {
	hashes := map[string]string{}
	for _, service := range services {
		path := strings.Trim(service.RootPath(), "/")
		if _, twice := hashes[path]; twice {
			continue
		}
		document, err := builder3.BuildOpenAPISpecFromRoutes(restfuladapter.AdaptWebServices([]*restful.WebService{service}), config)
		if err != nil {
			return fmt.Errorf("building the document of %s: %w", path, err)
		}
		raw, err := json.Marshal(document)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(raw)
		hashes[path] = strings.ToUpper(hex.EncodeToString(sum[:16]))
		if err := write(filepath.Join(out, openapi.FileOf(path)), json.RawMessage(raw)); err != nil {
			return err
		}
	}
	raw, err := json.MarshalIndent(hashes, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "index.json"), append(raw, '\n'), 0o644)
}

// writeSchema writes the fields of every published type, for tracking their owners.
func writeSchema(out string, published *runtime.Scheme, config *common.OpenAPIV3Config) error {
	schemas := map[string]*spec.Schema{}
	var names []string
	for gvk := range published.AllKnownTypes() {
		if name, err := published.ToOpenAPIDefinitionName(gvk); err == nil && config.Definitions[name].Schema.Type != nil {
			names = append(names, name)
		}
	}
	built, err := builder3.BuildOpenAPIDefinitionsForResources(config, names...)
	if err != nil {
		return fmt.Errorf("building the definitions of all kinds: %w", err)
	}
	for name, definition := range built {
		schemas[name] = definition
	}
	converted, err := schemaconv.ToSchemaFromOpenAPI(schemas, false)
	if err != nil {
		return fmt.Errorf("converting definitions: %w", err)
	}
	slices.SortFunc(converted.Types, func(a, b schema.TypeDef) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range converted.Types {
		if t.Map == nil {
			continue
		}
		slices.SortFunc(t.Map.Fields, func(a, b schema.StructField) int { return strings.Compare(a.Name, b.Name) })
		for i := range t.Map.Fields {
			if t.Map.Fields[i].Default, err = plain(t.Map.Fields[i].Default); err != nil {
				return err
			}
		}
	}
	raw, err := openapi.EncodeSchema(converted)
	if err != nil {
		return err
	}
	return writeRaw(filepath.Join(out, "schema.gob.gz"), raw)
}

// plain makes a default value one of JSON's types; definitions have it in the Go type of the field.
func plain(value any) (any, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var made any
	err = json.Unmarshal(raw, &made)
	return made, err
}

func write(file string, document any) error {
	raw, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return writeRaw(file, raw)
}

func writeRaw(file string, raw []byte) error {
	var buffer bytes.Buffer
	w, err := gzip.NewWriterLevel(&buffer, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, buffer.Bytes(), 0o644)
}
