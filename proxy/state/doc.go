// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package state turns Services, EndpointSlices and the host ports of this
// node's pods into one model of what the node must do with connections.
//
// Everything here is pure: no client, no clock, no kernel. Resolve answers for
// one Service, ResolvePod for one pod, Build for all of them at once. Tracker
// keeps the answer current while objects come and go, and reports what changed
// since it was last asked, so that a back end touches only that.
//
// The rules that decide which endpoints get a connection (ready, else serving
// while terminating; traffic policies; hints) live in endpoints.go and nowhere
// else: back ends only see the outcome.
package state
