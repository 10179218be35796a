// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"os"

	kubeproxyv1alpha1 "k8s.io/kube-proxy/config/v1alpha1"
	"sigs.k8s.io/yaml"
)

// readFile reads a KubeProxyConfiguration. Unknown fields are refused: a
// misspelt one would silently change nothing.
func readFile(path string) (*kubeproxyv1alpha1.KubeProxyConfiguration, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading --config: %w", err)
	}
	file := &kubeproxyv1alpha1.KubeProxyConfiguration{}
	if err := yaml.UnmarshalStrict(raw, file); err != nil {
		return nil, fmt.Errorf("reading --config %s: %w", path, err)
	}
	if want := kubeproxyv1alpha1.SchemeGroupVersion.String(); file.APIVersion != want || file.Kind != "KubeProxyConfiguration" {
		return nil, fmt.Errorf("reading --config %s: it is a %s %s, want a %s KubeProxyConfiguration", path, file.APIVersion, file.Kind, want)
	}
	return file, nil
}
