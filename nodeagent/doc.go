// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nodeagent turns a machine into a node of a cluster: it registers it, keeps its lease and status, and runs the
// pods that the scheduler binds to it on a container runtime.
package nodeagent
