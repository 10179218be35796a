// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pods holds the rules of pods and pod templates: their defaults, validation and quality of service.
//
// Pod, and every kind with a template (ReplicaSet, Deployment, Job, ...), shares these rules, so they live apart from
// any one kind. DefaultSpec and ValidateSpec are for templates and pods alike; DefaultPod and ValidatePod add what
// holds only for a pod itself; ValidatePodUpdate, ValidateStatusUpdate and their kin say what may change later.
//
// The rules are those of Kubernetes 1.37 with its default feature gates. Field paths, error types and messages are
// the ones that users and programs know from there. One file holds one subject (probes.go, mounts.go, ...). All
// functions are pure.
package pods
