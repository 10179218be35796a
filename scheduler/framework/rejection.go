// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package framework

import "errors"

// ErrSkip is how a bind plugin passes.
var ErrSkip = errors.New("skipped by this plugin")

// Rejection says why a pod cannot be on a node, or anywhere.
type Rejection struct {
	// Plugin is filled in by the framework where plugins leave it out.
	Plugin string
	// Reasons are for the eyes of the pod's owner, worded as kube-scheduler words them.
	Reasons []string
	// Unresolvable means that no pod leaving the node would change it.
	Unresolvable bool
}

// Reject returns a rejection that the removal of pods might lift.
func Reject(plugin string, reasons ...string) *Rejection {
	return &Rejection{Plugin: plugin, Reasons: reasons}
}

// RejectForGood returns a rejection that the removal of pods would not lift.
func RejectForGood(plugin string, reasons ...string) *Rejection {
	return &Rejection{Plugin: plugin, Reasons: reasons, Unresolvable: true}
}
