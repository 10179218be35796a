// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package node keeps the Node object of this machine: it registers it, renews its lease, and reports what the machine has
// and how it is.
//
//	Machine   what the machine is and has, read from the kernel once
//	build.go  pure: machine + conditions in, Node out
//	Keeper    registers, then writes the status whenever it changed, and every five minutes if not
//
// A node that this agent registered is tainted not-ready by the node lifecycle controller until it reports Ready; here it
// is registered with that taint, so that no pod comes in between.
package node
