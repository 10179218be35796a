// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package process

import "syscall"

// attributes have no equivalent here: Stop ends the child.
func attributes() *syscall.SysProcAttr { return nil }
