// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package containerd brings the node's own container runtime along: containerd, its shim, runc and the CNI plugins are
// embedded in the binary (assets, filled by hack/runtime/build.sh), unpacked to the state directory and run beside the
// agent as a child process.
//
// What must hold:
//   - Containers outlive containerd, and containerd outlives nothing: it stops with the agent. When the agent was killed,
//     the next one ends the containerd that it left behind and starts its own on the same state; shims reconnect.
//   - Two nodes on one machine share nothing: root, state, sockets, shim sockets and CNI folders all derive from Config.
//   - Nothing of a containerd that the distribution installed is used or touched.
package containerd
