// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package env starts an API server of our own for a test suite: the built binary as a child process, with its embedded
// etcd in a temporary folder. Suites stay small and quick to link that way, and they test what users run.
//
// The binary is bin/coxswain of this checkout (`make build`), or the one that COXSWAIN_BIN names.
package env
