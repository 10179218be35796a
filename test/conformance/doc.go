// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Command conformance runs the official conformance suite of Kubernetes against a cluster of ours and reports every one of its
// tests as passed, failed or not run. hack/conformance.sh is the way to call it.
//
// The suite is the e2e.test program as its authors wrote it. It is started again and again, each time for a few tests
// (a batch), and what each test ended with is written down at once: a run that is cut off goes on where it was. A test
// that does not end within -limit is stopped and counts as failed; the rest of its batch is run again. Tests that
// disturb others ([Serial], [Disruptive]) run alone, after the others. A cluster that dies is started anew, and what
// failed with it runs once more.
//
//	run.go      what is chosen, begun and reported      plan.go     pure: the order, the batches, the estimate
//	runner.go   workers and batches                     settle.go   pure: what counts, what runs again
//	suite.go    one start of the suite                  spec.go     its report
//	cluster.go  up and down    target.go, probe.go      is it alive; what tests have left in it
//	journal.go  every result   summary.go, report.go, junit.go, ratchet.go   what is made of them
//
// Results belong to a build of coxswain (commit, uncommitted changes, content). A new build starts with none, unless
// -keep says that earlier ones still count. docs/ only ever tells of a whole run of one build.
package main
