// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package discovery describes the kinds of the API group discovery.k8s.io: endpoint slices, which say where the traffic
// of a Service goes.
package discovery
