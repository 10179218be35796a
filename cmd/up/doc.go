// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package up is `coxswain up`: it composes all parts of a cluster in one process, where they share one set of informers
// and reach the API server in memory, and reports its progress a line a step.
//
//	up.go       the command, in the foreground
//	detach.go   the same in the background
//	options.go  flags and what follows from them
//	compose.go  which parts there are and in which order they start
//	parts.go    how API server, controllers and scheduler are configured
//	nodes.go    the same for what runs on a node; simulated.go where there is none
//	further.go  the second node and those after it, which are processes of their own
//	endpoints.go  health and metrics of the parts
package up
