// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lifecycle decides what a pod needs next and what its status is. Everything in it is a pure function of one
// observation (Seen): the pod as the API wants it, what the runtime holds, what probes found and what the agent
// remembers. Carrying it out is nodeagent/podsync's job.
//
//	                    ┌───────────── sandbox died ────────────┐
//	                    ▼                                       │
//	observed ─► no sandbox ─► init containers ─► containers run ─┤─► all done ─► ended
//	     │           (in order; sidecars         (restarted with │                 ▲
//	     │            stay)                       back-off)      └─ deleted, late, ┘
//	     └─ rejected at admission ──────────────────────────────────  evicted
//
// Make is asked again after every step and every event, and always returns the next step for what is really there; so a
// plan that was interrupted, by a crash or a newer desired state, needs no undoing.
package lifecycle
