// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metricsapi serves metrics.k8s.io: how much processor and memory nodes and pods use right now, for kubectl top
// and for the horizontal autoscaler, with no metrics server to install.
//
// Nothing is collected while nobody asks. A question fetches /stats/summary from the agents that it concerns, at the same
// time, through the same connection as logs and exec; an answer is good for some seconds, and concurrent questions share
// one fetch. A node that does not answer is left out, as is a pod whose containers have not been measured yet.
package metricsapi
