// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package certs

import "strings"

// splitNode reads NAME or NAME=ADDRESS.
func splitNode(value string) (name string, addresses []string) {
	name, address, found := strings.Cut(value, "=")
	if found && address != "" {
		addresses = []string{address}
	}
	return name, addresses
}
