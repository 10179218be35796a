// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package stats says what the node, its pods and their containers use: processor, memory, disk and network.
//
//	kernel ── Meter (cAdvisor's reader of cgroups v1 and v2) ──┐
//	runtime ── CRI statistics (writable layers, sandboxes) ────┼─► snapshot ─► /stats/summary, /metrics/resource,
//	disk ── statfs and walks, kept for a minute ───────────────┘               /metrics/cadvisor
//
// Nothing runs on a timer. A question takes a snapshot; one that was taken less than a second ago is shared. Processor
// rates need two readings: snapshots of the last seconds are remembered for that, a container that began since counts
// from its start, and when there is neither, the question waits for a second reading. A node that nobody asks spends
// nothing, and one asked every 15 seconds by the autoscaler answers at once with the average of those 15 seconds.
//
// Of cAdvisor the readers, the machine description and the metric families are used, not its manager: that one keeps a
// goroutine, a watch and two minutes of samples for every cgroup of the machine, ours or not, which costs more memory and
// processor than this whole node agent may.
package stats
