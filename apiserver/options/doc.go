// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package options turns the flags of kube-apiserver into the configuration of our API server.
//
// New holds the defaults, AddFlags registers the flags, Complete fills in what follows from the rest and Validate
// reports everything that is wrong at once. Completed.Config is what apiserver.New takes. A flag of kube-apiserver that
// makes no difference here is accepted and says so in its help, so that scripts and test suites written for
// kube-apiserver run unchanged.
package options
