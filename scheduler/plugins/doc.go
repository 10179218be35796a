// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plugins lists the plugins that the scheduler is made of; each has a folder of its own below.
package plugins
