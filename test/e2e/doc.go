// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e tests the built binary on real containers: a cluster of its own (name, folders, addresses, ports), used
// through kubectl and through its Services as a person would. It needs root on Linux; elsewhere it says so and skips.
package e2e
