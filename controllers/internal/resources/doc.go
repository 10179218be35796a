// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package resources asks the API server which resources it serves, custom and aggregated ones included, in the form
// that garbage collection and namespace deletion need.
package resources
