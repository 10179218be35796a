// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package flowcontrol describes the kinds of the API group flowcontrol.apiserver.k8s.io, which say how the API server
// shares its capacity among those who ask: FlowSchemas sort requests into flows, PriorityLevelConfigurations give the
// flows seats and queues.
//
// The objects called exempt and catch-all are fixed: without them the server could neither let an administrator in nor
// classify every request.
package flowcontrol
