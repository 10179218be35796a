// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package simulated runs nodes without containers: for people without root rights, for suites that want Deployments to
// become ready, and for trying schedulers and controllers with thousands of nodes.
//
// A simulated node is registered, Ready, and keeps its lease. Pods bound to it get an address and go through the node
// agent's own state machine (nodeagent/lifecycle), so that their statuses are those of real ones; the difference is the
// runtime, which is made of timers:
//
//	informer ─► track ─► queue (one heap of timers) ─► advance (pure) ─► status writer ─► API
//	                       ▲                              │ when the next thing happens
//	                       └──────────────────────────────┘
//
// All nodes share one informer, one queue and a handful of workers. Containers run until their pod is deleted, unless
// annotations on the pod say otherwise (see DurationAnnotation and its neighbours).
package simulated
