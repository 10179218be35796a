// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Command conformance runs the official conformance suite of Kubernetes against a cluster of ours and reports every one of its
// tests as passed, failed or not run. hack/conformance.sh is the way to call it.
//
// The suite is the e2e.test program as its authors wrote it. It is started again and again, each time for a few tests
// (a batch), and what each test ended with is written down at once: a run that is cut off goes on where it was. A test
// that does not end within -limit is stopped and counts as failed; the rest of its batch is run again. Tests that
// disturb others ([Serial]) run alone, after the others.
//
// Results belong to a build of coxswain. A new build starts with none, unless -keep says that earlier ones still count.
package main
