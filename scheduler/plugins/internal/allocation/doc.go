// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package allocation works out how full a node would be with a pod on it, for the plugins that score resources.
package allocation
