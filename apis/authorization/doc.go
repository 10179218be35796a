// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package authorization describes the kinds of the API group authorization.k8s.io: questions about what somebody may do.
// None is stored; the API server attaches the answering.
package authorization
