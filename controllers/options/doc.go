// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package options is the command line of the controller manager, with the flag names of kube-controller-manager.
//
// New has the defaults, AddFlags offers them as flags, Complete reads the files they name and turns them into a
// controllers.Config. Validate lists everything that is wrong at once.
package options
