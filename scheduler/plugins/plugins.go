// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package plugins

import (
	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/plugins/balancedallocation"
	"coxswain.dev/coxswain/scheduler/plugins/defaultbinder"
	"coxswain.dev/coxswain/scheduler/plugins/imagelocality"
	"coxswain.dev/coxswain/scheduler/plugins/nodeaffinity"
	"coxswain.dev/coxswain/scheduler/plugins/nodename"
	"coxswain.dev/coxswain/scheduler/plugins/nodeports"
	"coxswain.dev/coxswain/scheduler/plugins/noderesourcesfit"
	"coxswain.dev/coxswain/scheduler/plugins/nodeunschedulable"
	"coxswain.dev/coxswain/scheduler/plugins/prioritysort"
	"coxswain.dev/coxswain/scheduler/plugins/schedulinggates"
	"coxswain.dev/coxswain/scheduler/plugins/tainttoleration"
)

// All is every plugin there is, in the order in which they run. Filters are ordered as in kube-scheduler, since the
// first that rejects a node is the one whose reason is shown.
func All() framework.Registry {
	return framework.Registry{
		{Name: schedulinggates.Name, New: schedulinggates.New, Default: true},
		{Name: prioritysort.Name, New: prioritysort.New, Default: true},
		{Name: nodeunschedulable.Name, New: nodeunschedulable.New, Default: true},
		{Name: nodename.Name, New: nodename.New, Default: true},
		{Name: tainttoleration.Name, New: tainttoleration.New, Default: true, Weight: 3},
		{Name: nodeaffinity.Name, New: nodeaffinity.New, Args: nodeaffinity.Args, Default: true, Weight: 2},
		{Name: nodeports.Name, New: nodeports.New, Default: true},
		{Name: noderesourcesfit.Name, New: noderesourcesfit.New, Args: noderesourcesfit.Args, Default: true},
		{Name: balancedallocation.Name, New: balancedallocation.New, Args: balancedallocation.Args, Default: true},
		{Name: imagelocality.Name, New: imagelocality.New, Default: true},
		{Name: defaultbinder.Name, New: defaultbinder.New, Default: true},
	}
}
