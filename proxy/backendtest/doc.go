// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package backendtest is the test suite that every back end of the proxy has
// to pass, on a small network made of network namespaces: a node with the pod
// bridge, pods on it with real TCP and UDP servers, and a machine outside.
//
// A back end's own test calls Run with a function that opens it. The network
// is made of unnamed namespaces, which the kernel removes with the test
// process, however that ends.
package backendtest
