// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package network

import (
	"context"
	"errors"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
)

var errNotLinux = errors.New("a node's network can only be set up on Linux")

// SetSysctls needs Linux.
func SetSysctls() error { return errNotLinux }

// Setup needs Linux.
func Setup(Config) error { return errNotLinux }

// Remove has nothing to remove.
func Remove(Config) error { return nil }

// SyncRoutes needs Linux.
func SyncRoutes(string, []netip.Prefix, []*corev1.Node) error { return errNotLinux }

// LocalAddresses needs Linux.
func LocalAddresses() ([]netip.Addr, error) { return nil, errNotLinux }

// WatchAddresses needs Linux.
func WatchAddresses(context.Context, func([]netip.Addr)) error { return errNotLinux }

// Plug is not possible here.
func Plug(Cable, string) error { return errNotLinux }

// Unplug has nothing to remove.
func Unplug(Cable) error { return nil }

// Join is not possible here.
func Join(Cable) error { return errNotLinux }

// SetConntrack needs Linux.
func SetConntrack(int, map[string]time.Duration) error { return errNotLinux }

// WatchRoutes is not possible here.
func WatchRoutes(context.Context, func()) error { return errNotLinux }
