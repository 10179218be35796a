// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metrics declares the scheduler's metrics, under the names that dashboards for kube-scheduler expect. Each
// scheduler has its own.
package metrics
