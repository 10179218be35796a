// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package objects makes objects of every kind out of the bytes that a fuzzer provides: from nothing, and by changing
// examples that are valid, field by field and guided by their Go types, so that most of an object stays in order and
// what is behind the first check is reached.
package objects
