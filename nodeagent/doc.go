// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nodeagent turns a machine into a node of a cluster: it registers it, keeps its lease and status, and runs the
// pods that the scheduler binds to it on a container runtime.
//
//	API server ◄─── node (registration, lease, status) ◄─── runtime status, machine
//	    │  ▲
//	    │  └─────── status (statuses, removal) ◄──┐
//	    ▼ watch: pods of this node               │
//	 podsync.Syncer ◄── podworker (one per UID) ──┤
//	    │   ▲ events                              │
//	    ▼   │                                     └── lifecycle: what next, which status (pure)
//	 runtime (CRI) ── containerd (a child process) ── containers
//
// Agent only wires these together; each package says in its doc.go what it promises.
package nodeagent
