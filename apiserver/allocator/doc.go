// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package allocator gives Services their cluster IPs and node ports, such that no two get the same, on one API server or
// several.
//
// Every address and port in use is one key in etcd, written only if absent: that write is the reservation, so two servers
// cannot both succeed, and none of them needs a lock or a leader. (A bitmap in one key, Kubernetes' older way, makes all
// creates of all servers contend for it and rewrites 8 KB for each.) Addresses are IPAddress objects under the keys of
// Kubernetes, ready for the day that kind is served. What this server knows to be taken is kept in memory, only to guess
// well; etcd decides.
//
// A reservation precedes its Service, and the Service's end precedes the release, so a crash can leave a reservation
// without Service but never a Service without reservation. Repair, at start and every few minutes, frees such leftovers,
// once they have been without owner for a whole period (a create may be under way elsewhere), and reserves what Services
// restored from elsewhere use.
package allocator
