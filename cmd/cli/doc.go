// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cli is what the subcommands share: streams, exit codes, logging set-up and the progress lines.
package cli
