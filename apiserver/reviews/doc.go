// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reviews answers questions about identity and access: TokenReview, SubjectAccessReview in its three forms,
// SelfSubjectRulesReview and SelfSubjectReview. Reviews are created, answered at once, and never stored.
package reviews
