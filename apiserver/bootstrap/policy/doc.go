// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package policy is the data of the default roles and bindings: what Kubernetes grants out of the box, under the same
// names, plus the little that Coxswain's own parts need beyond it (names beginning with coxswain:).
//
// It is data only. Package bootstrap writes it into the cluster.
package policy
