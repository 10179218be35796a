// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package registry turns descriptions of kinds (apis/kind) into what k8s.io/apiserver serves: a scheme and one generic
// storage a kind, with its status and scale subresources. It knows no kind by name.
//
// The hub trick. Kubernetes' libraries store and validate an "internal" version of every kind and convert from and to
// it at the edges. Here the published Go type of the hub version is registered under the internal version as well, so
// that conversion between the two is setting a kind and a version and nothing is copied on the hot path. Two rules
// follow. Encoding such an object writes its TypeMeta in place, so an object that a cache owns is copied before it is
// encoded. And a second scheme without internal versions (Published) names the types for OpenAPI.
//
// What can't be said as data (allocating a cluster IP, binding a pod) is attached by resource: see Hook for what
// surrounds a write, and rest.Storage values that the server adds beside those made here.
package registry
