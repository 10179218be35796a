// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package eviction deletes pods from nodes with NoExecute taints that they do not, or no longer, tolerate.
//
// When a pod must go follows from taints and tolerations alone: at once when a taint is not tolerated, and otherwise
// when the shortest tolerationSeconds has passed since the taint was added. So nothing is remembered: a pod is looked at
// when it or its node's taints change, and again when its time is up.
package eviction
