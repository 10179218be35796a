// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package cleanup

// removeBridge has nothing to remove.
func removeBridge(string) error { return nil }
