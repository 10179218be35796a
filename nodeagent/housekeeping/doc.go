// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package housekeeping does what needs no hurry: it rotates the logs of containers and removes unused images when the
// disk gets full. Which images go is decided by a pure function.
package housekeeping
