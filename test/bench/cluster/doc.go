// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cluster starts control planes to measure: Apart is one process a part, either the programs of Kubernetes and
// etcd or our own under the same flags; Up is `coxswain up`. All of it is bound to loopback (a real node has addresses on
// bridges of its own), on free ports, in the folder of its run, and is stopped by process id.
package cluster
