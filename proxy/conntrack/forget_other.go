// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package conntrack

import "coxswain.dev/coxswain/proxy/state"

// Forget does nothing where there is no connection table.
func Forget([]state.Change) (uint, error) { return 0, nil }
