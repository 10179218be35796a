// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tainttoleration keeps pods off nodes with NoSchedule and NoExecute taints that they do not tolerate, and
// prefers nodes with fewer PreferNoSchedule taints that they do not tolerate.
package tainttoleration
