// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder"
	"k8s.io/kube-openapi/pkg/handler"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// served lists the custom resource definitions that have names, by the path of the group versions that they serve.
func served(crds []*apiextensionsv1.CustomResourceDefinition) map[string][]*apiextensionsv1.CustomResourceDefinition {
	byPath := map[string][]*apiextensionsv1.CustomResourceDefinition{}
	for _, crd := range crds {
		if !established(crd) {
			continue
		}
		for _, v := range crd.Spec.Versions {
			if v.Served {
				path := "apis/" + crd.Spec.Group + "/" + v.Name
				byPath[path] = append(byPath[path], crd)
			}
		}
	}
	for _, crds := range byPath {
		slices.SortFunc(crds, func(a, b *apiextensionsv1.CustomResourceDefinition) int { return strings.Compare(a.Name, b.Name) })
	}
	return byPath
}

func established(crd *apiextensionsv1.CustomResourceDefinition) bool {
	return slices.ContainsFunc(crd.Status.Conditions, func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
		return c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
	})
}

// hashOf changes whenever one of crds does.
func hashOf(crds []*apiextensionsv1.CustomResourceDefinition) string {
	h := sha256.New()
	for _, crd := range crds {
		fmt.Fprintf(h, "%s/%d\n", crd.UID, crd.Generation)
	}
	return strings.ToUpper(hex.EncodeToString(h.Sum(nil)[:16]))
}

// documentOf is the v3 document of a group version of custom resources.
func documentOf(path string, crds []*apiextensionsv1.CustomResourceDefinition) ([]byte, error) {
	version := path[strings.LastIndex(path, "/")+1:]
	var parts []*spec3.OpenAPI
	for _, crd := range crds {
		part, err := builder.BuildOpenAPIV3(crd, version, builder.Options{IncludeSelectableFields: true})
		if err != nil {
			return nil, fmt.Errorf("describing %s: %w", crd.Name, err)
		}
		parts = append(parts, part)
	}
	merged, err := builder.MergeSpecsV3(parts...)
	if err != nil {
		return nil, fmt.Errorf("describing %s: %w", path, err)
	}
	return json.Marshal(merged)
}

// withCustom is the v2 document of built-in kinds and of what crds serve.
func withCustom(crds map[string][]*apiextensionsv1.CustomResourceDefinition) ([]byte, error) {
	raw, err := plain(v2File)
	if err != nil || len(crds) == 0 {
		return raw, err
	}
	static := &spec.Swagger{}
	if err := json.Unmarshal(raw, static); err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document of built-in kinds: %w", err)
	}
	var parts []*spec.Swagger
	for path, defined := range crds {
		version := path[strings.LastIndex(path, "/")+1:]
		for _, crd := range defined {
			part, err := builder.BuildOpenAPIV2(crd, version, builder.Options{V2: true, IncludeSelectableFields: true})
			if err != nil {
				return nil, fmt.Errorf("describing %s: %w", crd.Name, err)
			}
			part.Definitions = handler.PruneDefaults(part.Definitions)
			parts = append(parts, part)
		}
	}
	merged, err := builder.MergeSpecs(static, parts...)
	if err != nil {
		return nil, fmt.Errorf("merging OpenAPI documents: %w", err)
	}
	return json.Marshal(merged)
}
