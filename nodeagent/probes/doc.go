// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package probes asks running containers how they are: startup, liveness and readiness, by a command, HTTP, TCP or gRPC.
//
// Each probe of each running container has a goroutine of its own, keyed by container ID, so that a restarted container
// starts with a clean slate. Results are read through lifecycle.Health; a change of any of them wakes the pod's worker.
package probes
