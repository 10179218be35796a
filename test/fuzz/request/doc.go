// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package request sends requests that a fuzzer makes up straight to the handler of an API server in the same process,
// which has one object of every kind. No answer may be a fault of the server, and every request ends.
package request
