// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reviewer stands in for an API server towards components that ask it about credentials and access: it answers
// TokenReview and SubjectAccessReview from a list of users, and nothing else.
package reviewer
