// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lab is a network of its own for a service proxy under measurement: a network namespace with nothing but
// loopback, in which the API server's port is relayed from outside, addresses stand for pods, and connections through
// Services are tried. Nothing of it is seen outside, and it goes with its last process.
package lab
