// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package nodespace

import (
	"errors"
	"os/exec"
	"syscall"
)

var errNotLinux = errors.New("several nodes on one machine need the namespaces of Linux")

// Ensure is not possible here.
func Ensure(string, string, ...string) (Space, error) { return Space{}, errNotLinux }

// Start is not possible here.
func (s Space) Start(*exec.Cmd) error { return errNotLinux }

// Remove has nothing to remove.
func Remove(string, string) error { return nil }

// RemoveAll has nothing to remove.
func RemoveAll(string) error { return nil }

// Attributes are those of any command.
func Attributes() *syscall.SysProcAttr { return nil }

// CheckOwn is always an error.
func CheckOwn() error { return errNotLinux }

// SetHostname is not possible here.
func SetHostname(string) error { return errNotLinux }
