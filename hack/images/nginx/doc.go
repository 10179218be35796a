// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Command nginx stands in for the web server of that name in the images of the conformance suite, whose tests want a container
// that stays up, answers on port 80 and leaves when told to. It takes nginx's flags and heeds none of them.
package main
