// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package endpoints says what the servers of a running cluster may show: which families of metrics each component has,
// as data, and how to find all addresses that a process listens on.
package endpoints
