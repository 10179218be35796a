// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package runtime is all that the node agent knows about whatever runs containers: a narrow interface over the
// Container Runtime Interface v1, and its implementation over gRPC for any such runtime (cri.go, one file a subject).
// Simulated nodes bring another implementation, made of timers.
//
// The interface observes by pod: State is everything the runtime holds for one pod UID, and Watch tells which pod
// changed, so nothing here needs polling. What is asked for is said in the words of CRI itself (PodSandboxConfig,
// ContainerConfig): there is nothing to gain from a second vocabulary.
//
// Every call may be repeated: stopping or removing what is already gone succeeds. Calls are safe from several
// goroutines at once and end when their context ends.
package runtime
