// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rbac decides requests by the roles and bindings of rbac.authorization.k8s.io/v1.
//
// Bindings are indexed by subject, so a decision costs as much as the user has bindings, not as the cluster has. What
// rules mean is in rules.go and pure; reading bindings and roles is in resolver.go; escalation.go keeps people from
// granting what they do not hold.
package rbac
