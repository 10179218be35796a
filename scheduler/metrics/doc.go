// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metrics declares the scheduler's metrics, under the names that dashboards for kube-scheduler expect. They are
// registered with component-base's legacy registry, once for the process however many schedulers it runs.
package metrics
