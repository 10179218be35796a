// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bench measures the built binary as its users meet it: whole processes, medians of several runs. Run it with
// `make bench`; nothing here is part of `make test`.
package bench
