// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package difftest holds our gopkg.in/inf.v0 against the original: the same operations on the same random numbers give
// the same digits and the same scale, as long as the numbers keep to the limits of ours.
package difftest
