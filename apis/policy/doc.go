// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package policy describes the kinds of the API group policy.
package policy
