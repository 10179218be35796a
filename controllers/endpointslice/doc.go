// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package endpointslice keeps the EndpointSlices of every Service with a selector in step with the pods that it selects.
//
// It owns the slices labelled as managed by endpointslice-controller.k8s.io, and no others: slices made by hand or by
// other programs stay as they are. What goes into which slice is decided by k8s.io/endpointslice, the library that
// Kubernetes' own controller is built on; this package brings it events, snapshots and a guard against stale caches.
package endpointslice
