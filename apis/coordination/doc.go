// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package coordination describes the kinds of the API group coordination.k8s.io: leases, by which nodes say that they
// live and components elect a leader.
package coordination
