// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package machine says what the figures were measured on: processor, memory, kernel, and how busy the machine was.
package machine
