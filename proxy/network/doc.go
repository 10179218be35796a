// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package network is what a node's network needs and no CNI plugin makes: the
// bridge between the nodes of one machine, the route by which the node itself
// reaches cluster IPs, routes to the pods of other nodes, and the kernel
// settings that forwarding and translation rest on.
//
// Setup is run before the API server listens on the node's address, and may be
// run again at any time. Remove takes everything away, also what a killed
// process left. Routes follows the Nodes while the proxy runs.
package network
