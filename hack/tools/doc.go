// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tools pins the generators that the scripts in hack run; go.mod names them (go tool -modfile=hack/tools/go.mod).
// They are a module of their own so that what they need never mixes with what the product needs.
package tools
