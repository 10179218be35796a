// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package trim

import "runtime/debug"

// AfterStart gives back what it can.
func AfterStart() error {
	debug.FreeOSMemory()
	return nil
}
