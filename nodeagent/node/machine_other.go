// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package node

import "errors"

var errNoMachine = errors.New("nodes run on Linux only")

// ReadMachine fails: real nodes run on Linux.
func ReadMachine(string) (Machine, error) { return Machine{}, errNoMachine }

// ReadPressure fails: real nodes run on Linux.
func ReadPressure(string) (Pressure, error) { return Pressure{}, errNoMachine }
