// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package env

import "syscall"

// dieWithParent has no equivalent here: Stop ends the server.
func dieWithParent() *syscall.SysProcAttr { return nil }
