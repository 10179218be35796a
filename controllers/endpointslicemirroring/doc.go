// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package endpointslicemirroring makes EndpointSlices of Endpoints that people or programs write by hand, for Services
// without a selector, since proxies and DNS read slices only.
//
// It owns the slices labelled as managed by endpointslicemirroring-controller.k8s.io: one for each address family and set
// of ports of an Endpoints object, named by these, so that making one twice finds the first. Endpoints labelled
// endpointslice.kubernetes.io/skip-mirror, or used as the lock of a leader election, are left alone, and so are those of
// Services with a selector: these have slices of their own.
package endpointslicemirroring
