// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package prioritysort

import (
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/scheduler/framework"
)

// Name is what configuration calls the plugin.
const Name = "PrioritySort"

// Plugin is the plugin.
type Plugin struct{}

var _ framework.QueueSortPlugin = (*Plugin)(nil)

// New builds the plugin.
func New(runtime.Object, framework.Handle) (framework.Plugin, error) { return &Plugin{}, nil }

// Name implements framework.Plugin.
func (*Plugin) Name() string { return Name }

// Less implements framework.QueueSortPlugin.
func (*Plugin) Less(a, b framework.Queued) bool {
	if a.Priority() != b.Priority() {
		return a.Priority() > b.Priority()
	}
	return a.Since() < b.Since()
}
