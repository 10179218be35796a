// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nodeunschedulable keeps pods off cordoned nodes, unless they tolerate the taint that stands for cordoning.
package nodeunschedulable
