// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kubeconfig writes kubeconfig files for a cluster's own parts and merges the cluster's context into a user's
// kubeconfig, touching nothing else in it.
package kubeconfig
