// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package defaultbinder binds a pod to its node through the pod's binding subresource.
package defaultbinder
