// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package server is the HTTPS server of a node (port 10250): the paths of the kubelet that the API server and monitoring
// call. Streams (exec, attach, port-forward) are relayed to the container runtime, which serves them itself; logs are
// read from the files that the runtime writes; figures come from handlers that the statistics package gives.
//
// Nothing is open. Each path stands for a subresource of the node (access.go, a table), and who may call it is asked of the
// API server; streams need the right to create. The right belongs to the pattern that serves a request, so there is no way
// to write a path that is judged as one and served as another.
package server
