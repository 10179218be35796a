// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package expectations keeps a controller from acting on a cache that has not yet seen the controller's own writes.
//
// Before creating or deleting, the controller says how much it is about to do; the handler of watch events ticks the
// writes off as the cache shows them. Until all are ticked off, Satisfied is false and Reconcile must do nothing: the
// event that ticks off the last one wakes it again. A write that fails is taken back by the controller itself. An
// expectation older than the timeout counts as satisfied, so that a lost event delays but never stops a controller.
package expectations
