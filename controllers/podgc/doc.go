// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package podgc deletes pods that no node agent will ever finish: those bound to nodes that are gone, those that were
// deleted before they got a node, those ending on nodes that are out of service for good, and, above a threshold, the
// oldest of those that have ended.
//
// A pod on a node that is gone is first marked as failed and as disrupted, so that Jobs count it right. A node counts as
// gone when it has been missing for the quarantine and the API server, not only the cache, says so.
package podgc
