// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package server is the HTTPS server of a node (port 10250): the paths of the kubelet that the API server and monitoring
// call. Streams (exec, attach, port-forward) are relayed to the container runtime, which serves them itself; logs are
// read from the files that the runtime writes; figures come from handlers that the statistics package gives.
//
// Who may call what is asked of the API server: each path stands for a subresource of the node, as in the kubelet.
package server
