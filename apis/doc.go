// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package apis lists every built-in API group. A group is one folder below this one, a kind one file in it.
package apis
