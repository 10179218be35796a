// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kubelet finds and dials node agents: given the name of a node it tells the address, port and transport under
// which the agent there serves its API. Subresources of pods and nodes, and metrics.k8s.io, go through it.
package kubelet
