// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package deployment moves Deployments from one pod template to the next by scaling ReplicaSets.
//
// It owns the ReplicaSets that refer to a Deployment as their controller (one for each template, named by the hash of
// the template), their replica counts and revision annotations, the revision annotation of the Deployment, and the
// status of Deployments. It never touches a pod.
//
// Each pass takes one step, decided by a pure function (makePlan) from the Deployment and its ReplicaSets; the events of
// the ReplicaSets that follow from the step cause the next pass:
//
//	paused, or replicas changed ──► scale all sets in proportion
//	RollingUpdate: new set missing ──► create it ──► scale it up within maxSurge ──► scale old ones down within maxUnavailable
//	Recreate: old sets not empty ──► scale them to zero ──► wait for their pods to be gone ──► create the new one
//	complete ──► delete old sets beyond revisionHistoryLimit
//
// What always holds: at most replicas + maxSurge pods are asked for, and old pods are only given up while at least
// replicas - maxUnavailable pods are available. All writes carry the resource version they were decided on, so a step
// decided on an old picture is refused by the API server and decided again.
package deployment
