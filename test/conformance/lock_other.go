// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

import "os"

// lockFile does nothing: real nodes need Linux, and so does a run.
func lockFile(*os.File) error { return nil }
