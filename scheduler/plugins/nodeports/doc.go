// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nodeports keeps pods off nodes where a host port they ask for is taken.
package nodeports
