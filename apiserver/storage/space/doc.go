// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package space keeps the store within its quota, so that writes never fail for what is not there any more.
//
// etcd keeps every version of every object until it is told to give old ones up (compaction), and a database file never
// becomes smaller by itself (defragmentation). At its quota etcd raises an alarm, which stays until somebody takes it
// back, and refuses every write but deletion; an object that has finalizers, or a grace period, cannot be deleted by
// that alone. Kubernetes compacts every five minutes, however much is written in between.
//
//	writes ──► KV ──► etcd          KV counts what is written, and lets a write wait for room or refuses it
//	            │ wakes
//	            ▼
//	         Keeper: look ► compact ► look ► defragment ► disarm ► tell KV how much room there is
//
// The Keeper looks when enough has been written since it last did, and once an interval; nothing is polled, and an idle
// store wakes nobody. What it does about what it sees are the pure functions of policy.go:
//
//   - Old versions are given up when they need more than 256 MiB, or half of what the objects themselves need, or half of
//     the room that is left. About half of them are kept, and all of the last ten seconds if there is room: watches and
//     the pages of a list continue from them. They are never given up before the server's own watch caches have seen
//     them, unless writes would fail for it.
//   - The file is defragmented at a quiet moment when less than half of it is used, or at once when it has outgrown the
//     quota and much of it is free. Pages that are free are used again without that.
//
// The quota is for pages in use. Of an embedded etcd, whose own quota is larger by a reserve, it is the Keeper's to hold
// writes to it. At the quota every object can still be deleted, and updated if that makes it no larger (by more than a
// few KiB), which is what finalizers, leases and the status of a pod that ends need. Of a cluster that others run the
// Keeper compacts only, says when there is an alarm, and takes it back once there is room.
//
// Several servers may work on one etcd: like the compactor of Kubernetes, whoever changes compact_rev_key compacts.
package space
