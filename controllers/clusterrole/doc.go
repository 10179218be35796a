// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clusterrole fills ClusterRoles that have an aggregation rule with the rules of the ClusterRoles it selects. It
// owns the rules of such roles.
package clusterrole
