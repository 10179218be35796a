// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cmd is the command line: it lists the subcommands and chooses among them by name, or by the name that the
// binary was called with (kube-apiserver, etcd, kubectl, …). Each subcommand is one package below this one, with its
// flags and wiring; what it does is in the components.
package cmd
