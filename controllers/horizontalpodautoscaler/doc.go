// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package horizontalpodautoscaler scales workloads to hold metrics of their pods at a target.
//
// It owns the status of HorizontalPodAutoscalers and the replica count of what they refer to, which it changes through
// the scale subresource, so any resource that has one can be scaled.
//
//	scale, pods, metrics ──► replicas by each metric (replicas.go) ──► the largest ──► stabilized over recent
//	recommendations, then limited by the policies for the direction (behavior.go) ──► scale
//
// Everything between the arrows is pure. Recent recommendations and scalings are kept in memory only: after a restart the
// present size counts as the first recommendation, so a restart by itself never scales.
//
// Served metrics are Resource and ContainerResource (cpu, memory) from metrics.k8s.io. Pods, Object and External metrics
// need APIs that others provide; without them they are reported as failing, in the conditions.
package horizontalpodautoscaler
