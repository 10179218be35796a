// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import "coxswain.dev/coxswain/test/bench/scenario"

// All scenarios, in the order of the table.
func All() []scenario.Scenario {
	return []scenario.Scenario{
		start(),
		startAPIServer(),
		startNode(),
		idlePlane(),
		idleAll(),
		startPod(),
		api(),
		apiEmbedded(),
		flood(),
		schedule(),
		services(),
	}
}

// Names by which notes call the peers.
const (
	apiPeer   = "etcd and kube-apiserver"
	planePeer = "etcd, kube-apiserver, kube-controller-manager and kube-scheduler"
)
