// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fields answers the downward API: what a pod may learn about itself through variables and files.
package fields
