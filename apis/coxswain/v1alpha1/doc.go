// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the kinds that Coxswain adds to Kubernetes, as ordinary custom resources: the Go types here are
// the source, and their deep copies and the manifests in config/crd are generated from them (hack/update-codegen.sh).
//
// +kubebuilder:object:generate=true
// +groupName=coxswain.dev
package v1alpha1
