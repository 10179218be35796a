// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package resources turns requests and limits into what the kernel knows: cgroups of the node, of the classes of service
// and of pods, shares and quotas of containers, and scores for the killer of processes when memory runs out.
//
//	<root>/kubepods                    what all pods may use together
//	<root>/kubepods/pod<uid>           guaranteed pods
//	<root>/kubepods/burstable/pod<uid>
//	<root>/kubepods/besteffort/pod<uid>
//
// The arithmetic is pure; Tree alone touches the kernel, and does so for cgroup v1 and v2 alike.
package resources
