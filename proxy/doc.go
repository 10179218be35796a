// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package proxy makes Services work on one node: it follows Services,
// EndpointSlices, Nodes and the node's own pods, works out what every
// connection to a Service needs (proxy/state), and has a back end put that into
// the kernel. It also keeps the routes to other nodes' pods (proxy/network) and,
// where configured, answers the cluster's names (proxy/dns).
//
// One loop drives everything (loop.go): an event marks what it touches, the
// loop resolves what is marked and hands the back end exactly the difference.
// Now and then it looks whether somebody else has changed the kernel's tables,
// and only then, or once an hour, compares everything.
//
// A new back end is a folder with a type that satisfies Backend, a line in
// backends.go, and a test that passes proxy/backendtest.
package proxy
