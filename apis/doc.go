// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package apis lists every built-in API group, and builds the scheme that our components read and write with. A group is
// one folder below this one, a kind one file in it; docs/apis.md says what holds for all of them.
package apis
