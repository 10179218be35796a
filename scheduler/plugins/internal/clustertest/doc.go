// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clustertest builds nodes and pods in a line, and asks a plugin about them, for the tables beside each plugin.
package clustertest
