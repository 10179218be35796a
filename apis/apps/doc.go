// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package apps describes the kinds of the API group apps: the workloads that keep a number of pods running. One file is
// one kind; group.go lists them.
package apps
