// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

import "os/exec"

func ownGroup(*exec.Cmd) {}

func killGroup(*exec.Cmd) {}

func settleDisk() {}
