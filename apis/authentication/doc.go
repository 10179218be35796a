// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package authentication describes the kinds of the API group authentication.k8s.io: questions about who somebody is.
// None is stored; the API server attaches the answering.
package authentication
