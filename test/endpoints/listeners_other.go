// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package endpoints

import (
	"errors"
	"net/netip"
)

// Listeners is for Linux only.
func Listeners(int) ([]netip.AddrPort, error) {
	return nil, errors.New("finding the addresses of a process needs Linux")
}
