// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package containerd

import "context"

// Terminate has nothing to end.
func Terminate(context.Context, Config) error { return nil }

// Sweep has nothing to remove.
func Sweep(context.Context, Config) error { return nil }

func mayRaisePriority() bool { return false }

func isOurs(int, string) bool { return false }
