// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package network is the node's part of the pod network: the CNI configuration of the bridge that pods hang on, and the
// files by which a pod knows names (hosts and resolv.conf). Masquerading, Services, host ports and the routes to other
// nodes are the proxy's.
package network
