// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package podsync carries pods out: it observes one, asks nodeagent/lifecycle for the next step, takes it, and hands the
// status over, until there is nothing to do.
//
//	Syncer.Sync (one call per wake of a pod's worker)
//	  ├─ observe      runtime, termination messages
//	  ├─ lifecycle.Make, lifecycle.Status → status.Writer, pods.Store
//	  └─ step         end │ sandbox │ kill │ start           (end.go, sandbox.go, kill.go, start.go)
//	       └─ hooks   one per concern, in the visible order of NodeHooks
//
// Every step may be repeated and survives a crash: what is done is read from the runtime, not remembered. A worker's
// context ends when a newer desired state makes a step moot (a pod that is deleted while its image is pulled).
package podsync
