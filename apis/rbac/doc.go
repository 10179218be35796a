// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rbac describes the kinds of the API group rbac.authorization.k8s.io.
//
// That nobody may grant what he does not hold (the escalate and bind verbs) cannot be told from an object alone: it asks
// the authorizer, so the API server attaches that check by resource.
package rbac
