// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package options are the flags and the configuration file of the service
// proxy, named as kube-proxy names them.
//
// A KubeProxyConfiguration given with --config sets everything it mentions; a
// flag given on the command line wins over the file. What only Coxswain has
// (DNS, routes, the name of the table) is a flag of its own.
package options
