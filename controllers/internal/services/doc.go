// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package services finds the Services whose endpoints a change of a pod may alter.
package services
