// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package options reads the scheduler's flags, which are kube-scheduler's, and its configuration file
// (KubeSchedulerConfiguration, kubescheduler.config.k8s.io/v1), and completes them into a scheduler.Config.
package options
