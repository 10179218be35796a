// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package crd carries the manifests of our own kinds, so that a cluster can install them when it starts. Everything else
// in this folder is generated from the Go types in apis/coxswain (hack/update-codegen.sh).
package crd

import (
	"embed"
	"fmt"
	"io/fs"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// FS holds the manifests, one CustomResourceDefinition a file.
//
//go:embed *.yaml
var FS embed.FS

// All returns the definitions, in the order of their file names. The caller owns them.
func All() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	files, err := fs.Glob(FS, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("listing embedded manifests: %w", err)
	}
	all := make([]*apiextensionsv1.CustomResourceDefinition, 0, len(files))
	for _, file := range files {
		text, err := FS.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading embedded manifest %s: %w", file, err)
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, definition); err != nil {
			return nil, fmt.Errorf("decoding embedded manifest %s: %w", file, err)
		}
		all = append(all, definition)
	}
	return all, nil
}
